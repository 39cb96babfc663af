"""Rows of many pictures on disk, found by likeness: added to, deleted from, never half-written.

A shard is one file with rows in half precision and the names and hashes of their pictures; it is there or it is not. So
an ingest that is killed has lost at most the shard it was computing, and the same command goes on. A deleted row stays
in its shard and is named in deleted.json. Up to EXACT rows a search is exact; beyond that usearch finds candidates in a
graph (HNSW) that is kept beside the shards, and their distances are computed from the rows.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import safetensors.numpy
from safetensors import SafetensorError, safe_open

from likewise import checkpoint
from likewise.disk import clean, new_file, new_folder
from likewise.dreamsim.approximate import Graph
from likewise.errors import BrokenFileError, IndexFolderError, MixedIndexError, ShapeError

FILE, DELETED, SHARDS, FORMAT = "index.json", "deleted.json", "rows", 1
SHARD = 1024  # rows
EXACT = 100_000  # live rows up to which every one is compared
BLOCK = 8192  # rows compared at once


class Entry(NamedTuple):
    """What is known of one row."""

    name: str  # a path, as it was given
    content: str  # sha256 of the file


class Found(NamedTuple):
    """One answer of a search."""

    name: str
    distance: float


@dataclass
class Shard:
    """One file; its rows are read when they are first searched, so that an ingest holds none but its own."""

    number: int
    entries: list[Entry]
    path: Path

    @cached_property
    def rows(self) -> np.ndarray:
        """(n, D) float16."""
        with _opened(self.path) as file:
            return file.get_tensor("rows")

    def row(self, place: int) -> np.ndarray:
        """One row (D,) float32, read alone."""
        with _opened(self.path) as file:
            return file.get_slice("rows")[place : place + 1][0].astype(np.float32)


@dataclass
class Index:
    """An open index; make one with `create` or `open_`."""

    folder: Path
    encoder: str  # hash of the metric that makes the rows
    dimension: int
    shards: list[Shard] = field(default_factory=list)
    deleted: set[tuple[int, int]] = field(default_factory=set)  # (shard, place)
    places: dict[str, tuple[int, int]] = field(default_factory=dict)  # name -> live row
    contents: dict[str, tuple[int, int]] = field(default_factory=dict)  # content -> any row of it
    exact_up_to: int = EXACT

    def __len__(self) -> int:
        """Live rows."""
        return len(self.places)

    def knows(self, name: str, content: str) -> bool:
        """Whether this picture, unchanged, is in."""
        place = self.places.get(name)
        return place is not None and self.entry(place).content == content

    def entry(self, place: tuple[int, int]) -> Entry:
        """What is known of a row."""
        return self.shards[place[0]].entries[place[1]]

    def row_of(self, content: str) -> np.ndarray | None:
        """The row of a file with this content, whatever its name, or None."""
        place = self.contents.get(content)
        return None if place is None else self.shards[place[0]].row(place[1])

    def add(self, rows: np.ndarray, entries: Sequence[Entry]) -> None:
        """Append unit rows (n, D) as one shard. A name that was there is replaced: its old row counts as deleted."""
        if rows.shape != (len(entries), self.dimension):
            raise ShapeError(f"{len(entries)} rows of {self.dimension} are needed, got {rows.shape}")
        if not len(entries):
            return
        number = len(self.shards)
        shard = Shard(number, [Entry(*one) for one in entries], self._path(number))
        about = json.dumps([list(one) for one in shard.entries], ensure_ascii=True)
        with new_file(shard.path) as temp:
            mode = temp.stat().st_mode
            safetensors.numpy.save_file({"rows": rows.astype(np.float16)}, temp, {"entries": about})
            temp.chmod(mode)
        self._take(shard)
        self._write_deleted()

    def below(self, path: str | Path) -> list[str]:
        """The names of live rows that are this path, or lie in this folder, whether or not it is still on the disk."""
        return [name for name in self.places if Path(name).is_relative_to(path)]

    def delete(self, names: Sequence[str]) -> int:
        """Forget pictures by name; how many of them were there."""
        there = [name for name in dict.fromkeys(names) if name in self.places]
        for name in there:
            self.deleted.add(self.places.pop(name))
        if there:
            self._write_deleted()
        return len(there)

    def query(self, rows: np.ndarray, count: int = 10, *, exact: bool | None = None) -> list[list[Found]]:
        """The nearest live rows of each unit row (N, D), the nearest first, with their distances.

        exact: compare every row, or search the graph; by default what the size asks for.
        """
        rows = np.atleast_2d(np.asarray(rows, dtype=np.float32))
        if rows.shape[1] != self.dimension:
            raise ShapeError(f"rows of {self.dimension} are needed, got {rows.shape}")
        count = min(count, len(self))
        if not count:
            return [[] for _ in rows]
        if exact if exact is not None else len(self) <= self.exact_up_to:
            return self._exact(rows, count)
        return Graph(self).query(rows, count)

    def blocks(self) -> Iterator[tuple[list[tuple[int, int]], np.ndarray]]:
        """Live rows in blocks: their places and their values (n, D) float32."""
        for shard in self.shards:
            for start in range(0, len(shard.entries), BLOCK):
                span = range(start, min(start + BLOCK, len(shard.entries)))
                live = [place for place in span if (shard.number, place) not in self.deleted]
                if live:
                    yield [(shard.number, place) for place in live], shard.rows[live].astype(np.float32)

    def _exact(self, rows: np.ndarray, count: int) -> list[list[Found]]:
        best = np.full((len(rows), 0), 0.0, dtype=np.float32)
        where = np.zeros((len(rows), 0), dtype=np.int64)
        places: list[tuple[int, int]] = []
        for some, values in self.blocks():
            near = rows @ values.T
            numbers = np.arange(len(places), len(places) + len(some))
            places += some
            best = np.concatenate([best, near], axis=1)
            where = np.concatenate([where, np.broadcast_to(numbers, near.shape)], axis=1)
            order = np.argsort(-best, axis=1, kind="stable")[:, :count]
            best, where = np.take_along_axis(best, order, 1), np.take_along_axis(where, order, 1)
        return [
            [Found(self.entry(places[place]).name, 1 - float(value)) for place, value in zip(*pair, strict=True)]
            for pair in zip(where, best, strict=True)
        ]

    def _path(self, number: int) -> Path:
        return self.folder / SHARDS / f"{number:08d}.safetensors"

    def _take(self, shard: Shard) -> None:
        self.shards.append(shard)
        for place, entry in enumerate(shard.entries):
            where = (shard.number, place)
            self.contents.setdefault(entry.content, where)
            if where in self.deleted:
                continue
            if entry.name in self.places:  # the later row holds
                self.deleted.add(self.places[entry.name])
            self.places[entry.name] = where

    def _write_deleted(self) -> None:
        checkpoint.write_json(self.folder / DELETED, sorted(map(list, self.deleted)))


def create(folder: str | Path, encoder: str, dimension: int) -> Index:
    """An empty index. Raises FolderExistsError."""
    with new_folder(folder) as temp:
        (temp / SHARDS).mkdir()
        about = {"format": FORMAT, "encoder": encoder, "dimension": dimension}
        checkpoint.write_json(temp / FILE, about)
        checkpoint.write_json(temp / DELETED, [])
    return Index(Path(folder), encoder, dimension)


def open_(folder: str | Path, encoder: str | None = None) -> Index:
    """An index that was made before. Raises IndexFolderError, BrokenFileError; MixedIndexError for another metric's."""
    folder = Path(folder)
    if not (folder / FILE).is_file():
        raise IndexFolderError(folder, f"it has no {FILE}")
    about = checkpoint.read_json(folder / FILE)
    if about.get("format") != FORMAT:
        raise IndexFolderError(folder, "it was written by another version of Likewise")
    if encoder is not None and encoder != about["encoder"]:
        raise MixedIndexError(folder, about["encoder"], encoder)
    clean(folder / SHARDS)
    clean(folder)
    index = Index(folder, about["encoder"], about["dimension"])
    index.deleted = {(shard, place) for shard, place in checkpoint.read_json(folder / DELETED)}
    for number, path in enumerate(sorted((folder / SHARDS).glob("*.safetensors"))):
        if path != index._path(number):
            raise BrokenFileError(index._path(number), "this shard is missing, and later ones are there")
        index._take(_read(path, number))
    return index


def _read(path: Path, number: int) -> Shard:
    with _opened(path) as file:
        return Shard(number, [Entry(*one) for one in json.loads(file.metadata()["entries"])], path)


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    try:
        with safe_open(path, framework="np") as file:
            yield file
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise BrokenFileError(path, f"it is no shard of an index ({error})") from error
