"""The pictures that a round looks at: their identity, their latents, and the noise put on them.

A reference's identity is its pixels. All that is drawn at random for it is keyed by that, so it does not depend on
which other references there are, nor on their order.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from likewise import checkpoint, images, seeds
from likewise.diffusion.backbone import Backbone
from likewise.errors import NonFiniteLatentsError, NotAPictureError, SettingError


@dataclass(frozen=True)
class Reference:
    """One liked or disliked picture.

    weight: 1 counts as the settings say, 0 not at all. window: (start, end) of its own, else the settings'.
    """

    image: Image.Image = field(repr=False)
    weight: float = 1.0
    window: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        """Refuses what no schedule can use."""
        if not 0 <= self.weight <= 100:
            raise SettingError("weight", self.weight, "the weight of a reference must be 0 to 100")
        if self.window is not None and not 0 <= self.window[0] <= self.window[1] <= 1:
            raise SettingError("window", self.window, "it must be two parts of the steps, 0 to 1, in order")

    @cached_property
    def id(self) -> str:
        """The SHA-256 of its size and pixels."""
        return checkpoint.hash_bytes(f"{self.image.width}x{self.image.height} RGB ".encode() + self.image.tobytes())


def reference(source: Any, weight: float = 1.0, window: tuple[float, float] | None = None) -> Reference:
    """A reference from a file, a PIL picture, something with an `image` (such as a Picture), or a Reference as it is.

    Raises ImageFileError for a file that is no picture, NotAPictureError for anything else.
    """
    if isinstance(source, Reference):
        return source
    if isinstance(source, (str, Path)):
        return Reference(images.read(source), weight, window)
    picture = source if isinstance(source, Image.Image) else getattr(source, "image", None)
    if not isinstance(picture, Image.Image) or min(picture.size) < 1:
        raise NotAPictureError(source)
    return Reference(picture if picture.mode == "RGB" else picture.convert("RGB"), weight, window)


@dataclass(frozen=True)
class Encoded:
    """A reference with its clean latents (C, h, w)."""

    reference: Reference
    latents: Tensor

    def noise(self, seed: int, step: int) -> Float[Tensor, "c h w"]:
        """Standard normal noise for this reference at this step, in the latents' dtype and on their device."""
        drawn = seeds.randn(self.latents.shape, seed, "reference noise", self.reference.id, step)
        return drawn.to(self.latents)

    def at(self, signal: float, spread: float, noise: Tensor) -> Float[Tensor, "c h w"]:
        """signal x + spread noise: the latents as the network reads them at a noise level."""
        return signal * self.latents + spread * noise


@torch.no_grad()
def encode(backbone: Backbone, references: Sequence[Reference], size: int) -> list[Encoded]:
    """References framed to size x size pixels (their middle, covering it) and encoded, each alone.

    The authors squeeze pictures to a square; we cut, so that nothing liked gets fat. Like them we draw from the
    posterior, where the autoencoder has one, but with noise that belongs to the reference.
    """
    made = []
    for one in references:
        batch = images.to_tensor([images.cover(one.image, size)]).to(backbone.device)
        moments = backbone.encode_images(batch)
        noise = seeds.randn(moments.mean.shape, 0, "reference posterior", one.id).to(moments.mean)
        latents = moments.sample(noise)[0]
        if not torch.isfinite(latents).all():
            raise NonFiniteLatentsError(f"a reference ({one.image.width}x{one.image.height})")
        made.append(Encoded(one, latents))
    return made


def level(solver: Any, index: int) -> tuple[float, float]:
    """(signal, spread) of what the network reads at a sampler's step `index`, with signal^2 + spread^2 = 1.

    Samplers in k-diffusion's terms keep x + sigma e and scale it when the network reads it; adding their noise without
    that scaling would show the network references far too strong.
    """
    sigmas = getattr(solver, "sigmas", None)
    if sigmas is not None:
        sigma = float(sigmas[index])
        return (1 + sigma**2) ** -0.5, sigma * (1 + sigma**2) ** -0.5
    kept = float(solver.alphas_cumprod[int(solver.timesteps[index])])
    return kept**0.5, (1 - kept) ** 0.5


def weighted(one: Encoded, weight: float) -> Encoded:
    """The same reference with another weight."""
    return Encoded(replace(one.reference, weight=weight), one.latents)
