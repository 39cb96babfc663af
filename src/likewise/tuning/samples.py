"""Which photo, noise and timestep make up a sample: a function of the seed and the sample's number, of nothing else.

Sample n of a run is the same whether it comes alone or in a batch, before or after a resume, with or without previews.
So four batches of one, accumulated, are one batch of four.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from likewise import seeds
from likewise.diffusion import ragged
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

    latents, noise: (R, C, h, w) float32; t: (R,) int64; prompts: R; sizes: (R, 6) where known, each row's own; shapes:
    (R, 2), heights and widths of the rows' own latents where they differ.
    """

    latents: Tensor
    noise: Tensor
    t: Tensor
    prompts: tuple[str, ...]
    photos: int
    sizes: Tensor | None = None
    shapes: Tensor | None = None

    def to(self, device: torch.device) -> "Batch":
        """The same batch on a device."""
        latents, noise, t = (one.to(device) for one in (self.latents, self.noise, self.t))
        sizes = None if self.sizes is None else self.sizes.to(device)
        return Batch(latents, noise, t, self.prompts, self.photos, sizes, self.shapes)

    def halves(self) -> list["Batch"]:
        """The photos and the prior as batches of their own; the whole where there is no prior."""
        count, rows = self.photos, len(self.prompts)
        if count == rows:
            return [self]
        return [self.rows(torch.arange(count)), self.rows(torch.arange(count, rows))]

    def rows(self, chosen: Tensor) -> "Batch":
        """Some rows, numbered in rising order, as a batch of their own."""
        latents, noise, t = (part[chosen] for part in (self.latents, self.noise, self.t))
        shapes = None if self.shapes is None else self.shapes[chosen]
        if shapes is not None and (shapes == shapes[0]).all():
            high, wide = shapes[0].tolist()
            latents, noise, shapes = latents[..., :high, :wide], noise[..., :high, :wide], None
        prompts = tuple(self.prompts[row] for row in chosen.tolist())
        photos = int((chosen < self.photos).sum())
        return Batch(latents, noise, t, prompts, photos, None if self.sizes is None else self.sizes[chosen], shapes)


def beside(batches: Sequence[Batch]) -> Batch:
    """The rows of batches without a prior, all from photos, as one batch."""
    latents, shapes = ragged.stack([row for one in batches for row in ragged.unstack(one.latents, one.shapes)])
    noise, _ = ragged.stack([row for one in batches for row in ragged.unstack(one.noise, one.shapes)])
    prompts = tuple(prompt for one in batches for prompt in one.prompts)
    sizes = [one.sizes for one in batches if one.sizes is not None]
    t = torch.cat([one.t for one in batches])
    return Batch(latents, noise, t, prompts, len(prompts), torch.cat(sizes) if sizes else None, shapes)


def collate(samples: Sequence[Sample], photos: int) -> Batch:
    """Samples as one batch, the first `photos` of them from the photos."""
    sizes = [sample.sizes for sample in samples if sample.sizes is not None]
    assert len(sizes) in (0, len(samples)), "either every picture's sizes are known, or none's"
    latents, shapes = ragged.stack([sample.latents for sample in samples])
    return Batch(
        latents,
        ragged.stack([sample.noise for sample in samples])[0],
        torch.tensor([sample.t for sample in samples]),
        tuple(sample.prompt for sample in samples),
        photos,
        torch.stack(sizes) if sizes else None,
        shapes,
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
    moments = views[view].row(row)
    latents = moments.sample(seeds.randn(moments.mean.shape, seed, "posterior", half, n))
    noise = seeds.randn(latents.shape, seed, "noise", half, n)
    if offset_noise:
        shift = seeds.randn((len(noise), 1, 1), seed, "offset", half, n)
        noise = noise + offset_noise * shift
    return Sample(latents, noise, t, prompts[row], moments.sizes)


def pick(count: int, seed: int, half: str, n: int) -> int:
    """The row that sample n takes of `count`: each epoch visits every row once, in an order of its own."""
    epoch, place = divmod(n, count)
    return int(seeds.numpy_stream(seed, "order", half, epoch).permutation(count)[place])
