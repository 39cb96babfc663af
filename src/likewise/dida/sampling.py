"""A few past links a node in place of all, so that memory grows with the batch and not with the graph.

Rows are (node, time). A row asks at most `fan_out` links of its node that had come by its time, one from each of as
many equal stretches of its past, so old and new ones are both heard; their senders are rows of the layer below, at the
time of the link. No row ever asks a link after its time. With fan_out 0 all are asked, and the result is exact.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from likewise import seeds
from likewise.dida.attention import Block, attend, messages
from likewise.dida.graph import Graph
from likewise.dida.model import Layer, Network

SLOTS = 1 << 16  # links asked in a block


@dataclass(frozen=True)
class Hop:
    """R rows of one layer, and what they ask of M rows below."""

    own: Tensor  # (R,) each row's place below
    blocks: tuple[Block, ...]  # places below of the senders that they ask, and which are there
    times: Tensor  # (M,) the snapshot of each row below


@dataclass(frozen=True)
class Rows:
    """The hops from the features up, and the (node, time) of the features that are needed."""

    hops: tuple[Hop, ...]
    nodes: Tensor  # (M,) of the lowest rows
    times: Tensor  # (M,)


class Sampler:
    """The messages of a graph in the order of target and time."""

    def __init__(self, graph: Graph, *, both_ways: bool, fan_out: int) -> None:
        """fan_out: links a row at most; 0 for all."""
        sender, target, snapshot = (part.numpy() for part in messages(graph, both_ways=both_ways))
        order = np.lexsort((snapshot, target))
        self.size, self.times, self.fan_out = graph.size, len(graph), fan_out
        self.cells = np.append((snapshot * self.size + sender)[order], 0)  # one to point at where there is none
        self.keys = (target * self.times + snapshot)[order]
        self.first = np.searchsorted(self.keys, np.arange(self.size) * self.times)

    def rows(self, cells: Tensor, layers: int, seed: int, *names: str | int) -> Rows:
        """What `layers` layers need for rows at cells (R,), t * N + node, drawn by the seed and names."""
        random, hops, now = seeds.numpy_stream(seed, "neighbours", *names), [], cells.numpy()
        for _ in range(layers):
            asked, there = self._asked(now, random)
            below, place = np.unique(np.concatenate([now, asked[there]]), return_inverse=True)
            slots = np.zeros(asked.shape, dtype=np.int64)
            slots[there] = place[len(now) :]
            hops.append(_hop(place[: len(now)], slots, there, below // self.size))
            now = below
        return Rows(tuple(reversed(hops)), torch.from_numpy(now % self.size), torch.from_numpy(now // self.size))

    def _asked(self, cells: np.ndarray, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """The cells that each row asks, (R, k), and which are there."""
        node, time = cells % self.size, cells // self.size
        first = self.first[node]
        count = np.searchsorted(self.keys, node * self.times + time, side="right") - first
        width = int(count.max(initial=1)) if not self.fan_out else min(self.fan_out, int(count.max(initial=1)))
        width = max(1, width)
        slot = np.arange(width)
        there = slot < count[:, None]
        spread = (slot + random.random((len(cells), width))) * (count[:, None] / width)
        chosen = np.where(count[:, None] > width, np.minimum(spread.astype(np.int64), count[:, None] - 1), slot)
        return self.cells[np.where(there, first[:, None] + chosen, 0)], there


def _hop(own: np.ndarray, slots: np.ndarray, there: np.ndarray, times: np.ndarray) -> Hop:
    """Blocks of as many rows as a processor's cache holds."""
    since, now = torch.from_numpy((~there).astype(np.int64)), torch.zeros(1, dtype=torch.int64)
    size = max(1, SLOTS // slots.shape[1])
    cuts = [slice(start, start + size) for start in range(0, len(own), size)]
    blocks = tuple(Block(cut.start, torch.from_numpy(slots[cut].ravel()), since[cut], now) for cut in cuts)
    return Hop(torch.from_numpy(own), blocks, torch.from_numpy(times))


def parts(
    network: Network,
    rows: Rows,
    features: Tensor | None,
    random: torch.Generator | None = None,
    *,
    variant: bool = True,
) -> tuple[Tensor, Tensor | None]:
    """The invariant and, if asked for, variant parts of the top rows, (R, d) each."""
    given = network.feature if features is None else features
    assert given is not None, "a network without learned features needs the graph's"
    if given.ndim == 2:  # a node is there at many times: what is the same for all is multiplied once
        nodes, place = torch.unique(rows.nodes, return_inverse=True)
        x = network.entered(given[nodes])[0]
    else:
        x, place = network.entered(given[rows.times, rows.nodes])[0], None
    for number, (layer, hop) in enumerate(zip(network.layers, rows.hops, strict=True), start=1):
        last = number == len(rows.hops)
        wanted = network.config.branches and variant if last else network.passes_variant
        own, other = _layer(layer, hop, x, place, random, last=last, variant=wanted)
        x, place = own if last else network.passed_on(own, other), None
    return x, other


def _layer(
    layer: Layer,
    hop: Hop,
    x: Tensor,
    place: Tensor | None,
    random: torch.Generator | None,
    *,
    last: bool,
    variant: bool,
) -> tuple[Tensor, Tensor | None]:
    """place (M,): where the rows below are in x, if not one after the other."""
    config, mine = layer.config, x.index_select(0, hop.own if place is None else place[hop.own])
    query = layer.project(layer.query, mine, hop.times[hop.own])
    key, value = (layer.project(linear, x, hop.times, place) for linear in (layer.key, layer.value))
    form = config.variant_softmax if variant else None
    own, other = attend(query[None], key, value, hop.blocks, config.heads, variant=form, apart=last)
    other = None if other is None else other[0]
    return layer.finish(own[0], mine, random), layer.finish_variant(other, random, last=last)
