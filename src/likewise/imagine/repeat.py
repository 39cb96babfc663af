"""Draw a picture again from what its PNG says, on the same weights or not at all."""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from PIL import ImageChops
from PIL.Image import Image
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from likewise import devices, images
from likewise.concept import Concept, library
from likewise.diffusion import load
from likewise.diffusion.backbone import Backbone
from likewise.errors import (
    ChangedModelError,
    DifferentPictureWarning,
    ModelNotFoundError,
    PictureMetadataError,
    SteeredPictureError,
)
from likewise.imagine.draw import Progress, imagine
from likewise.imagine.output import Picture
from likewise.imagine.plan import Sources


class Used(BaseModel):
    """A concept that had a part in a picture."""

    name: str
    hash: str
    scale: float


class Recipe(BaseModel):
    """The settings that imagine writes into a PNG; what later versions add is let be."""

    model_config = ConfigDict(frozen=True)

    prompt: str
    negative: str = ""
    seed: int
    steps: int
    guidance: float
    scheduler: str
    size: tuple[int, int]
    batch: int = 4
    backbone: str
    backbone_hash: str
    concepts: list[Used] = Field(default_factory=list)


def from_png(
    path: str | Path,
    *,
    concepts: Sources = (),
    backbone: str | Path | Backbone | None = None,
    out: str | Path | None = None,
    device: str | None = None,
    progress: Progress | None = None,
) -> list[Picture]:
    """Draw the picture of a PNG again: a list of one.

    The base model is found by its name if that is toybox, else it must be given; concepts come from `concepts` or the
    library. Raises ChangedModelError when a model or concept is not the one that drew the picture, and warns if the
    pixels differ all the same, as they may between processors or versions.
    """
    recipe = _recipe(Path(path))
    model = backbone if isinstance(backbone, Backbone) else _load(recipe, backbone, device)
    if model.hash != recipe.backbone_hash:
        raise ChangedModelError(f"base model {recipe.backbone}", recipe.backbone_hash, model.hash)
    used = [_find(one, [Concept.load(source) for source in concepts]) for one in recipe.concepts]
    pictures = imagine(
        recipe.prompt,
        concepts=used,
        backbone=model,
        seeds=[recipe.seed],
        negative=recipe.negative,
        guidance=recipe.guidance,
        steps=recipe.steps,
        scheduler=recipe.scheduler,
        size=recipe.size[0],
        batch=recipe.batch,
        out=out,
        progress=progress,
    )
    _compare(Path(path), pictures[0].image)
    return pictures


def _recipe(path: Path) -> Recipe:
    metadata: dict[str, Any] = images.read_metadata(path)
    steered = metadata.get("fabric")
    if isinstance(steered, dict) and any(steered.get(key) for key in ("likes", "dislikes", "change")):
        raise SteeredPictureError(path)
    try:
        return Recipe.model_validate(metadata)
    except ValidationError as error:
        first = error.errors()[0]
        raise PictureMetadataError(path, f"{'.'.join(map(str, first['loc']))}: {first['msg'].lower()}") from error


def _load(recipe: Recipe, backbone: str | Path | None, device: str | None) -> Backbone:
    if backbone is None and recipe.backbone != "toybox":
        raise ModelNotFoundError(recipe.backbone, "the picture says its name only; give its folder as the backbone")
    return load(backbone or "toybox").to(devices.choose(device).kind)


def _find(used: Used, given: Sequence[Concept]) -> Concept:
    concept = next((one for one in given if one.name == used.name), None) or library().get(used.name)
    if concept.hash != used.hash:
        raise ChangedModelError(f"concept <{used.name}>", used.hash, concept.hash)
    return concept.scaled(used.scale)


def _compare(path: Path, again: Image) -> None:
    before = images.read(path)
    difference = ImageChops.difference(before, again) if before.size == again.size else None
    if difference is None or difference.getbbox() is not None:
        bands = () if difference is None else cast(tuple[tuple[int, int], ...], difference.getextrema())
        most = max((high for _, high in bands), default=255)
        warnings.warn(DifferentPictureWarning(path, most), stacklevel=3)
