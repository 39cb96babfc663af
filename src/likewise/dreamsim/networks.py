"""The networks that a metric may stand on, by name: their shapes, what normalises their pictures, and how to build one.

Vision transformers carry the names of the released DreamSim code. Pictures are normalised inside the branch: by
ImageNet's mean and deviation for DINO, DINOv2, MAE and SynCLR, by OpenAI's for CLIP and OpenCLIP.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from likewise.checkpoint import read_json, read_tensors
from likewise.dreamsim.branches import Branch, LiteBranch, Tower, TowerBranch, ViTBranch
from likewise.encoders.efficientnet import Network
from likewise.encoders.image_tower import ImageTower
from likewise.encoders.loading import ENCODERS, WEIGHTS
from likewise.encoders.vit import Feature, Shape, ViT
from likewise.errors import (
    EncoderMissingError,
    MetricFeatureError,
    MetricWeightsError,
    MissingWeightsError,
    UnknownNameError,
)

PIXELS = 224  # at which all released transformers read pictures
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
OPENAI = ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711))

_SMALL = Shape(width=384, heads=6)
_CLIP = Shape(epsilon=1e-5, pre_norm=True, projection=512)
_LARGE = Shape(width=1024, depth=24, heads=16)
_CLIP_LARGE = replace(_LARGE, patch=14, epsilon=1e-5, pre_norm=True, projection=768)


@dataclass(frozen=True)
class Architecture:
    """A transformer's shape, its normalisation (mean, deviation), and the features that can be taken."""

    shape: Shape
    normalisation: tuple[tuple[float, ...], tuple[float, ...]] = IMAGENET
    features: tuple[str, ...] = ("cls", "last_layer", "cls_patch")


_WITH_TEXT = ("cls", "embedding", "last_layer")
_PLAIN = ("cls", "last_layer")
TRANSFORMERS: Mapping[str, Architecture] = {
    "dino_vits8": Architecture(replace(_SMALL, patch=8)),
    "dino_vits16": Architecture(_SMALL),
    "dino_vitb8": Architecture(Shape(patch=8)),
    "dino_vitb16": Architecture(Shape()),
    "dinov2_vitb14": Architecture(Shape(patch=14, pixels=518, layer_scale=True)),
    "clip_vitb16": Architecture(replace(_CLIP, quick_gelu=True), OPENAI, _WITH_TEXT),
    "clip_vitb32": Architecture(replace(_CLIP, patch=32, quick_gelu=True), OPENAI, _WITH_TEXT),
    "clip_vitl14": Architecture(replace(_CLIP_LARGE, quick_gelu=True), OPENAI, _WITH_TEXT),
    "open_clip_vitb16": Architecture(_CLIP, OPENAI, _WITH_TEXT),
    "open_clip_vitb32": Architecture(replace(_CLIP, patch=32), OPENAI, _WITH_TEXT),
    "open_clip_vitl14": Architecture(_CLIP_LARGE, OPENAI, _WITH_TEXT),
    "mae_vitb16": Architecture(Shape(), features=_PLAIN),
    "mae_vitl16": Architecture(_LARGE, features=_PLAIN),
    "mae_vith14": Architecture(Shape(patch=14, width=1280, depth=32, heads=16), features=_PLAIN),
    "synclr_vitb16": Architecture(Shape(), features=_PLAIN),
}
LITES = ("efficientnet-lite0", "efficientnet-lite1", "efficientnet-lite2")
TOYBOX = "toybox"
LITE_FEATURES = ("pooled", "layout", "scene")
NAMES = (*TRANSFORMERS, *LITES, TOYBOX)


def build(name: str, feature: str, pixels: int | None = None) -> Branch:
    """A branch of this network with random weights. Raises UnknownNameError, MetricFeatureError.

    pixels: the side at which it reads pictures; by default what its released weights were used at.
    """
    if name in TRANSFORMERS:
        about = TRANSFORMERS[name]
        _check(name, feature, about.features)
        return ViTBranch(name, cast(Feature, feature), ViT(about.shape), *about.normalisation, pixels or PIXELS)
    if name in LITES:
        _check(name, feature, LITE_FEATURES)
        return LiteBranch(name, feature, Network(name.rpartition("-")[2]), pixels or 192)
    if name == TOYBOX:
        _check(name, feature, ("tower",))
        folder = _folder(name)
        config = read_json(folder / "config.json")
        return TowerBranch(name, feature, Tower(ImageTower(**config["image"]), config["projection_dim"]))
    raise UnknownNameError("network", name, NAMES)


def converted(name: str, feature: str, folder: Path) -> Branch:
    """An EfficientNet-Lite1 or 2 whose weights benchmarks/convert_efficientnet.py wrote into a folder.

    Raises MissingWeightsError, MetricWeightsError.
    """
    file = f"{name.replace('-', '_')}.safetensors"
    if not (folder / file).is_file():
        raise MissingWeightsError(name, folder, [f"{file}, which benchmarks/convert_efficientnet.py makes"])
    branch = build(name, feature)
    tensors, _ = read_tensors(folder / file)
    try:
        branch.network.load_state_dict({key: value.float() for key, value in tensors.items()})
    except RuntimeError as error:  # keys or shapes of another network
        raise MetricWeightsError(folder / file, str(error).splitlines()[1:]) from error
    return branch.requires_grad_(False).eval()


def embedded(name: str, feature: str) -> Branch:
    """A branch with the weights that come with Likewise. Raises UnknownNameError, EncoderMissingError."""
    if name not in ENCODERS:
        raise UnknownNameError("embedded network", name, [one for one in ENCODERS if one in NAMES])
    branch = build(name, feature)
    tensors, _ = read_tensors(_folder(name) / ENCODERS[name][1])
    tensors = {key: value.float() for key, value in tensors.items()}
    if name == TOYBOX:
        image = {key: value for key, value in tensors.items() if key.startswith("image.")}
        tensors = {**image, "projection.weight": tensors["image_projection.weight"]}
    branch.network.load_state_dict(tensors)
    return branch.requires_grad_(False).eval()


def _folder(name: str):
    place, marker, _ = ENCODERS[name]
    if not (WEIGHTS / place / marker).is_file():
        raise EncoderMissingError(name)
    return WEIGHTS / place


def _check(name: str, feature: str, known: tuple[str, ...]) -> None:
    if feature not in known:
        raise MetricFeatureError(name, feature, known)
