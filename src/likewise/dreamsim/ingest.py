"""From picture files to the rows of an index: each file independent of all others, each content computed once."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from likewise.checkpoint import hash_file
from likewise.dreamsim.index import SHARD, Entry, Index
from likewise.dreamsim.metric import Metric
from likewise.errors import ImageFileError, MixedIndexError


@dataclass(frozen=True)
class Ingested:
    """What became of the files of one ingest."""

    added: int
    known: int  # in already, and unchanged
    problems: tuple[str, ...]  # a line for each file that could not be read


def row(metric: Metric, path: Path) -> np.ndarray:
    """The row of one file, (D,): a pure function of metric and file, so any engine may map it."""
    return metric.embed(path)[0]


def ingest(
    index: Index, metric: Metric, paths: Sequence[Path], *, show: Callable[[int, int], None] | None = None
) -> Ingested:
    """Add files to an index, shard by shard; killed and called again, it goes on after the last whole shard.

    MixedIndexError for an index of another metric. A file that cannot be read is told in the answer and left out.
    """
    if index.encoder != metric.hash:
        raise MixedIndexError(index.folder, index.encoder, metric.hash)
    rows: list[np.ndarray] = []
    entries: list[Entry] = []
    fresh: dict[str, np.ndarray] = {}  # content -> row, of the shard that is being made
    added, known, problems = 0, 0, []
    for number, path in enumerate(paths, start=1):
        try:
            entry = Entry(os.fspath(path), _content(path))
            if index.knows(*entry):
                known += 1
                continue
            there = fresh.get(entry.content, index.row_of(entry.content))
            fresh[entry.content] = row(metric, path) if there is None else there
            rows.append(fresh[entry.content])
            entries.append(entry)
        except ImageFileError as error:
            problems.append(" ".join(str(error).split("\n")))
        if len(entries) == SHARD:
            index.add(np.stack(rows), entries)
            added, rows, entries, fresh = added + len(entries), [], [], {}
        if show:
            show(number, len(paths))
    if entries:
        index.add(np.stack(rows), entries)
    return Ingested(added + len(entries), known, tuple(problems))


def _content(path: Path) -> str:
    try:
        return hash_file(path)
    except OSError as error:
        raise ImageFileError(path, error.strerror or str(error), "Give a picture file in its place") from error
