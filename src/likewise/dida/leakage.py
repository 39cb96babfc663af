"""Does anything know what it could not have known? The model of its future, or the features of theirs."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from likewise.dida.graph import Graph
from likewise.dida.measures import trials
from likewise.dida.model import score
from likewise.metrics.ranking import auc

TOLERANCE = 1e-4  # of float32 sums in another order
MARGIN = 0.05


def future(embed: Any, graph: Graph, times: Sequence[int]) -> float:
    """The largest change of any embedding of time t when all that came after t is taken away; 0 but for rounding.

    embed: a graph to (T, N, d).
    """
    whole = embed(graph)
    return max(float((embed(graph.until(t + 1))[t] - whole[t]).abs().max()) for t in times)


def features(graph: Graph, times: Sequence[int], seed: int = 0) -> list[dict[str, Any]]:
    """For each time, how well the features of t alone tell the links of t, and those of t + 1, by their dot product.

    Features that tell the future clearly better than the present were made from it: "suspect" is then true.
    """
    if graph.features is None:
        return []
    found = []
    for t in times:
        rows: Tensor = graph.features if graph.features.ndim == 2 else graph.features[t]
        now, then = (_auc(graph, at, rows, seed) for at in (t - 1, t))
        suspect = now is not None and then is not None and then > now + MARGIN
        found.append({"snapshot": graph.labels[t], "present": now, "future": then, "suspect": suspect})
    return found


def _auc(graph: Graph, t: int, rows: Tensor, seed: int) -> float | None:
    made = trials(graph, [t], seed=seed, rivals=1) if t >= 0 else []
    if not made:
        return None
    scores = score(rows.double(), torch.cat([made[0].links, made[0].others], dim=1)).numpy()
    return auc(scores, np.arange(len(scores)) < made[0].links.shape[1])
