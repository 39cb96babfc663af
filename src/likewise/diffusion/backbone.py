"""What every latent diffusion model offers a method, whatever family it comes from.

A method is written against Backbone alone. Images come and go in [0, 1]; latents are scaled to about unit variance,
as the network sees them; text is what cross-attention reads.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Num
from torch import Tensor, nn

from likewise.diffusion.schedule import Schedule


@dataclass(frozen=True)
class Facts:
    """Numbers that differ from model to model, read from its folder and never guessed."""

    family: str  # toybox, sd1, sd2 or sdxl
    prediction_type: str  # epsilon, v_prediction or sample
    image_size: int  # pixels a side that the model was trained on
    latent_channels: int
    latent_downscale: int  # pixels a latent cell is wide
    scaling_factor: float
    text_width: int  # D of Text.embeds
    text_length: int  # L of Text.embeds: tokens a prompt may take, its two end marks included
    train_timesteps: int

    def latent_shape(self, count: int, size: int | None = None) -> tuple[int, int, int, int]:
        """(count, C, h, w) of the latents of square images of `size` pixels, the native size by default."""
        side = (size or self.image_size) // self.latent_downscale
        return (count, self.latent_channels, side, side)


@dataclass(frozen=True)
class Text:
    """Encoded prompts: embeds (B, L, D) for cross-attention; pooled (B, P) where the family uses it."""

    embeds: Tensor
    pooled: Tensor | None = None

    def __len__(self) -> int:
        """B, the number of prompts."""
        return len(self.embeds)

    def __getitem__(self, rows: slice | Tensor | list[int]) -> "Text":
        """The chosen prompts as a Text of their own."""
        return Text(self.embeds[rows], None if self.pooled is None else self.pooled[rows])

    def repeat(self, count: int) -> "Text":
        """Each prompt `count` times in a row: (B * count, L, D)."""
        pooled = None if self.pooled is None else self.pooled.repeat_interleave(count, dim=0)
        return Text(self.embeds.repeat_interleave(count, dim=0), pooled)

    def detach(self) -> "Text":
        """The same values, out of the autograd graph."""
        return Text(self.embeds.detach(), None if self.pooled is None else self.pooled.detach())


def join(texts: Sequence[Text]) -> Text:
    """Several Texts as one, row after row."""
    pooled = [text.pooled for text in texts if text.pooled is not None]
    return Text(torch.cat([text.embeds for text in texts]), torch.cat(pooled) if pooled else None)


@dataclass(frozen=True)
class Moments:
    """The latent distribution of images, scaled: mean (B, C, h, w); logvar the same, or None if there is no spread."""

    mean: Tensor
    logvar: Tensor | None = None

    def sample(self, noise: Tensor | None = None) -> Tensor:
        """mean + std * noise; the mean alone without noise (B, C, h, w), or where the encoder is deterministic."""
        if self.logvar is None or noise is None:
            return self.mean
        return self.mean + (0.5 * self.logvar).exp() * noise


@runtime_checkable
class Backbone(Protocol):
    """A latent diffusion model. Modules come frozen, in evaluation mode, float32; a method thaws what it trains."""

    facts: Facts
    hash: str  # sha256 over the component weight files
    name: str
    tokenizers: list
    unet: nn.Module
    vae: nn.Module
    text_encoders: list[nn.Module]
    schedule: Schedule
    scheduler_config: dict

    @property
    def device(self) -> torch.device:
        """Where the modules are."""
        ...

    def encode_images(self, images: Float[Tensor, "batch 3 height width"]) -> Moments:
        """Latent moments of images in [0, 1], already scaled."""
        ...

    def decode_latents(self, latents: Float[Tensor, "batch channels h w"]) -> Float[Tensor, "batch 3 height width"]:
        """Images in [0, 1], clamped."""
        ...

    def encode_text(self, prompts: Sequence[str], words: Mapping[str, Tensor] | None = None) -> Text:
        """Prompts to Text; each placeholder `<x>` in `words` reads its (K, D) rows, through which gradients flow.

        PromptTooLongError names the words that do not fit; UnknownConceptError a `<placeholder>` not in `words`.
        """
        ...

    def predict(self, noisy: Float[Tensor, "batch channels h w"], t: Num[Tensor, " batch"], text: Text) -> Tensor:
        """The network's output (B, C, h, w), whose meaning is facts.prediction_type; t may fall between steps."""
        ...

    def to(self, device: str | torch.device) -> "Backbone":
        """Move the modules; returns itself."""
        ...
