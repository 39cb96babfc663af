"""The metrics that the paper's authors released: what each stands on, and how to load it from their unpacked archives.

Nothing is downloaded. An archive holds the backbone files and a folder of adapters; DINO's backbone, which the authors'
code fetches by itself, may also lie in the folder as torch's hub stores it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from likewise.dreamsim import adapters, backbones, networks
from likewise.dreamsim.branches import Branch
from likewise.dreamsim.ensemble import Ensemble
from likewise.errors import MissingWeightsError, UnknownNameError

HUB = ("", "checkpoints/", "hub/checkpoints/")  # where torch's hub may have put a file

# network -> names that its weights were released under, the preferred first
FILES: Mapping[str, Sequence[str]] = {
    "dino_vits8": ("dino_deitsmall8_pretrain.pth",),
    "dino_vits16": ("dino_deitsmall16_pretrain.pth",),
    "dino_vitb8": ("dino_vitbase8_pretrain.pth",),
    "dino_vitb16": ("dino_vitbase16_pretrain.pth", "dino_vitb16_pretrain.pth"),
    "dinov2_vitb14": ("dinov2_vitb14_pretrain.pth",),
    "clip_vitb16": ("clip_vitb16_pretrain.pth.tar",),
    "clip_vitb32": ("clip_vitb32_pretrain.pth.tar",),
    "clip_vitl14": ("clipl14_as_dino_vitl.pth.tar",),
    "open_clip_vitb16": ("open_clip_vitb16_pretrain.pth.tar",),
    "open_clip_vitb32": ("open_clip_vitb32_pretrain.pth.tar",),
    "open_clip_vitl14": ("open_clipl14_as_dino_vitl.pth.tar",),
    "mae_vitb16": ("mae_vitb16_pretrain.pth",),
    "mae_vitl16": ("mae_vitl16_pretrain.pth",),
    "mae_vith14": ("mae_vith14_pretrain.pth",),
    "synclr_vitb16": ("synclr_vit_b_16.pth",),
}


@dataclass(frozen=True)
class Release:
    """One released metric: networks with their features, and its folder of adapters since v0.2."""

    parts: tuple[tuple[str, str], ...]
    adapter: str


RELEASES: Mapping[str, Release] = {
    "ensemble": Release(
        (("dino_vitb16", "cls"), ("clip_vitb16", "embedding"), ("open_clip_vitb16", "embedding")), "ensemble_lora"
    ),
    "dino_vitb16": Release((("dino_vitb16", "cls"),), "dino_vitb16_single_lora"),
    "dinov2_vitb14": Release((("dinov2_vitb14", "cls"),), "dinov2_vitb14_single_lora"),
    "clip_vitb32": Release((("clip_vitb32", "embedding"),), "clip_vitb32_single_lora"),
    "open_clip_vitb32": Release((("open_clip_vitb32", "embedding"),), "open_clip_vitb32_single_lora"),
    "synclr_vitb16": Release((("synclr_vitb16", "cls"),), "synclr_vitb16_single_lora"),
    "dino_vitb16_patch": Release((("dino_vitb16", "cls_patch"),), "dino_vitb16_patch_lora"),
    "dinov2_vitb14_patch": Release((("dinov2_vitb14", "cls_patch"),), "dinov2_vitb14_patch_lora"),
}


def found_in(folder: Path) -> list[str]:
    """The releases whose adapters a folder holds; v0.1's folders, one a branch, are first of all the ensemble's."""
    found = [name for name, release in RELEASES.items() if _adapters(folder, release)]
    if "ensemble" in found and not adapters.is_adapter(folder / RELEASES["ensemble"].adapter):
        found = [name for name in found if name == "ensemble" or adapters.is_adapter(folder / RELEASES[name].adapter)]
    return found


def load(folder: Path, name: str) -> Ensemble:
    """A released metric from its unpacked archive, adapters merged.

    Raises UnknownNameError, MissingWeightsError with every file that is missing, MetricWeightsError.
    """
    parts(name)
    release = RELEASES[name]
    places = _adapters(folder, release)
    weights = {network: backbone(folder, network) for network, _ in release.parts}
    missing = [" or ".join(FILES[network]) for network, path in weights.items() if path is None]
    if not places:
        missing.append(f"{release.adapter}/ with {adapters.CONFIG} and {' or '.join(adapters.FILES)}")
    if missing:
        raise MissingWeightsError(name, folder, missing)
    branches = [_branch(network, feature, weights[network]) for network, feature in release.parts]
    if len(places) == 1:
        adapters.merge(branches, adapters.read(places[0]))
    else:  # v0.1: a folder a branch
        for branch, place in zip(branches, places, strict=True):
            adapters.merge([branch], adapters.read(place))
    return Ensemble(branches).requires_grad_(False).eval()


def parts(name: str) -> tuple[tuple[str, str], ...]:
    """The networks of a release with their features. Raises UnknownNameError."""
    if name not in RELEASES:
        raise UnknownNameError("released metric", name, RELEASES)
    return RELEASES[name].parts


def untuned(folder: Path, parts: Sequence[tuple[str, str]]) -> Ensemble:
    """Released backbones side by side, without adapters. Raises MissingWeightsError."""
    weights = {network: backbone(folder, network) for network, _ in parts}
    missing = [" or ".join(FILES[network]) for network, path in weights.items() if path is None]
    if missing:
        raise MissingWeightsError(", ".join(weights), folder, missing)
    branches = [_branch(network, feature, weights[network]) for network, feature in parts]
    return Ensemble(branches).requires_grad_(False).eval()


def backbone(folder: Path, network: str) -> Path | None:
    """Where a network's weights lie in a folder, or None."""
    names = [
        name
        for known in FILES.get(network, ())
        for name in (known, str(Path(known.removesuffix(".tar")).with_suffix(".safetensors")))
    ]
    return next((folder / place / name for name in names for place in HUB if (folder / place / name).is_file()), None)


def _branch(network: str, feature: str, path: Path | None) -> Branch:
    assert path is not None, "missing files were told before"
    branch = networks.build(network, feature)
    backbones.load(branch.network, path)
    return branch


def _adapters(folder: Path, release: Release) -> list[Path]:
    """The folder of all adapters, or v0.1's, one a branch; empty where there are none."""
    if adapters.is_adapter(folder / release.adapter):
        return [folder / release.adapter]
    if release.adapter.endswith("_patch_lora"):
        return []
    old = [folder / f"{network}_lora" for network, _ in release.parts]
    return old if all(map(adapters.is_adapter, old)) else []
