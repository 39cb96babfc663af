"""A metric on disk: `dreamsim.json` says what it is, `weights.safetensors` holds what the installation does not.

An embedded network that was not tuned is named with the hash of its weights; every other tensor, adapters merged, is in
the file. Both are written whole and proven by a manifest.
"""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from likewise import checkpoint
from likewise.checkpoint import hash_tensors
from likewise.dreamsim import heads, networks
from likewise.dreamsim.branches import Branch
from likewise.dreamsim.calibration import Calibration, SameCurve
from likewise.dreamsim.ensemble import Ensemble
from likewise.dreamsim.metric import Metric
from likewise.encoders.loading import ENCODERS
from likewise.errors import MetricFolderError, MetricWeightsError

FILE, WEIGHTS, FORMAT = "dreamsim.json", "weights.safetensors", 1


def save(metric: Metric, folder: str | Path, *, replace: bool = False, more: dict[str, Any] | None = None) -> None:
    """Write a metric as a folder. more: JSON for the reader, such as how it was tuned. Raises FolderExistsError."""
    tensors: dict[str, Tensor] = {}
    branches = []
    for index, branch in enumerate(metric.model.branches):
        about: dict[str, Any] = {
            "network": branch.name,
            "feature": branch.feature,
            "pixels": branch.pixels,
            "weight": branch.weight,
        }
        embedded = hash_tensors(branch.network.state_dict())
        if embedded == _embedded_hash(branch):
            about["embedded"] = embedded
        else:
            tensors |= {f"branches.{index}.{name}": value for name, value in branch.network.state_dict().items()}
        branches.append(about)
    head = metric.model.head
    if head is not None:
        tensors |= {f"head.{name}": value for name, value in head.state_dict().items()}
    about = {
        "format": FORMAT,
        "name": metric.name,
        "branches": branches,
        "head": None if head is None else {"kind": head.kind, "hidden": head.size},
        "balanced": metric.model.balanced,
        "centre": metric.model.centre,
        "aspect": metric.aspect,
        "calibration": _plain(metric.calibration),
        "hash": metric.hash,
        "about": {**metric.about, **(more or {})},
    }
    with checkpoint.new_folder(folder, replace=replace) as temp:
        checkpoint.write_json(temp / FILE, about)
        if tensors:
            checkpoint.write_tensors(temp / WEIGHTS, tensors)
        checkpoint.write_manifest(temp)


def load(folder: str | Path, *, device: str | None = None, precision: str = "float32") -> Metric:
    """What `save` wrote. Raises MetricFolderError, MetricWeightsError, BrokenCheckpointError."""
    folder = Path(folder)
    if not (folder / FILE).is_file():
        raise MetricFolderError(folder, f"it has no {FILE}")
    checkpoint.verify(folder)
    about = checkpoint.read_json(folder / FILE)
    if about.get("format") != FORMAT:
        raise MetricFolderError(folder, "it was written by another version of Likewise")
    path = folder / WEIGHTS
    left = checkpoint.read_tensors(path)[0] if path.is_file() else {}
    branches = [_branch(one, index, left, folder) for index, one in enumerate(about["branches"])]
    for branch, one in zip(branches, about["branches"], strict=True):
        branch.weight = one["weight"]
    model = Ensemble(branches, balanced=about["balanced"], centre=about["centre"])
    if about["head"] is not None:
        width = sum(branch.width for branch in branches)
        model.head = heads.make(about["head"]["kind"], width, about["head"]["hidden"])
        _fill(model.head, "head.", left, path)
    if left:
        raise MetricWeightsError(path, [f"unknown: {name}" for name in left])
    calibration = _calibration(about["calibration"])
    model.requires_grad_(False)
    return Metric(
        model,
        about["name"],
        calibration=calibration,
        aspect=about["aspect"],
        device=device,
        precision=precision,
        about=about["about"],
    )


def _branch(about: dict[str, Any], index: int, left: dict[str, Tensor], folder: Path) -> Branch:
    name, feature = about["network"], about["feature"]
    if "embedded" not in about:
        branch = networks.build(name, feature, about["pixels"])
        _fill(branch.network, f"branches.{index}.", left, folder / WEIGHTS)
        return branch
    branch = networks.embedded(name, feature)
    if hash_tensors(branch.network.state_dict()) != about["embedded"]:
        problem = f"it was made on other weights of {name} than this installation has"
        raise MetricFolderError(folder, problem)
    return branch


def _fill(module: nn.Module, prefix: str, left: dict[str, Tensor], path: Path) -> None:
    """Move a module's tensors out of `left`; each must be there and fit."""
    own, problems, found = module.state_dict(), [], {}
    for name, value in own.items():
        tensor = left.pop(prefix + name, None)
        if tensor is None:
            problems.append(f"missing: {prefix}{name}")
        elif tensor.shape != value.shape:
            problems.append(f"{prefix}{name} is {tuple(tensor.shape)}, and {tuple(value.shape)} is needed")
        else:
            found[name] = tensor.float()
    if problems:
        raise MetricWeightsError(path, problems)
    module.load_state_dict(found)


def _embedded_hash(branch: Branch) -> str | None:
    if branch.name not in ENCODERS:
        return None
    return hash_tensors(networks.embedded(branch.name, branch.feature).network.state_dict())


def _plain(calibration: Calibration) -> dict[str, Any]:
    same = None if calibration.same is None else asdict(calibration.same)
    return {"temperature": calibration.temperature, "same": same}


def _calibration(about: dict[str, Any]) -> Calibration:
    same = None if about["same"] is None else SameCurve(**about["same"])
    return Calibration(about["temperature"], same)
