"""What DIDA is compared with, in the same trainer: a static encoder and three that follow time in other ways.

Each maps a plan and features to one embedding a node and time, (T, N, d), made of snapshots up to that time; a pair's
score is their dot product, as everywhere. They have no variant part, and no penalty of DIDA's is put on them.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from likewise.dida.attention import messages
from likewise.dida.config import Config
from likewise.dida.graph import Graph
from likewise.dida.model import Entrance, sinusoids
from likewise.dida.weights import softmax

SLOPE = 0.2  # of the leaky ReLU in graph attention


@dataclass(frozen=True)
class Steps:
    """The links of every snapshot on their own, each node linked with itself as well."""

    adjacency: tuple[Tensor, ...]  # T sparse (N, N): D^-1/2 (A + I) D^-1/2
    sender: Tensor  # (M,) row t * N + node of each message and self-link
    target: Tensor  # (M,) likewise
    times: int

    def to(self, device: str | torch.device) -> "Steps":
        """The same on a device."""
        moved = tuple(matrix.to(device) for matrix in self.adjacency)
        return Steps(moved, self.sender.to(device), self.target.to(device), self.times)


def steps(graph: Graph, *, both_ways: bool, whole: bool = False) -> Steps:
    """The plan over a graph; whole: a snapshot's matrix holds the links of all snapshots up to it."""
    sender, target, snapshot = messages(graph, both_ways=both_ways)
    loops = torch.arange(graph.size)
    matrices = []
    for t in range(len(graph)):
        here = (snapshot <= t) if whole else (snapshot == t)
        rows, columns = torch.cat([target[here], loops]), torch.cat([sender[here], loops])
        matrices.append(_normalised(rows, columns, graph.size))
    own = torch.arange(len(graph) * graph.size)
    senders = torch.cat([snapshot * graph.size + sender, own])
    return Steps(tuple(matrices), senders, torch.cat([snapshot * graph.size + target, own]), len(graph))


def _normalised(rows: Tensor, columns: Tensor, size: int) -> Tensor:
    into, out = (torch.bincount(side, minlength=size).double() for side in (rows, columns))
    values = (into[rows] * out[columns]).rsqrt().float()
    places = torch.stack([rows, columns])
    return torch.sparse_coo_tensor(places, values, (size, size), check_invariants=False).coalesce()


def _spread(matrix: Tensor, x: Tensor) -> Tensor:
    return torch.sparse.mm(matrix.to(x.dtype), x)


class GAE(Entrance):
    """Two graph convolutions over all links so far; time is forgotten (Kipf & Welling, arXiv:1611.07308)."""

    def __init__(self, config: Config, size: int, width: int | None, rows: int) -> None:
        """As of `Network`; rows is not needed."""
        super().__init__(config, size, width)
        self.layers = nn.ModuleList(nn.Linear(config.width, config.width) for _ in range(config.layers))

    def forward(
        self, plan: Steps, features: Tensor | None, random: torch.Generator | None = None, *, variant: bool = False
    ) -> tuple[Tensor, None]:
        """The embeddings (T, N, d), and no variant part."""
        x = self.entered(features).expand(plan.times, -1, -1)
        return torch.stack([_convolved(self.layers, plan.adjacency[t], x[t]) for t in range(plan.times)]), None


class GCNGRU(Entrance):
    """Two graph convolutions of each snapshot, then a gated recurrence over snapshots (after arXiv:1612.07659)."""

    def __init__(self, config: Config, size: int, width: int | None, rows: int) -> None:
        """As of `Network`; rows is not needed."""
        super().__init__(config, size, width)
        self.layers = nn.ModuleList(nn.Linear(config.width, config.width) for _ in range(config.layers))
        self.cell = nn.GRUCell(config.width, config.width)

    def forward(
        self, plan: Steps, features: Tensor | None, random: torch.Generator | None = None, *, variant: bool = False
    ) -> tuple[Tensor, None]:
        """The embeddings (T, N, d), and no variant part."""
        x = self.entered(features).expand(plan.times, -1, -1)
        state, found = torch.zeros_like(x[0]), []
        for t in range(plan.times):
            state = self.cell(_convolved(self.layers, plan.adjacency[t], x[t]), state)
            found.append(state)
        return torch.stack(found), None


class EvolveGCN(Entrance):
    """Graph convolutions whose weights follow a gated recurrence (Pareja et al., arXiv:1902.10191, variant O).

    As in the authors' code, a matrix's columns go through one cell whose input is its own state.
    """

    def __init__(self, config: Config, size: int, width: int | None, rows: int) -> None:
        """As of `Network`; rows is not needed."""
        super().__init__(config, size, width)
        shape = (config.layers, config.width, config.width)
        self.start = nn.Parameter(torch.empty(shape).uniform_(-1, 1) / math.sqrt(config.width))
        self.cells = nn.ModuleList(nn.GRUCell(config.width, config.width) for _ in range(config.layers))

    def forward(
        self, plan: Steps, features: Tensor | None, random: torch.Generator | None = None, *, variant: bool = False
    ) -> tuple[Tensor, None]:
        """The embeddings (T, N, d), and no variant part."""
        x = self.entered(features).expand(plan.times, -1, -1)
        weights, found = list(self.start), []
        for t in range(plan.times):
            weights = [cell(weight, weight) for cell, weight in zip(self.cells, weights, strict=True)]
            now = x[t]
            for number, weight in enumerate(weights, start=1):
                now = _spread(plan.adjacency[t], now @ weight)
                now = now if number == len(weights) else F.relu(now)
            found.append(now)
        return torch.stack(found), None


class DySAT(Entrance):
    """Attention within each snapshot, then of each node over its own past (Sankar et al., arXiv:1812.09430)."""

    def __init__(self, config: Config, size: int, width: int | None, rows: int) -> None:
        """As of `Network`; rows: of the table of positions."""
        super().__init__(config, size, width)
        d = config.width
        self.linear, self.pull = (
            nn.Linear(d, d, bias=False),
            nn.Parameter(torch.empty(2, config.heads, d // config.heads)),
        )
        nn.init.xavier_uniform_(self.pull)
        self.place = nn.Parameter(sinusoids(rows, d))
        self.query, self.key, self.value = (nn.Linear(d, d, bias=False) for _ in range(3))
        self.last = nn.Linear(d, d)

    def forward(
        self, plan: Steps, features: Tensor | None, random: torch.Generator | None = None, *, variant: bool = False
    ) -> tuple[Tensor, None]:
        """The embeddings (T, N, d), and no variant part."""
        x = self.entered(features).expand(plan.times, -1, -1)
        seen = self._structure(plan, x) + self.place[: plan.times, None]
        apart = [linear(seen).unflatten(-1, (self.config.heads, -1)) for linear in (self.query, self.key, self.value)]
        q, k, v = (part.permute(1, 2, 0, 3) for part in apart)  # (N, h, T, d/h)
        found = F.scaled_dot_product_attention(q, k, v, is_causal=True).permute(2, 0, 1, 3).flatten(2)
        found = F.relu(self.last(found)) + found
        return found + seen, None

    def _structure(self, plan: Steps, x: Tensor) -> Tensor:
        """Graph attention in every snapshot at once, (T, N, d)."""
        rows = self.linear(x).flatten(0, 1).unflatten(1, (self.config.heads, -1))  # (T N, h, d/h)
        to, of = ((rows * pull).sum(-1) for pull in self.pull)
        logits = F.leaky_relu(to[plan.target] + of[plan.sender], SLOPE)
        weights = softmax(logits, plan.target, len(rows))  # (M, h)
        sums = torch.zeros_like(rows).index_add(0, plan.target, weights[..., None] * rows[plan.sender])
        return F.elu(sums).flatten(1).unflatten(0, (plan.times, -1))


def _convolved(layers: nn.ModuleList, matrix: Tensor, x: Tensor) -> Tensor:
    """Graph convolutions one after the other, a ReLU between them."""
    for number, linear in enumerate(layers, start=1):
        x = _spread(matrix, linear(x))
        x = x if number == len(layers) else F.relu(x)
    return x


RIVALS: Mapping[str, Callable[[Config, int, int | None, int], Entrance]] = {
    "gae": GAE,
    "gcn-gru": GCNGRU,
    "evolvegcn": EvolveGCN,
    "dysat": DySAT,
}
