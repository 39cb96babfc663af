"""Which photos, noise and timesteps make up a batch: a function of the seed and the sample's number, of nothing else.

Sample n of a run is the same whether it comes alone or in a batch, before or after a resume, with or without previews.
So four batches of one, accumulated, are one batch of four.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor

from likewise import seeds
from likewise.diffusion.backbone import Moments, Text
from likewise.dreambooth.config import Config

Half = Literal["photo", "class"]


@dataclass(frozen=True)
class Data:
    """What a run learns from, encoded.

    photos: latent moments, one row a photo; with mirrored photos a second entry in the same order. captions: one a
    photo. classes: as photos, of the class images, empty without them. texts: prompts that are encoded already, one row
    each, while the text encoder does not learn. hash: of the files that all this came from.
    """

    photos: tuple[Moments, ...]
    captions: tuple[str, ...]
    class_prompt: str
    classes: tuple[Moments, ...] = ()
    texts: Mapping[str, Text] = field(default_factory=dict)
    hash: str = ""


@dataclass(frozen=True)
class Batch:
    """Samples side by side: `photos` of them from the photos, then none or as many from the prior.

    latents, noise: (R, C, h, w) float32; t: (R,) int64; prompts: R.
    """

    latents: Tensor
    noise: Tensor
    t: Tensor
    prompts: tuple[str, ...]
    photos: int

    def to(self, device: torch.device) -> "Batch":
        """The same batch on a device."""
        return Batch(self.latents.to(device), self.noise.to(device), self.t.to(device), self.prompts, self.photos)


@dataclass(frozen=True)
class Sample:
    """One row of a batch."""

    latents: Tensor  # (C, h, w)
    noise: Tensor  # (C, h, w)
    t: int
    prompt: str


def draw(data: Data, config: Config, seed: int, first: int, timesteps: int) -> Batch:
    """The batch of samples first, first + 1, ... of the run, on the CPU.

    The prior's samples have photos, noise and timesteps of their own (equation of section 1.1: t', eps'). With the
    teacher as prior they are photos too, named by the class prompt.
    """
    numbers = range(first, first + config.batch)
    photos = [_sample(data.photos, data.captions, config, seed, "photo", n, timesteps) for n in numbers]
    if config.prior == "none":
        return _collate(photos, len(photos))
    views = data.classes if config.prior == "images" else data.photos
    prompts = (data.class_prompt,) * len(views[0].mean)
    return _collate(
        [*photos, *(_sample(views, prompts, config, seed, "class", n, timesteps) for n in numbers)], len(photos)
    )


def _collate(samples: list[Sample], photos: int) -> Batch:
    return Batch(
        torch.stack([sample.latents for sample in samples]),
        torch.stack([sample.noise for sample in samples]),
        torch.tensor([sample.t for sample in samples]),
        tuple(sample.prompt for sample in samples),
        photos,
    )


def _sample(
    views: tuple[Moments, ...], prompts: Sequence[str], config: Config, seed: int, half: Half, n: int, timesteps: int
) -> Sample:
    """Sample n of one half: a photo of its epoch's order, a fresh draw from its latent distribution, noise and t."""
    row = pick(len(prompts), seed, half, n)
    numbers = seeds.numpy_stream(seed, "sample", half, n)
    t, view = int(numbers.integers(timesteps)), int(numbers.integers(2)) if config.flip else 0
    spread = views[view].logvar
    moments = Moments(views[view].mean[row], None if spread is None else spread[row])
    latents = moments.sample(seeds.randn(moments.mean.shape, seed, "posterior", half, n))
    noise = seeds.randn(latents.shape, seed, "noise", half, n)
    if config.offset_noise:
        shift = seeds.randn((len(noise), 1, 1), seed, "offset", half, n)
        noise = noise + config.offset_noise * shift
    return Sample(latents, noise, t, prompts[row])


def pick(count: int, seed: int, half: Half, n: int) -> int:
    """The row that sample n takes of `count`: each epoch visits every row once, in an order of its own."""
    epoch, place = divmod(n, count)
    return int(seeds.numpy_stream(seed, "order", half, epoch).permutation(count)[place])
