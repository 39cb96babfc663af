"""A learned forecaster as a folder: its graph, its weights and what they mean; safetensors and JSON."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from torch import Tensor

from likewise import checkpoint
from likewise.dida.graph import Graph
from likewise.errors import ForecasterFolderError

FORMAT = 2
NAMES = ("ends", "labels", "domains", "nodes", "kinds", "opens")


def write(
    folder: str | Path, about: Mapping[str, Any], graph: Graph, weights: Mapping[str, Tensor], *, replace_old: bool
) -> None:
    """Write all that `read` gives back, at once or not at all; about: JSON values."""
    tensors = {name: getattr(graph, name) for name in ("edges", "domain", "features", "classes")}
    names = {name: list(getattr(graph, name)) for name in NAMES}
    with checkpoint.new_folder(folder, replace=replace_old) as temp:
        data = {"format": FORMAT, "method": "dida", **about, "graph": names}
        checkpoint.write_json(temp / "forecaster.json", data)
        checkpoint.write_tensors(temp / "weights.safetensors", weights)
        checkpoint.write_tensors(temp / "graph.safetensors", {k: v for k, v in tensors.items() if v is not None})
        checkpoint.write_manifest(temp)


def read(folder: str | Path) -> tuple[dict[str, Any], Graph, dict[str, Tensor]]:
    """What a folder or the run around it holds. Raises ForecasterFolderError, BrokenCheckpointError."""
    folder = Path(folder)
    place = folder / "model" if (folder / "model").is_dir() else folder
    if not (place / "forecaster.json").is_file():
        raise ForecasterFolderError(folder, "it has no forecaster.json")
    checkpoint.verify(place)
    about = checkpoint.read_json(place / "forecaster.json")
    if about.get("format") != FORMAT:
        raise ForecasterFolderError(folder, "it was written by another version of Likewise")
    weights, _ = checkpoint.read_tensors(place / "weights.safetensors")
    tensors, _ = checkpoint.read_tensors(place / "graph.safetensors")
    names: dict[str, Any] = {name: tuple(value) for name, value in about["graph"].items()}
    return about, Graph(**cast(dict[str, Any], tensors), **names), weights
