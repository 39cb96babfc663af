"""Concepts on a model, and off again: adapters, whole weights and learned words."""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

import torch
from torch import Tensor, nn

from likewise.concept.folder import Concept
from likewise.diffusion import lora_formats
from likewise.diffusion.backbone import Backbone, Vectors, Words
from likewise.diffusion.folder import Folder
from likewise.errors import ConceptClashError, ConceptClashWarning, IdleSettingWarning


@contextmanager
def applied(backbone: Backbone, concepts: Sequence[Concept]) -> Iterator[Words]:
    """While inside, the model has learned all of these; yields their word vectors by placeholder.

    Afterwards, and after an error on the way, the model is bit for bit what it was. Raises WrongBaseError,
    ConceptClashError for two of a name or two that replace all weights; warns of a shared identifier.
    """
    _check_together(concepts)
    for concept in concepts:
        concept.check(backbone)
    with ExitStack() as scopes:
        words: dict[str, Vectors] = {}
        for concept in concepts:  # whole weights first: adapters of others then add to them
            if "pipeline" in concept.parts():
                scopes.enter_context(_whole_weights(backbone, concept))
        for concept in concepts:
            words |= _learned_words(backbone, concept)
            if "lora" in concept.parts():
                loras, _ = lora_formats.load_into(backbone, concept.parts()["lora"], concept.scale)
                for one in loras:
                    scopes.callback(one.remove)
        yield words


@contextmanager
def _whole_weights(backbone: Backbone, concept: Concept) -> Iterator[None]:
    """The U-Net and text towers of the concept's own model folder; scale moves between them and the base's."""
    folder = Folder(concept.parts()["pipeline"])
    targets = lora_formats.components(backbone)
    before: list[tuple[nn.Parameter, Tensor]] = []
    try:
        for part, module in targets.items():
            learned = folder.tensors(part)
            for name, parameter in module.named_parameters():
                before.append((parameter, parameter.data))
                new = learned[name].to(parameter.device, parameter.dtype)
                parameter.data = new if concept.scale == 1 else torch.lerp(parameter.data, new, concept.scale)
        yield
    finally:
        for parameter, value in before:
            parameter.data = value


def _learned_words(backbone: Backbone, concept: Concept) -> dict[str, Vectors]:
    rows = tuple(one.float().to(backbone.device) for one in concept.rows())
    if not rows:
        return {}
    if concept.scale != 1:
        warnings.warn(IdleSettingWarning("scale", f"<{concept.name}>", "a learned word", ("adapters",)), stacklevel=4)
    return {concept.placeholder: rows[0] if len(rows) == 1 else rows}


def _check_together(concepts: Sequence[Concept]) -> None:
    for index, one in enumerate(concepts):
        for other in concepts[:index]:
            if one.name == other.name:
                raise ConceptClashError(one.name, other.name, "have the same name")
            if "pipeline" in one.parts() and "pipeline" in other.parts():
                raise ConceptClashError(one.name, other.name, "both replace all weights of the base model")
            if one.identifier and one.identifier == other.identifier:
                warnings.warn(ConceptClashWarning(one.name, other.name, one.identifier), stacklevel=4)
