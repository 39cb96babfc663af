"""From a name or a folder to a metric: the embedded one, a tuned or converted one, or the authors' own weights."""

from pathlib import Path

from likewise.dreamsim import adapters, folder, networks, released
from likewise.dreamsim.branches import Branch
from likewise.dreamsim.ensemble import Ensemble
from likewise.dreamsim.inputs import Aspect
from likewise.dreamsim.metric import Metric
from likewise.errors import MetricFolderError, MissingWeightsError, SettingError, UnknownNameError

EMBEDDED = "embedded"
# Of the embedded ensemble, each with its weight. The tower knows drawn things; at full weight it would cost photos:
# the area under the ROC curve of same against other subject falls from 0.970 to 0.892 on DreamBooth's.
PARTS = ((networks.LITES[0], "scene", 1.0), (networks.TOYBOX, "tower", 0.5))
CACHE = Path("models")  # where the authors' code keeps its weights


def load(
    name: str | Path | None = None,
    *,
    weights: str | Path | None = None,
    device: str | None = None,
    precision: str = "float32",
    aspect: Aspect | None = None,
) -> Metric:
    """A metric; without a name the embedded ensemble, which needs no files and no network.

    name: "embedded"; a folder that `learn` or `convert` wrote, or an unpacked archive of the authors'; a release such
    as "ensemble" or "dino_vitb16_patch"; or networks with features and no tuning, such as "efficientnet-lite0:pooled"
    or "dino_vitb16:cls,clip_vitb16:embedding". weights: the folder with the released weights, by default "models".

    Raises UnknownNameError, MetricFolderError, MetricWeightsError, MissingWeightsError with all that is missing.
    """
    if name is not None and Path(name).is_dir():
        made = _from_folder(Path(name), device, precision)
    elif name is None or str(name) in (EMBEDDED, "dreamsim"):
        made = Metric(embedded(), EMBEDDED, device=device, precision=precision)
    else:
        model = _named(str(name), Path(weights or CACHE))
        made = Metric(model, str(name), device=device, precision=precision)
    if aspect is not None and aspect != made.aspect:  # another metric: nothing that was calibrated holds
        made = Metric(made.model, made.name, aspect=aspect, device=device, precision=precision, about=made.about)
    return made


def embedded() -> Ensemble:
    """EfficientNet-Lite0, what there is and where, beside the Toybox tower."""
    branches = [networks.embedded(name, feature) for name, feature, _ in PARTS]
    for branch, (_, _, weight) in zip(branches, PARTS, strict=True):
        branch.weight = weight
    return Ensemble(branches, balanced=True).requires_grad_(False).eval()


def convert(source: str | Path, out: str | Path, name: str | None = None) -> Metric:
    """The authors' weights as one folder of ours, adapters merged: safetensors that load without anything else.

    name: which release, where the folder holds several. Raises as `load`, and FolderExistsError.
    """
    source = Path(source)
    if not source.is_dir():
        raise MetricFolderError(source, "there is no such folder")
    known = released.found_in(source)
    if name is None and len(known) != 1:
        raise MetricFolderError(source, _which(source, known))
    name = name or known[0]
    metric = Metric(released.load(source, name), name)
    folder.save(metric, out, more={"converted": name})
    return metric


def _from_folder(place: Path, device: str | None, precision: str) -> Metric:
    tuned = place / "metric"  # of a run
    if (tuned / folder.FILE).is_file() and not (place / folder.FILE).is_file():
        place = tuned
    if (place / folder.FILE).is_file():
        return folder.load(place, device=device, precision=precision)
    known = released.found_in(place)
    if len(known) != 1:
        raise MetricFolderError(place, _which(place, known))
    return Metric(released.load(place, known[0]), known[0], device=device, precision=precision)


def _which(place: Path, known: list[str]) -> str:
    if known:
        command = f"likewise dreamsim convert {place} --out DIR --release {known[0]}"
        return f"it has the adapters of {', '.join(known)}; turn one into a folder of its own, such as: {command}"
    return f"it has neither {folder.FILE} nor a folder with {adapters.CONFIG}"


def _named(name: str, weights: Path) -> Ensemble:
    if name in released.RELEASES:
        if not weights.is_dir():
            raise MissingWeightsError(name, weights, ["there is no such folder"])
        return released.load(weights, name)
    parts = [tuple(part.partition(":")[::2]) for part in name.split(",")]
    unknown = [network for network, _ in parts if network not in networks.NAMES]
    if unknown:
        raise UnknownNameError("metric", name, [EMBEDDED, *released.RELEASES, *networks.NAMES])
    parts = [(network, feature or _usual(network)) for network, feature in parts]
    ours = [network not in networks.TRANSFORMERS for network, _ in parts]
    if all(ours):
        branches = [_lite(network, feature, weights) for network, feature in parts]
        return Ensemble(branches, balanced=len(branches) > 1).requires_grad_(False).eval()
    if any(ours):
        raise SettingError("name", name, "embedded networks and released ones cannot be joined")
    if len(parts) > 1 and any(feature == "cls_patch" for _, feature in parts):
        raise SettingError("name", name, "patch features stand alone")
    return released.untuned(weights, parts)


def _lite(network: str, feature: str, weights: Path) -> Branch:
    if network in networks.LITES[1:]:
        return networks.converted(network, feature, weights)
    return networks.embedded(network, feature)


def _usual(network: str) -> str:
    if network in networks.TRANSFORMERS:
        return "embedding" if "clip" in network else "cls"
    return "tower" if network == networks.TOYBOX else "pooled"
