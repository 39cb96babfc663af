"""Noise to pictures, as a generator of denoising steps: the caller shows progress, previews, or stops."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from likewise import seeds
from likewise.diffusion import guidance as guide
from likewise.diffusion import solvers
from likewise.diffusion.backbone import Backbone, Text
from likewise.errors import NonFiniteLatentsError


@dataclass(frozen=True)
class Denoised:
    """The batch after one step."""

    step: int  # from 1
    latents: Tensor  # (B, C, h, w)
    images: Tensor | None  # (B, 3, H, W) in [0, 1] after the last step, None before


def noise(backbone: Backbone, picture_seeds: Sequence[int], size: int | None = None) -> Float[Tensor, "batch c h w"]:
    """Starting noise on the CPU, one seed a picture, so that a picture does not depend on its neighbours."""
    shape = backbone.facts.latent_shape(1, size)
    return torch.cat([seeds.randn(shape, seed, "starting noise") for seed in picture_seeds])


@torch.no_grad()
def generate(
    backbone: Backbone,
    text: Text,
    negative: Text | None = None,
    *,
    noise: Float[Tensor, "batch c h w"],
    steps: int = 20,
    guidance: float = 5.0,
    scheduler: str = "dpmsolver++",
    rows: int = guide.ROWS,
) -> Iterator[Denoised]:
    """Yield after each denoising step; the last one carries the images.

    text: a row for each picture of `noise`, or one row for all; negative: likewise, usually the empty prompt; it has
    no part where guidance <= 1. With one `rows` a picture's bits do not depend on the batch it is in. Raises
    SettingError for an impossible step count or scheduler, NonFiniteLatentsError as soon as a value is not finite.
    """
    solver = solvers.build(backbone.scheduler_config, scheduler, steps, backbone.device)
    latents = noise.to(backbone.device) * solver.init_noise_sigma
    for step, t in enumerate(solver.timesteps, start=1):
        scaled = solver.scale_model_input(latents, t)
        output = guide.predict(backbone, scaled, t, text, negative, scale=guidance, rows=rows)
        latents = solver.step(output.float(), t, latents, return_dict=False)[0]
        if not torch.isfinite(latents).all():
            raise NonFiniteLatentsError(f"step {step} of {steps}")
        yield Denoised(step, latents, decode(backbone, latents) if step == steps else None)


@torch.no_grad()
def decode(backbone: Backbone, latents: Float[Tensor, "batch c h w"]) -> Float[Tensor, "batch 3 height width"]:
    """Images in [0, 1], decoded one by one: bits do not depend on the batch, and memory stays small."""
    return torch.cat([backbone.decode_latents(one[None]) for one in latents])


def last(steps: Iterator[Denoised]) -> Denoised:
    """The final step of a generation; the others are let go as they come."""
    step = None
    for step in steps:  # noqa: B007
        pass
    assert step is not None, "a generation has at least one step"
    return step
