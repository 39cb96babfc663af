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

        wanted = min(len(self._graph), count * MORE + min(len(self.index.deleted), count * MORE))
        answers = []
        for row in rows:
            keys = [int(key) for key in self._graph.search(row.astype(np.float16), wanted).keys]
            places = [(key >> SHIFT, key & (1 << SHIFT) - 1) for key in keys]
            live = [place for place in places if place not in self.index.deleted]
            values = np.stack([self.index.shards[shard].rows[at] for shard, at in live]).astype(np.float32) @ row
            order = np.argsort(-values, kind="stable")[:count]
            answers.append([Found(self.index.entry(live[at]).name, 1 - float(values[at])) for at in order])
        return answers

    def _follow(self) -> None:
        """Load what was kept, and add the shards that came since."""
        folder = self.index.folder
        known = _known(folder)
        if known and len(self.index.deleted) <= max(1000, 0.2 * sum(len(s.entries) for s in self.index.shards)):
            self._graph.load(str(folder / FILE))
        else:
            known = 0
        for shard in self.index.shards[known:]:
            live = [place for place in range(len(shard.entries)) if (shard.number, place) not in self.index.deleted]
            if live:
                self._graph.add(np.array([shard.number << SHIFT | at for at in live], np.uint64), shard.rows[live])
        if known < len(self.index.shards):
            with new_file(folder / FILE) as temp:
                self._graph.save(str(temp))
            digest = checkpoint.hash_file(folder / FILE)
            checkpoint.write_json(folder / ABOUT, {"shards": len(self.index.shards), "sha256": digest})


def _known(folder: Path) -> int:
    """How many shards the kept graph covers; 0 where it is missing, or is not the one that was kept."""
    if not ((folder / FILE).is_file() and (folder / ABOUT).is_file()):
        return 0
    about = checkpoint.read_json(folder / ABOUT)
    return about["shards"] if checkpoint.hash_file(folder / FILE) == about["sha256"] else 0
