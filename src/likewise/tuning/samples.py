"""Which photo, noise and timestep make up a sample: a function of the seed and the sample's number, of nothing else.

Sample n of a run is the same whether it comes alone or in a batch, before or after a resume, with or without previews.
So four batches of one, accumulated, are one batch of four.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from likewise import seeds
from likewise.diffusion.backbone import Moments


@dataclass(frozen=True)
class Sample:
    """One row of a batch."""

    latents: Tensor  # (C, h, w)
    noise: Tensor  # (C, h, w)
    t: int
    prompt: str
    sizes: Tensor | None = None  # (6,), see Text


@dataclass(frozen=True)
class Batch:
    """Samples side by side: `photos` of them from the photos, then none or as many from a prior.

    latents, noise: (R, C, h, w) float32; t: (R,) int64; prompts: R; sizes: (R, 6) where known, each row's own.
    """

    latents: Tensor
    noise: Tensor
    t: Tensor
    prompts: tuple[str, ...]
    photos: int
    sizes: Tensor | None = None

    def to(self, device: torch.device) -> "Batch":
        """The same batch on a device."""
        moved = (one.to(device) for one in (self.latents, self.noise, self.t))
        return Batch(*moved, self.prompts, self.photos, None if self.sizes is None else self.sizes.to(device))

    def halves(self) -> list["Batch"]:
        """The photos and the prior as batches of their own; the whole where there is no prior."""
        count, rows = self.photos, len(self.prompts)
        if count == rows:
            return [self]
        return [self._rows(slice(0, count), count), self._rows(slice(count, rows), 0)]

    def _rows(self, rows: slice, photos: int) -> "Batch":
        parts = (self.latents[rows], self.noise[rows], self.t[rows], self.prompts[rows])
        return Batch(*parts, photos, None if self.sizes is None else self.sizes[rows])


def collate(samples: Sequence[Sample], photos: int) -> Batch:
    """Samples as one batch, the first `photos` of them from the photos."""
    sizes = [sample.sizes for sample in samples if sample.sizes is not None]
    assert len(sizes) in (0, len(samples)), "either every picture's sizes are known, or none's"
    return Batch(
        torch.stack([sample.latents for sample in samples]),
        torch.stack([sample.noise for sample in samples]),
        torch.tensor([sample.t for sample in samples]),
        tuple(sample.prompt for sample in samples),
        photos,
        torch.stack(sizes) if sizes else None,
    )


def sample(
    views: Sequence[Moments],
    prompts: Sequence[str],
    seed: int,
    half: str,
    n: int,
    *,
    timesteps: int,
    flip: bool = False,
    offset_noise: float = 0.0,
) -> Sample:
    """Sample n of one half: a photo of its epoch's order, a fresh draw from its latent distribution, noise and t.

    views: the photos' moments, with `flip` the mirrored photos' as well, in one order; prompts: one a photo; half:
    names the streams, such as "photo"; offset_noise: the share of noise that is constant over an image and channel.
    """
    row = pick(len(prompts), seed, half, n)
    numbers = seeds.numpy_stream(seed, "sample", half, n)
    t, view = int(numbers.integers(timesteps)), int(numbers.integers(2)) if flip else 0
    spread, sizes = views[view].logvar, views[view].sizes
    moments = Moments(views[view].mean[row], None if spread is None else spread[row])
    latents = moments.sample(seeds.randn(moments.mean.shape, seed, "posterior", half, n))
    noise = seeds.randn(latents.shape, seed, "noise", half, n)
    if offset_noise:
        shift = seeds.randn((len(noise), 1, 1), seed, "offset", half, n)
        noise = noise + offset_noise * shift
    return Sample(latents, noise, t, prompts[row], None if sizes is None else sizes[row])


def pick(count: int, seed: int, half: str, n: int) -> int:
    """The row that sample n takes of `count`: each epoch visits every row once, in an order of its own."""
    epoch, place = divmod(n, count)
    return int(seeds.numpy_stream(seed, "order", half, epoch).permutation(count)[place])
