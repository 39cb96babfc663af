"""What draws and measures a session's rounds: its model, concepts and encoder, loaded when they are first needed."""

import warnings
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from PIL.Image import Image

from likewise import devices, encoders
from likewise import settings as values
from likewise.concept import Concept
from likewise.diffusion import load
from likewise.diffusion.backbone import Backbone
from likewise.encoders import Encoder, loading
from likewise.errors import BurnoutWarning, SessionEncoderError, SessionModelError, UnknownNameError
from likewise.fabric import burnout
from likewise.fabric.config import Config
from likewise.fabric.drawing import Progress, draw
from likewise.fabric.features import Features
from likewise.fabric.history import Cited, Round, Used
from likewise.fabric.measures import measure
from likewise.fabric.references import Reference
from likewise.fabric.shelf import Shelf
from likewise.imagine.output import Picture

Source = str | Path | Concept
EMBEDDED = {"embedded": "dreamsim"}  # what a metric calls itself, and what encoders call it


class Easel:
    """The means of one session; what is None is taken as the session began."""

    def __init__(
        self,
        shelf: Shelf,
        backbone: str | Path | Backbone | None = None,
        concepts: Sequence[Source] | None = None,
        encoder: str | Path | Encoder | None = None,
        device: str | None = None,
    ) -> None:
        """Nothing is loaded yet."""
        self.shelf, self.card = shelf, shelf.read_card()
        self.features = Features()
        self._backbone, self._concepts, self._encoder, self._device = backbone, concepts, encoder, device

    @cached_property
    def model(self) -> Backbone:
        """The base model; SessionModelError if it is not the one that the session began with."""
        model = open_model(self._backbone or self.card.backbone, self._device)
        if model.hash != self.card.backbone_hash:
            raise SessionModelError(self.shelf.folder, "base model", self.card.backbone_hash, model.hash)
        return model

    @cached_property
    def encoder(self) -> Encoder | None:
        """What measures likeness, if anything does; SessionEncoderError if the session's own is not found here."""
        if self._encoder is not None:
            return open_encoder(self._encoder, self._device)
        try:
            return open_encoder(self.card.encoder, self._device)
        except UnknownNameError as error:
            raise SessionEncoderError(self.shelf.folder, self.card.encoder) from error

    def ready(self) -> "Easel":
        """Itself, with model and encoder loaded: what is wrong with them is said before anything is drawn."""
        _ = self.model, self.encoder
        return self

    def concepts(self) -> list[Concept]:
        """Those of every round; SessionModelError if one is not as it was."""
        asked = [Path(one.source) for one in self.card.concepts] if self._concepts is None else self._concepts
        found = {one.name: one for one in map(Concept.load, asked)}
        for one in self.card.concepts:
            self._check(one.name, one.hash, found[one.name].hash if one.name in found else "none")
        return list(found.values())

    def concepts_of(self, past: Round) -> list[Concept]:
        """Those of a past round, as they were; from the session's own and the library."""
        own = {one.name: one for one in self.concepts()}
        found = [(used, own.get(used.name) or Concept.load(used.name)) for used in past.concepts]
        for used, concept in found:
            self._check(used.name, used.hash, concept.hash)
        return [concept.scaled(used.scale) for used, concept in found]

    def references(self, cited: Sequence[Cited]) -> list[Reference]:
        """The pictures that had a part in a round, as they were."""
        return [self.shelf.reference(one.what, one.weight, one.id) for one in cited]

    def draw(self, plan: Round, concepts: Sequence[Concept], progress: Progress | None = None) -> list[Picture]:
        """The pictures of a round, whose `pictures` have no part in it."""
        config = values.build(Config, plan.settings, str(self.shelf.events))
        self.features.limit(config.cache)
        made = draw(
            plan.prompt,
            likes=self.references(plan.likes),
            dislikes=self.references(plan.dislikes),
            concepts=concepts,
            backbone=self.model,
            seed=plan.seed,
            progress=progress,
            features=self.features,
            config=config,
        )
        names = [f"{self.card.id} {plan.round}-{index}" for index in range(1, len(made) + 1)]
        return [Picture(one.image, {**one.metadata, "session": name}) for one, name in zip(made, names, strict=True)]

    def measure(self, plan: Round, pictures: Sequence[Image], first: Round | None) -> dict[str, Any]:
        """How the round did, by the encoder if there is one; warns of burnout, seen beside the path's first round."""
        likes, dislikes = ([one.image for one in self.references(side)] for side in (plan.likes, plan.dislikes))
        found: dict[str, Any] = dict(burnout.look(pictures))
        if first is not None and "saturation" in first.metrics and likes + dislikes:
            glaring = burnout.burnt(found, first.metrics, likes)
            if glaring:
                warnings.warn(BurnoutWarning(glaring, burnout.GLARE, len(likes), len(dislikes)), stacklevel=3)
        if self.encoder is None:
            return found
        target = None if self.card.target is None else self.shelf.reference(self.card.target, 1.0).image
        return found | measure(self.encoder, pictures, likes=likes, dislikes=dislikes, target=target)

    def _check(self, name: str, needed: str, found: str) -> None:
        if needed != found:
            raise SessionModelError(self.shelf.folder, f"concept <{name}>", needed, found)


def open_model(asked: str | Path | Backbone, device: str | None) -> Backbone:
    """The model, loaded if it is not."""
    return asked if isinstance(asked, Backbone) else load(asked).to(devices.choose(device).kind)


def open_encoder(asked: str | Path | Encoder, device: str | None) -> Encoder | None:
    """The encoder, loaded if it is not; None for "none"."""
    if isinstance(asked, (str, Path)):
        return None if asked == "none" else encoders.load(asked, device=devices.choose(device).kind)
    return asked


def lasting(asked: str | Path | Backbone | Encoder) -> str:
    """What opens it again: a folder's whole path, which holds from anywhere; a name as it is; of an object its name."""
    if not isinstance(asked, (str, Path)):
        return EMBEDDED.get(asked.name, asked.name)
    return loading.lasting(asked)


def used(made: Sequence[Picture]) -> list[Used]:
    """The concepts that took part in a round, which are the same for all its pictures."""
    return [Used(**one) for one in made[0].metadata["concepts"]]
