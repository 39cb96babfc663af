"""Draw what each checkpoint makes of the same prompts from the same noise, the untaught model first."""

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from importlib import import_module
from pathlib import Path

import torch
from PIL import Image

from likewise import checkpoint, images, seeds
from likewise.diffusion import sampling
from likewise.diffusion.backbone import Backbone, join
from likewise.errors import BrokenCheckpointError, SkippedCheckpointWarning, UnknownNameError
from likewise.verdict.config import Config
from likewise.verdict.runs import Run
from likewise.verdict.scores import Drawn

Progress = Callable[[int, int], None]  # denoising steps done, and in all

# method -> "module:function"; applied(backbone, tensors, settings) is a scope in which the model is as learned
APPLIED: Mapping[str, str] = {"dreambooth": "likewise.dreambooth.export:applied"}


def drawings(
    backbone: Backbone, run: Run, places: list[Path], config: Config, progress: Progress | None = None
) -> Iterator[Drawn]:
    """Step 0, the base model asked without the identifier, then every checkpoint that is intact.

    SkippedCheckpointWarning for each that is not. Afterwards the model is what it was.
    """
    brush = _Brush(backbone, config, len(places) + 1, progress)
    yield brush.draw(0, run.meant(config.prompts), run.bare, nullcontext())
    applied = _applied(run.method)
    for place in places:
        try:
            tensors, _ = checkpoint.load_state(place)
        except BrokenCheckpointError as error:
            warnings.warn(SkippedCheckpointWarning(place.name, error), stacklevel=3)
            brush.skip()
            continue
        scope = applied(backbone, tensors, run.settings)
        yield brush.draw(int(place.name), run.asked(config.prompts), run.bare, scope)


def _applied(method: str) -> Callable[..., AbstractContextManager[None]]:
    if method not in APPLIED:
        raise UnknownNameError("method to judge", method, APPLIED)
    module, _, name = APPLIED[method].partition(":")
    return getattr(import_module(module), name)


class _Brush:
    """Draws every checkpoint's pictures from one and the same noise."""

    def __init__(self, backbone: Backbone, config: Config, models: int, progress: Progress | None) -> None:
        self.backbone, self.config, self.progress = backbone, config, progress
        subject, plain = len(config.prompts) * config.images, config.class_images
        keys = [seeds.key(config.seed, "verdict", "subject", index) for index in range(subject)]
        keys += [seeds.key(config.seed, "verdict", "plain", index) for index in range(plain)]
        self.noise = sampling.noise(backbone, keys)
        self.subjects, self.done, self.total = subject, 0, models * config.steps

    def draw(self, step: int, prompts: list[str], bare: str, scope: AbstractContextManager[None]) -> Drawn:
        """The pictures of the model inside `scope`."""
        with scope:
            pictures = self._pictures([*prompts, bare])
        return Drawn(step, pictures[: self.subjects], pictures[self.subjects :])

    def skip(self) -> None:
        """Count a model that is not drawn."""
        self._count(self.config.steps)

    @torch.no_grad()
    def _pictures(self, prompts: list[str]) -> list[Image.Image]:
        times = [self.config.images] * len(self.config.prompts) + [self.config.class_images]
        texts = [self.backbone.encode_text([prompt]) for prompt in prompts]  # alone: no bit depends on the others
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
