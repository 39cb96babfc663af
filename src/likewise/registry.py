"""Every part that is chosen by name, as strings: nothing is imported before it is asked for.

Another package adds a method by an entry point in the group `likewise.methods` that names a `Method`.
"""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from typing import Any

from likewise.errors import UnknownNameError

GROUP = "likewise.methods"


@dataclass(frozen=True)
class Method:
    """Where a method's settings and its learning generator are, each as "package.module:name".

    The settings model offers `for_family(family, options)`, the settings for a base model, and `in_force()`, a dict of
    those that have an effect beside the others; `trained_part(options)`, the second half of the key of its defaults.
    """

    config: str
    learn: str
    summary: str
    defaults: str = ""  # {(family, trained part): {setting: default}}, where they depend on the base model
    lesson: str = ""  # "package.module" with the functions of likewise.tuning.lesson, if `teach` can use it


METHODS: Mapping[str, Method] = {
    "dreambooth": Method(
        "likewise.dreambooth.config:Config",
        "likewise.dreambooth.learn:learn",
        "Teach the model a subject, keeping what it knows of the class (arXiv:2208.12242).",
        "likewise.dreambooth.config:DEFAULTS",
        "likewise.dreambooth.lesson",
    ),
    "textual-inversion": Method(
        "likewise.textual_inversion.config:Config",
        "likewise.textual_inversion.learn:learn",
        "Teach the model a new word and nothing else (arXiv:2208.01618).",
        "likewise.textual_inversion.config:DEFAULTS",
        "likewise.textual_inversion.lesson",
    ),
    "pivotal": Method(
        "likewise.pivotal.config:Config",
        "likewise.pivotal.learn:learn",
        "Teach the model a new word, then adapters around it (arXiv:2106.05744).",
        "likewise.pivotal.config:DEFAULTS",
        "likewise.pivotal.lesson",
    ),
}

VERDICT = "likewise.verdict.config:Config"
FABRIC = "likewise.fabric.config:Config"
TREE = "likewise.concept_tree.config:Config"
TREE_DEFAULTS = "likewise.concept_tree.config:DEFAULTS"
RECIPE = "likewise.toybox.recipe:Recipe"
DIDA = "likewise.dida.config:Config"
MAGVLT = "likewise.magvlt.config:Config"
MAGVLT_DRAWING = "likewise.magvlt.config:Drawing"
MAGVLT_WRITING = "likewise.magvlt.config:Writing"
CONTRASTIVE = "likewise.contrastive.config:Config"
DREAMSIM = "likewise.dreamsim.config:Config"
DREAMSIM_USUAL = "likewise.dreamsim.config:usual"
ROOM = "likewise.dreamsim.room_settings:RoomSettings"

# package to import -> the extra that installs it
EXTRAS: Mapping[str, str] = {
    "accelerate": "diffusion",
    "diffusers": "diffusion",
    "peft": "diffusion",
    "tokenizers": "diffusion",
    "transformers": "diffusion",
    "pyarrow": "graph",
    "torch_geometric": "graph",
    "gradio": "studio",
    "lancedb": "scale",
    "ray": "scale",
    "usearch": "scale",
    "resvg_py": "toybox",
    "onnx": "onnx",
    "onnxruntime": "onnx",
}


def resolve(reference: str) -> Any:
    """The object that "package.module:name" means."""
    module, _, name = reference.partition(":")
    return getattr(importlib.import_module(module), name)


@cache
def plugins() -> Mapping[str, str]:
    """Methods that other installed packages offer: name -> reference of a Method. Our own names win."""
    return {point.name: point.value for point in entry_points(group=GROUP) if point.name not in METHODS}


def methods() -> list[str]:
    """The names of all methods, sorted."""
    return sorted({*METHODS, *plugins()})


def method(name: str) -> Method:
    """The method of this name; UnknownNameError names the nearest."""
    if name in METHODS:
        return METHODS[name]
    if name in plugins():
        return resolve(plugins()[name])
    raise UnknownNameError("method", name, methods())


def config(name: str) -> Any:
    """The settings model of a method; imports no torch for our own methods."""
    return resolve(method(name).config)


def learn(name: str) -> Any:
    """The learning generator of a method."""
    return resolve(method(name).learn)


def lesson(name: str) -> Any:
    """The stages of teaching by a method: a module that is a likewise.tuning.lesson.Lesson."""
    return importlib.import_module(method(name).lesson)


def defaults(name: str) -> Mapping[tuple[str, str], Mapping[str, Any]]:
    """Defaults that differ from the settings model's own, by base model family and trained part."""
    reference = method(name).defaults
    return resolve(reference) if reference else {}
