"""Draw what each model makes of the same prompts from the same noise, the untaught one first."""

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from PIL import Image

from likewise import checkpoint, images, registry, seeds
from likewise.diffusion import sampling
from likewise.diffusion.backbone import Backbone, Pooling, Words, join
from likewise.errors import BrokenCheckpointError, SkippedCheckpointWarning, UnknownNameError
from likewise.verdict.config import Config
from likewise.verdict.runs import Run
from likewise.verdict.scores import Drawn

Progress = Callable[[int, int], None]  # denoising steps done, and in all
Scope = Callable[[], AbstractContextManager[Words | None]]  # yields what placeholders in prompts stand for


@dataclass(frozen=True)
class Model:
    """One model to draw with: the base model is as learned inside `scope`, which yields its word vectors, if any."""

    step: int  # or another number that tells it from the others; 0 is the base model
    asked: Sequence[str]  # the prompts, in its own words
    bare: str  # the class prompt
    scope: Scope = nullcontext
    pooling: Pooling = "argmax"  # see likewise.diffusion.backbone


def untaught(run: Run, prompts: Sequence[str]) -> Model:
    """The base model, asked for the same without the identifier."""
    return Model(0, run.meant(prompts), run.bare)


def taught(backbone: Backbone, run: Run, place: Path, prompts: Sequence[str]) -> Model | None:
    """The model of a checkpoint; None, with a SkippedCheckpointWarning, where that is damaged."""
    try:
        tensors, _ = checkpoint.load_state(place)
    except BrokenCheckpointError as error:
        warnings.warn(SkippedCheckpointWarning(place.name, error), stacklevel=4)
        return None
    scope = partial(applied(run.method), backbone, tensors, run.settings)
    return Model(int(place.name), run.asked(prompts), run.bare, scope, run.pooling)


def applied(method: str) -> Callable[..., AbstractContextManager[Words | None]]:
    """The method's `applied(backbone, tensors, settings)`, see likewise.tuning.lesson; UnknownNameError."""
    if not registry.method(method).lesson:
        teachable = [name for name in registry.methods() if registry.method(name).lesson]
        raise UnknownNameError("method to judge", method, teachable)
    return registry.lesson(method).applied


def drawings(
    backbone: Backbone, run: Run, places: list[Path], config: Config, progress: Progress | None = None
) -> Iterator[Drawn]:
    """Step 0, the base model asked without the identifier, then every checkpoint that is intact.

    SkippedCheckpointWarning for each that is not. Afterwards the model is what it was.
    """
    prompts = config.drawn(backbone.facts.family, run.noun)
    brush = Brush(backbone, config, len(prompts), len(places) + 1, progress)
    yield brush.draw(untaught(run, prompts))
    applied(run.method)  # an unknown method is told of before the first checkpoint is read
    for place in places:
        model = taught(backbone, run, place, prompts)
        if model is None:
            brush.skip()
        else:
            yield brush.draw(model)


class Brush:
    """Draws every model's pictures from one and the same noise."""

    def __init__(
        self, backbone: Backbone, config: Config, prompts: int, models: int, progress: Progress | None = None
    ) -> None:
        """prompts, models: how many there will be."""
        self.backbone, self.config, self.progress = backbone, config, progress
        self.prompts, self.subjects = prompts, prompts * config.images
        keys = [seeds.key(config.seed, "verdict", "subject", index) for index in range(self.subjects)]
        keys += [seeds.key(config.seed, "verdict", "plain", index) for index in range(config.class_images)]
        self.noise = sampling.noise(backbone, keys)
        self.done, self.total = 0, models * config.steps

    def draw(self, model: Model, live: Words | None = None) -> Drawn:
        """The pictures of a model; live: vectors of words that it is just learning."""
        with model.scope() as words:
            pictures = self._pictures([*model.asked, model.bare], live or words or {}, model.pooling)
        return Drawn(model.step, pictures[: self.subjects], pictures[self.subjects :])

    def skip(self) -> None:
        """Count a model that is not drawn."""
        self._count(self.config.steps)

    @torch.no_grad()
    def _pictures(self, prompts: list[str], words: Words, pooling: Pooling) -> list[Image.Image]:
        times = [self.config.images] * self.prompts + [self.config.class_images]
        texts = [self.backbone.encode_text([prompt], words, pooling=pooling) for prompt in prompts]  # alone: no mixing
        steps = sampling.generate(
            self.backbone,
            join([text for text, count in zip(texts, times, strict=True) for _ in range(count)]),
            self.backbone.encode_text([""]),
            noise=self.noise,
            steps=self.config.steps,
            guidance=self.config.guidance,
        )
        last = sampling.last(self._counted(steps)).images
        assert last is not None, "the last step carries the images"
        return images.to_pil(last)

    def _counted(self, steps: Iterator[sampling.Denoised]) -> Iterator[sampling.Denoised]:
        for step in steps:
            self._count(1)
            yield step

    def _count(self, steps: int) -> None:
        self.done += steps
        if self.progress is not None:
            self.progress(self.done, self.total)
