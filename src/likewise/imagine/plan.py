"""What is to be drawn, settled before anything is: settings checked, concepts found, prompts spelled out."""

import math
import operator
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import likewise
from likewise.concept import Concept, expand, library, names_in
from likewise.diffusion.backbone import POOLINGS, Backbone, Pooling
from likewise.errors import ConceptClashError, IdleSettingWarning, SettingError, UnusualSizeWarning

Sources = Sequence[str | Path | Concept]


@dataclass(frozen=True)
class Settings:
    """What all pictures of one call share."""

    negative: str = ""
    steps: int = 20
    guidance: float = 5.0
    scheduler: str = "dpmsolver++"
    size: int | None = None  # pixels a side; None is the model's own


@dataclass(frozen=True)
class Scene:
    """One prompt with the concepts that it draws, and both prompts as the model reads them."""

    prompt: str
    expanded: str
    negative: str
    concepts: tuple[Concept, ...]


@dataclass(frozen=True)
class Job:
    """One picture."""

    scene: Scene
    seed: int


def check(settings: Settings, backbone: Backbone) -> int:
    """The size to draw at; SettingError for what is impossible, warnings for what is unwise or has no effect."""
    if not math.isfinite(settings.guidance):
        raise SettingError("guidance", settings.guidance, "it must be a number, usually 1 to 15")
    if settings.guidance <= 1 and settings.negative:
        warnings.warn(IdleSettingWarning("negative", "guidance", settings.guidance, ("above 1",)), stacklevel=4)
    native, cell = backbone.facts.image_size, grid(backbone)
    size = native if settings.size is None else settings.size
    if size < cell or size % cell:
        raise SettingError("size", size, f"this model needs a multiple of {cell} pixels, at best {native}")
    if size != native:
        warnings.warn(UnusualSizeWarning(size, native), stacklevel=4)
    return size


def pooling(concepts: Sequence[Concept]) -> Pooling:
    """Where the pooled text is read: as the words were learned, which matters to SDXL alone.

    ConceptClashError for words that were learned in two ways.
    """
    learned = {one.name: one.card.config.get("pooling", POOLINGS[0]) for one in concepts if "words" in one.parts()}
    for name, other in pairwise(learned):
        if learned[name] != learned[other]:
            raise ConceptClashError(name, other, "were learned with another pooling of the text")
    return "eos" if "eos" in learned.values() else "argmax"


def origin(scene: Scene, backbone: Backbone, size: int) -> dict[str, Any]:
    """What a picture's metadata say of where it came from, beside its prompt and settings."""
    return {
        "size": [size, size],
        "backbone": backbone.name,
        "backbone_hash": backbone.hash,
        **({"pooling": pooling(scene.concepts)} if backbone.facts.sized else {}),
        "concepts": [{"name": one.name, "hash": one.hash, "scale": one.scale} for one in scene.concepts],
        "version": likewise.__version__,
    }


def grid(backbone: Backbone) -> int:
    """Pixels that one cell of the U-Net's coarsest level covers."""
    unet: Any = backbone.unet
    return backbone.facts.latent_downscale * 2 ** (len(unet.config.block_out_channels) - 1)


def jobs(prompts: str | Sequence[str], concepts: Sources, settings: Settings, seeds: Sequence[int]) -> list[Job]:
    """Every prompt with every seed, prompt by prompt. Raises UnknownConceptError, SettingError, ConceptClashError."""
    prompts = [prompts] if isinstance(prompts, str) else list(prompts)
    if not prompts:
        raise SettingError("prompts", prompts, "at least one is needed")
    for seed in seeds:
        operator.index(seed)
    given = [Concept.load(source) for source in concepts]
    scenes = [scene(prompt, given, settings.negative) for prompt in prompts]
    return [Job(one, seed) for one in scenes for seed in seeds]


def scene(prompt: str, given: Sequence[Concept], negative: str) -> Scene:
    """The prompt with the given concepts and those it names, which come from the library."""
    by_name: dict[str, Concept] = {}
    for concept in given:
        if concept.name in by_name:
            raise ConceptClashError(concept.name, concept.name, "have the same name")
        by_name[concept.name] = concept
    shelf = library()
    for name in names_in(f"{prompt} {negative}"):
        if name not in by_name and name in shelf.names():
            by_name[name] = shelf.get(name)
    spelled = [expand(text, by_name, shelf.names()) for text in (prompt, negative)]
    return Scene(prompt, spelled[0], spelled[1], tuple(by_name.values()))


def picture_seeds(n: int, seed: int, seeds: Sequence[int] | None) -> list[int]:
    """seed, seed + 1, ... n of them, or the seeds given."""
    if seeds is not None:
        return list(seeds)
    if n < 1:
        raise SettingError("n", n, "at least one picture is needed")
    return [seed + index for index in range(n)]
