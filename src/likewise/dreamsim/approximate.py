"""Search among many rows by usearch's graph, kept beside the shards and brought up to date when they changed."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from likewise import checkpoint
from likewise.disk import new_file

if TYPE_CHECKING:
    from likewise.dreamsim.index import Found, Index

FILE, ABOUT = "graph.usearch", "graph.json"
CONNECTIVITY, ADD_EFFORT, SEARCH_EFFORT = 32, 128, 256  # M, efConstruction, ef of HNSW (arXiv:1603.09320)
MORE = 4  # candidates a wanted answer, as deleted rows stay in the graph
SHIFT = 32  # a key is shard << 32 | place


class Graph:
    """The graph of one index; rows of new shards are added to it, and it is built anew when many were deleted."""

    def __init__(self, index: "Index") -> None:
        from usearch.index import Index as Usearch

        self.index = index
        self._graph = Usearch(
            ndim=index.dimension,
            metric="ip",
            dtype="f16",
            connectivity=CONNECTIVITY,
            expansion_add=ADD_EFFORT,
            expansion_search=SEARCH_EFFORT,
        )
        self._follow()

    def query(self, rows: np.ndarray, count: int) -> list[list["Found"]]:
        """As Index.query; distances are of the rows themselves, only which rows are compared is approximate."""
        from likewise.dreamsim.index import Found

        answers = []
        for row in rows:
            live = self._live(row, count)
            values = np.stack([self.index.shards[shard].rows[at] for shard, at in live]).astype(np.float32) @ row
            order = np.argsort(-values, kind="stable")[:count]
            answers.append([Found(self.index.entry(live[at]).name, 1 - float(values[at])) for at in order])
        return answers

    def _live(self, row: np.ndarray, count: int) -> list[tuple[int, int]]:
        """Places of at least `count` live candidates: as many more are asked for as deleted ones take their place."""
        wanted = count * MORE
        while True:
            wanted = min(len(self._graph), wanted)
            keys = [int(key) for key in self._graph.search(row.astype(np.float16), wanted).keys]
            places = [(key >> SHIFT, key & (1 << SHIFT) - 1) for key in keys]
            live = [place for place in places if place not in self.index.deleted]
            if len(live) >= count:
                return live
            if wanted == len(self._graph):  # what no path of the graph reaches: every row is compared
                return [place for places, _ in self.index.blocks() for place in places]
            wanted *= 2

    def _follow(self) -> None:
        """Load what was kept, and add the shards that came since."""
        folder = self.index.folder
        known, left_out = _known(folder)
        still = len(self.index.deleted) - left_out  # deleted rows that are in the graph yet
        if known and still <= max(1000, 0.2 * sum(len(s.entries) for s in self.index.shards)):
            self._graph.load(str(folder / FILE))
        else:
            known, left_out = 0, 0
        for shard in self.index.shards[known:]:
            live = [place for place in range(len(shard.entries)) if (shard.number, place) not in self.index.deleted]
            left_out += len(shard.entries) - len(live)
            if live:
                self._graph.add(np.array([shard.number << SHIFT | at for at in live], np.uint64), shard.rows[live])
        if known < len(self.index.shards):
            with new_file(folder / FILE) as temp:
                self._graph.save(str(temp))
            digest = checkpoint.hash_file(folder / FILE)
            about = {"shards": len(self.index.shards), "left_out": left_out, "sha256": digest}
            checkpoint.write_json(folder / ABOUT, about)


def _known(folder: Path) -> tuple[int, int]:
    """How many shards the kept graph covers, and how many of their rows it left out as deleted.

    Zeros where it is missing, or is not the one that was kept.
    """
    if not ((folder / FILE).is_file() and (folder / ABOUT).is_file()):
        return 0, 0
    about = checkpoint.read_json(folder / ABOUT)
    if checkpoint.hash_file(folder / FILE) != about["sha256"]:
        return 0, 0
    return about["shards"], about.get("left_out", 0)  # graphs of before did not count them
