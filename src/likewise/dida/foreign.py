"""Graphs that other programs hold: PyG's TemporalData, and the dictionary of the authors' code, as tensors alone.

The authors' files are pickles, which can run anything when they are opened, so nothing here opens one. Load it yourself
with torch.load(FILE, weights_only=True), give the dictionary to `Reference.of`, and `save` it once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np
import torch
from torch import Tensor

from likewise import checkpoint
from likewise.dida.graph import Graph, build
from likewise.dida.measures import Trial
from likewise.dida.reading import Links, checked
from likewise.errors import LinkFileError

PARTS = ("train", "test")


class Events(Protocol):
    """What PyG's TemporalData offers."""

    src: Tensor  # (E,) int64
    dst: Tensor  # (E,)
    t: Tensor  # (E,)


def temporal_data(data: Events, *, domain: Sequence[Any] | None = None, skip_bad_rows: bool = False) -> Links:
    """The links of a torch_geometric.data.TemporalData, its nodes named by their numbers; checked as a file's rows are.

    domain: one label an event. Raises and warns as `read` does, with the number of the event from 0.
    """
    columns = {"source": data.src, "target": data.dst, "time": data.t}
    lists = {meaning: [str(value) for value in column.tolist()] for meaning, column in columns.items()}
    if domain is not None:
        lists["domain"] = [str(value) for value in domain]
    sizes = {meaning: len(values) for meaning, values in lists.items()}
    if len(set(sizes.values())) > 1:
        raise LinkFileError("The TemporalData", f"its columns differ in length: {sizes}")
    rows = ({meaning: values[e] for meaning, values in lists.items()} for e in range(sizes["source"]))
    names = {"source": "src", "target": "dst", "time": "t", "domain": "domain"}
    named = {meaning: names[meaning] for meaning in lists}
    return checked(enumerate(rows), named, "The TemporalData", unit="event", skip_bad_rows=skip_bad_rows)


@dataclass(frozen=True)
class Reference:
    """The two worlds of the authors' data: the links without the shifted ones, and with them, with fixed pairs."""

    train: Graph
    test: Graph
    pairs: Mapping[str, Tensor]  # "train/positive/3": (2, P) of snapshot 3, and so on

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Self:
        """From the dictionary x, train and test with edge_index_list, pedges and nedges. Raises LinkFileError."""
        missing = [name for name in ("x", *PARTS) if name not in data]
        missing += [
            f"{part}/{key}"
            for part in PARTS
            for key in ("edge_index_list", "pedges", "nedges")
            if part in data and key not in data[part]
        ]
        if missing:
            raise LinkFileError("The dictionary", f"it lacks {', '.join(missing)}")
        x = data["x"]
        features = torch.stack(list(x)) if isinstance(x, (list, tuple)) else x
        graphs = {part: _graph(part, data[part]["edge_index_list"], features) for part in PARTS}
        kinds = (("pedges", "positive"), ("nedges", "negative"))
        pairs = {
            f"{part}/{name}/{t}": torch.as_tensor(edges).long().reshape(2, -1).contiguous()
            for part in PARTS
            for key, name in kinds
            for t, edges in enumerate(data[part][key])
        }
        return cls(graphs["train"], graphs["test"], pairs)

    def trials(self, part: str, times: Sequence[int]) -> list[Trial]:
        """The fixed pairs of t + 1 for each time that has both kinds, for `measures.measure`; no rivals, so no MRR."""
        found = []
        for t in times:
            positive, negative = (self.pairs[f"{part}/{name}/{t + 1}"] for name in ("positive", "negative"))
            if positive.numel() and negative.numel():
                nobody = torch.full((positive.shape[1], 1), -1)
                found.append(Trial(t, positive, np.zeros(positive.shape[1], dtype=np.int64), negative, nobody))
        return found

    def save(self, folder: str | Path) -> None:
        """Write it as safetensors and JSON, for `load`."""
        tensors = {f"{part}/edges": getattr(self, part).edges for part in PARTS} | dict(self.pairs)
        if self.train.features is not None:
            tensors["features"] = self.train.features
        ends = {part: list(getattr(self, part).ends) for part in PARTS}
        with checkpoint.new_folder(folder) as temp:
            checkpoint.write_json(temp / "reference.json", {"format": 1, "size": self.train.size, "ends": ends})
            checkpoint.write_tensors(temp / "reference.safetensors", tensors)
            checkpoint.write_manifest(temp)

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """What `save` wrote. Raises BrokenCheckpointError."""
        folder = Path(folder)
        checkpoint.verify(folder)
        about = checkpoint.read_json(folder / "reference.json")
        tensors, _ = checkpoint.read_tensors(folder / "reference.safetensors")
        graphs = {}
        for part in PARTS:
            edges, starts = tensors.pop(f"{part}/edges"), [0, *about["ends"][part]]
            cut = [edges[:, a:b] for a, b in pairwise(starts)]
            graphs[part] = build(cut, about["size"], features=tensors.get("features"))
        tensors.pop("features", None)
        return cls(graphs["train"], graphs["test"], tensors)


def _graph(part: str, lists: Sequence[Any], features: Tensor) -> Graph:
    edges = [torch.as_tensor(one).long().reshape(2, -1) for one in lists]
    size = features.shape[-2]
    for t, one in enumerate(edges):
        if one.numel() and (one.min() < 0 or one.max() >= size):
            wrong = f"edge_index_list[{t}] of {part} names node {int(one.max() if one.max() >= size else one.min())}"
            raise LinkFileError("The dictionary", f"{wrong}, and features are of nodes 0 to {size - 1}")
    return build(edges, size, features=features.float())
