"""The classes of nodes, from a file beside the links: what each node is, always or at a time.

A row needs a node and a class. With a time it tells of the snapshot that the time falls in; without, of every snapshot
in which the node has links.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from likewise.dida.graph import Graph
from likewise.dida.reading import refuse, rows_of, time_of
from likewise.errors import LinkFileError


def read_classes(
    path: str | Path,
    graph: Graph,
    *,
    node: str = "node",
    klass: str = "class",
    time: str | None = None,
    skip_bad_rows: bool = False,
) -> Graph:
    """The graph with the classes of a .csv, .tsv (either may be .gz) or .parquet file with a header.

    node, klass, time: names of columns. Needs a graph that `cut` made, where there is a time. Raises LinkFileError,
    MissingColumnError, and, for nodes without any link, empty cells, times outside the graph's, and a node of two
    classes at once, BadRowsError; with skip_bad_rows these are left out and told of (SkippedRowsWarning).
    """
    path = Path(path)
    names = {"node": node, "class": klass, **({"time": time} if time else {})}
    problems, found, seen = [], {}, 0
    for line, row in rows_of(path, names):
        seen += 1
        problem = _problem(row, names, graph, found)
        if problem:
            problems.append(f"line {line}, {problem}")
    refuse(path, problems, seen, skip=skip_bad_rows)
    if not found:
        raise LinkFileError(path, "it holds no class")
    kinds = tuple(sorted(set(found.values())))
    number = {name: place for place, name in enumerate(kinds)}
    classes = torch.full((len(graph), graph.size), -1)
    for (t, one), name in found.items():
        classes[slice(None) if t is None else t, one] = number[name]
    if time is None:
        classes[~_active(graph)] = -1
    return replace(graph, classes=classes, kinds=kinds)


def _problem(
    row: dict[str, str], names: dict[str, str], graph: Graph, found: dict[tuple[int | None, int], str]
) -> str | None:
    """Take a row into `found`, or say what is wrong with it."""
    for meaning, name in names.items():
        if not row[meaning]:
            return f"column {name}: found nothing, needed a {meaning}"
    if row["node"] not in graph.numbers:
        return f"column {names['node']}: found {row['node']!r}, which has no link, needed a node of the links"
    t = None
    if "time" in names:
        moment, _ = time_of(row["time"])
        t = None if moment is None else graph.snapshot_at(moment)
        if t is None:
            return f"column {names['time']}: found {row['time']!r}, needed a time within the links'"
    key = (t, graph.numbers[row["node"]])
    if found.setdefault(key, row["class"]) != row["class"]:
        return f"column {names['class']}: found {row['class']!r}, and {found[key]!r} before, for one node at one time"
    return None


def _active(graph: Graph) -> Tensor:
    """Which nodes have links in which snapshot, (T, N)."""
    there = torch.zeros(len(graph), graph.size, dtype=torch.bool)
    for end in graph.edges:
        there[graph.snapshot_of, end] = True
    return there


class LastSeen:
    """The memory to beat: a node's newest known class before a time, else the most frequent one so far."""

    def __init__(self, graph: Graph) -> None:
        assert graph.classes is not None, "the graph needs classes"
        self.classes = graph.classes.numpy()

    def __call__(self, t: int, nodes: np.ndarray) -> np.ndarray:
        """The class of each node, (n,), by snapshots before t."""
        before = self.classes[:t]
        known = before[before >= 0]
        common = int(np.bincount(known).argmax()) if known.size else 0
        return newest(before, common)[nodes]


def newest(classes: np.ndarray, otherwise: int = -1) -> np.ndarray:
    """Each node's newest known class over snapshots (T, N), or `otherwise`, (N,)."""
    answer = np.full(classes.shape[1], otherwise)
    for row in classes:
        answer = np.where(row >= 0, row, answer)
    return answer


def cells(classes: Tensor, times: Sequence[int]) -> tuple[Tensor, Tensor, Tensor]:
    """Snapshot, node and class of all that is known at these times, (K,) each."""
    chosen = torch.tensor(list(times), dtype=torch.int64)
    place, node = torch.nonzero(classes[chosen] >= 0, as_tuple=True)
    return chosen[place], node, classes[chosen[place], node]
