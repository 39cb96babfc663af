"""The disentangled dynamic graph attention network, and the two readers of a pair's parts.

A layer makes zI = FFN(mask * c + x) and zV = FFN(s) from the two sums of `attention`, with one FFN for both, and passes
zI + zV on; only the last layer's parts are read apart. Where the paper and the authors' code differ, `Config` says so
and takes the code's form unless told otherwise.
"""

import math
from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from likewise.dida.attention import Past, attend
from likewise.dida.config import Config
from likewise.dida.graph import Graph
from likewise.dida.pieces import Work, in_pieces


class Layer(nn.Module):
    """One layer of attention over the past; width d."""

    def __init__(self, config: Config, rows: int) -> None:
        super().__init__()
        width, self.config = config.width, config
        wide = 2 * width if config.time_code == "concat" else width
        self.query, self.key, self.value = (nn.Linear(wide, width) for _ in range(3))
        self.table = nn.Parameter(sinusoids(rows, width))  # trained, as in the code, whose freeze has no effect
        self.time = nn.Linear(width, width)
        self.norm = nn.LayerNorm(width)
        self.network = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))
        self.gate = nn.Parameter(torch.ones(1))
        self.mask = nn.Parameter(torch.ones(width))

    def forward(
        self, x: Tensor, past: Past, random: torch.Generator | None = None, *, last: bool = False, variant: bool = True
    ) -> tuple[Tensor, Tensor | None]:
        """The invariant and variant parts of every node and time, (T, N, d); x: (T, N, d), or (1, N, d) if still.

        Nodes are in the order of the past's, here and in all methods that are given it. variant: make that part at all.
        In the last layer it is only read, so it is made without gradients.
        """
        return self.answer(*self.ask(x, past), x, past, random, last=last, variant=variant)

    def answer(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        x: Tensor,
        past: Past,
        random: torch.Generator | None = None,
        *,
        last: bool = False,
        variant: bool = True,
    ) -> tuple[Tensor, Tensor | None]:
        """What `forward` returns, of queries, keys and values that are there already."""
        form = self.config.variant_softmax if variant else None
        sums, others = attend(query, key, value, past.blocks, self.config.heads, variant=form, apart=last)
        return self.finish(sums, x, random), self.finish_variant(others, random, last=last)

    def ask(self, x: Tensor, past: Past) -> tuple[Tensor, Tensor, Tensor]:
        """Queries of all nodes and times (T, N, d), keys and values of all senders (U, d); x as in `forward`."""
        senders, place = x[0], past.place[past.sender]
        if len(x) > 1:
            senders, place = x.flatten(0, 1).index_select(0, place + past.snapshot * x.shape[1]), None
        key, value = (self.project(linear, senders, past.snapshot, place) for linear in (self.key, self.value))
        return self.project(self.query, x, past.moments).expand(past.times, -1, -1), key, value

    def finish(self, sums: Tensor, x: Tensor, random: torch.Generator | None = None) -> Tensor:
        """The invariant parts from the invariant sums, of any rows."""
        masked = self.config.feature_mask and self.config.branches

        def work(sums: Tensor, x: Tensor) -> Tensor:
            return self._network((sums * self.mask.softmax(0) if masked else sums) + x, random)

        return self._in_pieces(work, (sums, x), random)

    def finish_variant(
        self, sums: Tensor | None, random: torch.Generator | None = None, *, last: bool
    ) -> Tensor | None:
        """The variant parts from the variant sums, without a gradient in the last layer; None stays None."""
        with torch.set_grad_enabled(torch.is_grad_enabled() and not last):
            if sums is None:
                return None
            return self._in_pieces(lambda rows: self._network(rows, random), (sums,), random)

    def project(self, linear: nn.Linear, x: Tensor, times: Tensor, place: Tensor | None = None) -> Tensor:
        """linear(x + code), or of both side by side; what is the same for all nodes or times is multiplied once.

        x: rows (R, d) at these times (R,), or (T or 1, N, d) at times (T,). place (R,): rows' places in a shorter x.
        """
        width = x.shape[-1]
        made = F.linear(x, linear.weight[:, :width], linear.bias)
        made = made if place is None else made.index_select(0, place)
        if self.config.time_code == "none":
            return made
        shift = F.linear(self.time(self.table), linear.weight[:, -width:]).index_select(0, times)
        return made + (shift if x.ndim == 2 else shift[:, None])

    def _in_pieces(self, work: Work, rows: tuple[Tensor, ...], random: torch.Generator | None) -> Tensor:
        if random is not None and self.config.dropout:
            return work(*rows)  # what is dropped is drawn for all rows at once, whatever the size of a piece
        weights = (*self.norm.parameters(), *self.network.parameters(), self.gate, self.mask)
        return in_pieces(work, rows, weights)

    def _network(self, x: Tensor, random: torch.Generator | None) -> Tensor:
        made = self.network(self.norm(x) if self.config.norm else x)
        if random is not None and self.config.dropout:
            keep = 1 - self.config.dropout
            drawn = torch.rand(made.shape, generator=random).to(made)  # on the CPU: one seed, one result
            made = made * (drawn < keep) / keep
        if not self.config.skip:
            return x + made
        share = torch.sigmoid(self.gate)
        return (1 - share) * x + share * made


class Entrance(nn.Module):
    """What every network begins with: the features, learned where the graph has none, brought to its width."""

    def __init__(self, config: Config, size: int, width: int | None) -> None:
        """size: nodes; width: of the features that the graph brings, or None."""
        super().__init__()
        self.config = config
        self.feature = nn.Parameter(torch.empty(size, config.features)) if width is None else None
        if self.feature is not None:
            nn.init.xavier_uniform_(self.feature)
        self.enter = nn.Linear(width or config.features, config.width, bias=False)
        self.classify: nn.Linear | None = None  # where classes of nodes are learned, logits from the invariant part
        self.reclassify: nn.Linear | None = None  # and from the variant part

    def classified(self, count: int) -> None:
        """Give the network readers of `count` classes."""
        self.classify, self.reclassify = (nn.Linear(self.config.width, count) for _ in range(2))

    def features_of(self, graph: Graph) -> Tensor | None:
        """What the network reads of a graph's features: None, (N, F), or (T, N, F)."""
        return graph.features if self.config.moving_features == "newest" else graph.settled

    def entered(self, features: Tensor | None) -> Tensor:
        """The features in the network's width, (T, N, d), or (1, N, d) where they are still."""
        given = self.feature if features is None else features
        assert given is not None, "a network without learned features needs the graph's"
        x = self.enter(given.to(self.enter.weight.dtype))
        return x if x.ndim == 3 else x[None]


class Network(Entrance):
    """All layers, and the decoder of the variant parts."""

    def __init__(self, config: Config, size: int, width: int | None, rows: int) -> None:
        """size, width: as of the entrance; rows: of the time table."""
        super().__init__(config, size, width)
        layers = nn.ModuleList(Layer(config, rows) for _ in range(config.layers))
        self.layers = cast(Sequence[Layer], layers)  # seen as what it holds
        self.variant = nn.Sequential(nn.Linear(2 * config.width, config.width), nn.ReLU(), nn.Linear(config.width, 1))

    def forward(
        self, past: Past, features: Tensor | None, random: torch.Generator | None = None, *, variant: bool = True
    ) -> tuple[Tensor, Tensor | None]:
        """The invariant parts and, if asked for, the variant parts of the last layer, (T, N, d) each."""
        x, last = self.before_last(past, features, random), self.layers[-1]
        own, other = last(x, past, random, last=True, variant=self.config.branches and variant)
        return own.index_select(1, past.place), None if other is None else other.index_select(1, past.place)

    def before_last(self, past: Past, features: Tensor | None, random: torch.Generator | None = None) -> Tensor:
        """What the last layer is given, (T, N, d), or (1, N, d) where it is the first and the features are still.

        Nodes are in the order of the past's.
        """
        x = self.entered(features).index_select(1, past.order)
        for layer in self.layers[:-1]:
            x = self.passed_on(*layer(x, past, random, variant=self.passes_variant))
        return x

    @property
    def passes_variant(self) -> bool:
        """Whether a layer passes its variant part on to the next."""
        return self.config.branches and not self.config.only_invariant

    @staticmethod
    def passed_on(own: Tensor, other: Tensor | None) -> Tensor:
        """What the next layer is given."""
        return F.relu(own if other is None else own + other)

    def variant_score(self, parts: Tensor, pairs: Tensor) -> Tensor:
        """sigmoid of the variant decoder, (P,); parts (R, d) are detached, pairs (2, P) are rows of it."""
        return torch.sigmoid(self.variant(torch.cat(ends(parts.detach(), pairs), dim=1)).squeeze(1))


def score(parts: Tensor, pairs: Tensor) -> Tensor:
    """The logit of every pair, (P,): the dot product of the invariant parts (R, d) of its two rows."""
    first, second = ends(parts, pairs)
    return (first * second).sum(1)


def ends(parts: Tensor, pairs: Tensor) -> tuple[Tensor, Tensor]:
    """The rows of both ends of every pair, (P, d) each; indexing with brackets takes four times as long."""
    return parts.index_select(0, pairs[0]), parts.index_select(0, pairs[1])


def sinusoids(rows: int, width: int) -> Tensor:
    """The time table, (rows, width): sin in even columns, cos in odd ones, over sqrt(width)."""
    place = torch.arange(rows)[:, None] * torch.exp(torch.arange(0, width, 2) * -(math.log(10000.0) / width))
    return torch.stack([place.sin(), place.cos()], dim=2).flatten(1) / math.sqrt(width)
