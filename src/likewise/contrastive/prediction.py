"""Compare ways of making pairs before anything is trained: what their graphs say of labels, and of each other."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from likewise.contrastive import graph as graphs
from likewise.contrastive.measures import figure, share
from likewise.metrics.neighbours import unit
from likewise.metrics.probes import logistic_probe

SHOWN = 64  # singular values in a report
TURNS = 5


def describe(law: np.ndarray, classes: np.ndarray, rank: int, parts: tuple[np.ndarray, np.ndarray]) -> dict[str, Any]:
    """Everything that one way of making pairs says, as JSON. parts: rows to learn a probe from, and to test it on.

    bounds: None for one without a limit, as of a graph in more pieces than the width. predicted: a linear probe on the
    graph's own top directions, that is on what a perfect learner of width `rank` would give, told right on the test
    part. (The graph itself has seen all photos, but no label of the test part.) tied: how many directions are equally
    good at the cut, so that chance decides which a learner keeps; residual, error and predicted are then means over
    TURNS choices, and the interval holds those of all.
    """
    found = graphs.graph(law)
    rank = min(rank, len(found.values))
    limits = graphs.bounds(found, classes, rank)
    choices = graphs.turned(found, rank, TURNS)
    residual, error = np.mean([graphs.probe_error(choice, classes, rank) for choice in choices], axis=0)
    leaving, mixing = graphs.conductance(law, classes), graphs.connectivity(law, classes)
    return {
        "photos": law.shape[0],
        "partners": law.shape[1],
        "rank": rank,
        "labelling_error": round(graphs.labelling_error(found.law, classes), 4),
        "picture_error": round(graphs.picture_error(found.law, classes), 4),
        "spectrum": [round(float(value), 4) for value in found.values[:SHOWN]],
        "gap": round(float(1 - found.values[rank] ** 2) if rank < len(found.values) else 1.0, 4),
        "partners_in_class": round(graphs.partners_in_class(law, classes), 2),
        "conductance": {name: round(value, 4) for name, value in leaving.items()},
        "connectivity": {name: round(value, 4) for name, value in mixing.items()},
        "bounds": {name: round(value, 4) if math.isfinite(value) else None for name, value in asdict(limits).items()},
        "tied": int((np.abs(found.values - found.values[rank - 1]) <= graphs.TIE).sum()) if len(choices) > 1 else 0,
        "residual": round(float(residual), 4),
        "error": round(float(error), 4),
        "predicted": _predicted(choices, classes, rank, parts),
    }


def compare(
    laws: Mapping[str, np.ndarray], classes: np.ndarray, rank: int, parts: tuple[np.ndarray, np.ndarray]
) -> dict[str, Any]:
    """The report of each way, and their order by the predicted probe, best first; equal ones by their picture error."""
    ways = {name: describe(law, classes, rank, parts) for name, law in laws.items()}
    order = sorted(ways, key=lambda name: (-ways[name]["predicted"]["value"], ways[name]["picture_error"]))
    return {"ways": ways, "order": order}


def _predicted(
    choices: Sequence[graphs.Graph], classes: np.ndarray, rank: int, parts: tuple[np.ndarray, np.ndarray]
) -> dict[str, float]:
    each = [figure(share(_probed(choice, classes, rank, parts))) for choice in choices]
    mean = round(float(np.mean([one["value"] for one in each])), 4)
    return {"value": mean, "low": min(one["low"] for one in each), "high": max(one["high"] for one in each)}


def _probed(found: graphs.Graph, classes: np.ndarray, rank: int, parts: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    rows = unit(found.features(rank) * found.values[:rank])
    train, test = parts
    return logistic_probe(rows[train], classes[train]).predict(rows[test]) == classes[test]
