"""Pairs that are not linked: what links are told from, in training and in every score.

Random pairs are easy; pairs that were linked before but are not now (historical), or that come up only later
(inductive), are what a forecast is really asked about (Poursafaei et al., arXiv:2207.10128).
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from likewise import seeds
from likewise.dida.graph import Graph
from likewise.errors import NoNegativesError, UnknownNameError

KINDS = ("random", "bipartite", "historical", "inductive")
ROUNDS = 50


def draw(graph: Graph, t: int, kind: str, count: int, seed: int, *names: str | int, known: int | None = None) -> Tensor:
    """`count` pairs (2, count) that are no links of snapshot t, keyed by the seed and names.

    kind: "random" (any two nodes), "bipartite" (a node that links with one that is linked to), "historical" (linked
    before t), "inductive" (linked in or after snapshot `known`, never before it), or "auto": bipartite where the graph
    is. Where too few pairs of the last kinds exist, random ones fill up. Raises NoNegativesError, UnknownNameError.
    """
    if kind not in (*KINDS, "auto"):
        raise UnknownNameError("kind of negatives", kind, (*KINDS, "auto"))
    random, pool = seeds.numpy_stream(seed, "negatives", kind, t, *names), Pool(graph)
    taken = graph.linked[t]
    found = np.empty(0, dtype=np.int64)
    if kind in ("historical", "inductive"):
        before = pool.keys(graph.edges[:, : graph.starts[t]])
        if kind == "inductive":
            start = graph.starts[t if known is None else known]
            before = np.setdiff1d(pool.keys(graph.edges[:, start:]), pool.keys(graph.edges[:, :start]))
        candidates = np.setdiff1d(before, taken)
        found = random.permutation(candidates)[:count]
    rest = pool.sample(random, count - len(found), taken, kind)
    return pool.pairs(np.concatenate([found, rest]))


@dataclass(frozen=True)
class Pool:
    """The pairs that a graph can have, as numbers."""

    graph: Graph

    @property
    def possible(self) -> int:
        """How many pairs there are: source with target in a bipartite graph, else any two nodes, in either order."""
        if self.graph.bipartite:
            return len(self.graph.sides[0]) * len(self.graph.sides[1])
        return self.graph.size * (self.graph.size - 1) // 2

    def keys(self, pairs: Tensor) -> np.ndarray:
        """The sorted distinct numbers of pairs (2, P)."""
        return np.unique(self.graph.pair_numbers(pairs))

    def pairs(self, numbers: np.ndarray) -> Tensor:
        """Numbers back to pairs (2, P)."""
        return torch.from_numpy(np.stack([numbers // self.graph.size, numbers % self.graph.size]))

    def sample(self, random: np.random.Generator, count: int, taken: np.ndarray, kind: str = "auto") -> np.ndarray:
        """`count` numbers of random pairs that are not in `taken` (sorted)."""
        found, missing = [np.empty(0, dtype=np.int64)], count
        free = self.possible - len(taken)
        if count and free <= 0:
            raise NoNegativesError(kind, self.possible)
        sides = self._sides(kind)
        for _ in range(ROUNDS):
            if not missing:
                break
            if free * 4 < self.possible:  # most are taken: list the rest instead of guessing
                rest = np.setdiff1d(self._all(), taken)
                return np.concatenate([*found, random.choice(rest, missing)])
            drawn = np.stack([random.choice(side, 2 * missing + 8) for side in sides])
            numbers = self.graph.pair_numbers(torch.from_numpy(drawn))
            place = np.searchsorted(taken, numbers)  # as it is sorted; np.isin would sort it every time
            linked = np.append(taken, -1)[place] == numbers
            good = numbers[(drawn[0] != drawn[1]) & ~linked][:missing]
            found.append(good)
            missing -= len(good)
        if missing:
            raise NoNegativesError(kind, self.possible)
        return np.concatenate(found)

    def _sides(self, kind: str) -> tuple[np.ndarray, np.ndarray]:
        if kind == "bipartite" or self.graph.bipartite:
            return self.graph.sides
        return np.arange(self.graph.size), np.arange(self.graph.size)

    def _all(self) -> np.ndarray:
        if self.graph.bipartite:
            sources, targets = self.graph.sides
            return np.sort((sources[:, None] * self.graph.size + targets).ravel())
        first, second = np.triu_indices(self.graph.size, 1)
        return first * self.graph.size + second
