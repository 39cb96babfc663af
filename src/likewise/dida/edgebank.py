"""EdgeBank: what was linked before will be linked again. The floor that any forecast has to beat (arXiv:2207.10128)."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from torch import Tensor

from likewise.dida.graph import Graph
from likewise.dida.negatives import Pool


@dataclass(frozen=True)
class EdgeBank:
    """A memory of pairs; window: how many of the newest snapshots it remembers, None for all."""

    graph: Graph
    window: int | None = None

    @cached_property
    def _pool(self) -> Pool:
        return Pool(self.graph)

    def __call__(self, t: int, pairs: Tensor) -> np.ndarray:
        """1 for each pair (2, P) that was linked in the window that ends with snapshot t, else 0."""
        start = 0 if self.window is None else max(0, t + 1 - self.window)
        known = self._pool.keys(self.graph.edges[:, self.graph.starts[start] : self.graph.ends[t]])
        return np.isin(self.graph.pair_numbers(pairs), known).astype(np.float64)
