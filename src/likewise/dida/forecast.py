"""Who will link to what next: all pairs ranked, each with a calibrated probability."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from likewise.dida.calibration import Calibration
from likewise.dida.graph import Graph
from likewise.dida.negatives import Pool

ROOM = 1 << 21  # pairs scored at once


@dataclass(frozen=True)
class Forecast:
    """One pair that may link in the snapshot after the last."""

    source: str
    target: str
    probability: float  # calibrated, of at least one link in the next snapshot
    before: int  # links that the pair has had


def rank(
    parts: Tensor, graph: Graph, calibration: Calibration, *, top: int, source: int | None = None, new: bool = False
) -> list[Forecast]:
    """The `top` likeliest pairs, best first; parts (N, d): the newest invariant ones.

    source: only pairs of this node. new: only pairs that were never linked. In a graph that is not bipartite each pair
    stands once, in the direction that it linked in most.
    """
    pool = Pool(graph)
    sources, targets = graph.sides if graph.bipartite else (np.arange(graph.size), np.arange(graph.size))
    if source is not None and graph.bipartite and source not in sources:
        sources, targets = targets, np.array([source])
    elif source is not None:
        sources = np.array([source])
    known, times = np.unique(graph.pair_numbers(graph.edges), return_counts=True)
    best = (np.empty(0), np.empty(0, dtype=np.int64))
    size = max(1, ROOM // max(1, len(targets)))
    for start in range(0, len(sources), size):
        rows = sources[start : start + size]
        logits = (parts[rows] @ parts[targets].T).double().numpy()
        pairs = np.stack([np.repeat(rows, len(targets)), np.tile(targets, len(rows))])
        numbers = graph.pair_numbers(torch.from_numpy(pairs))
        allowed = pairs[0] != pairs[1] if graph.bipartite or source is not None else pairs[0] < pairs[1]
        if new:
            allowed &= ~np.isin(numbers, known)
        best = _best(np.append(best[0], logits.ravel()[allowed]), np.append(best[1], numbers[allowed]), top)
    found = pool.pairs(best[1])
    place = np.searchsorted(known, best[1]).clip(max=max(0, len(known) - 1))
    before = np.where(known[place] == best[1], times[place], 0)
    return [
        Forecast(*_named(graph, int(a), int(b), source), float(p), int(count))
        for a, b, p, count in zip(*found.tolist(), calibration(best[0]), before, strict=True)
    ]


def _best(logits: np.ndarray, numbers: np.ndarray, top: int) -> tuple[np.ndarray, np.ndarray]:
    if len(logits) > top:
        kept = logits >= np.partition(logits, -top)[-top]
        logits, numbers = logits[kept], numbers[kept]
    order = np.lexsort((numbers, -logits))[:top]  # ties in the order of nodes
    return logits[order], numbers[order]


def _named(graph: Graph, a: int, b: int, source: int | None) -> tuple[str, str]:
    """The pair's names, the asked node first, or else as it linked most often."""
    edges = graph.edges
    forth = int(((edges[0] == a) & (edges[1] == b)).sum())
    back = int(((edges[0] == b) & (edges[1] == a)).sum())
    turned = b == source if source is not None and not graph.bipartite else back > forth
    return (graph.nodes[b], graph.nodes[a]) if turned else (graph.nodes[a], graph.nodes[b])
