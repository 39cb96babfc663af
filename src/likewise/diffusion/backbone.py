"""What every latent diffusion model offers a method, whatever family it comes from.

A method is written against Backbone alone. Images come and go in [0, 1]; latents are scaled to about unit variance,
as the network sees them; text is what cross-attention reads.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol, cast, runtime_checkable

import torch
from jaxtyping import Float, Num
from torch import Tensor, nn

from likewise.diffusion.schedule import Schedule

# One word's vectors: (K, D), or one such tensor a text encoder, in the encoders' order and with one K.
Vectors = Tensor | tuple[Tensor, ...]
Words = Mapping[str, Vectors]
# Where a pooled encoding is read once words are spliced in. "argmax": where stock diffusers reads it, at the added
# token of the highest id, if the encoder's config makes it pool there (SDXL's does); "eos": at the end mark, as ComfyUI
# and kohya's trainer do. Without added words both are the end mark.
Pooling = Literal["argmax", "eos"]
POOLINGS: tuple[Pooling, ...] = ("argmax", "eos")


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
    sized: bool = False  # whether the network also reads Text.sizes

    def latent_shape(self, count: int, size: int | None = None) -> tuple[int, int, int, int]:
        """(count, C, h, w) of the latents of square images of `size` pixels, the native size by default."""
        side = (size or self.image_size) // self.latent_downscale
        return (count, self.latent_channels, side, side)


@dataclass(frozen=True)
class Text:
    """Encoded prompts, and what else conditions the network.

    embeds: (B, L, D) for cross-attention. pooled: (B, P), and sizes: (B, 6), where the family uses them; a row of sizes
    is the original's height and width, the crop's top and left, the target's height and width, in pixels. Without
    sizes the network is told of an uncropped picture of the size that is drawn.
    """

    embeds: Tensor
    pooled: Tensor | None = None
    sizes: Tensor | None = None

    def __len__(self) -> int:
        """B, the number of prompts."""
        return len(self.embeds)

    def __getitem__(self, rows: slice | Tensor | list[int]) -> "Text":
        """The chosen prompts as a Text of their own."""
        return self._each(lambda part: part[rows])

    def repeat(self, count: int) -> "Text":
        """Each prompt `count` times in a row: (B * count, L, D)."""
        return self._each(lambda part: part.repeat_interleave(count, dim=0))

    def detach(self) -> "Text":
        """The same values, out of the autograd graph."""
        return self._each(Tensor.detach)

    def to(self, device: torch.device | str) -> "Text":
        """The same values on a device."""
        return self._each(lambda part: part.to(device))

    def sized(self, sizes: Tensor | None) -> "Text":
        """The same prompts with these sizes (B, 6), or without."""
        return replace(self, sizes=sizes)

    def _each(self, change: Callable[[Tensor], Tensor]) -> "Text":
        pooled, sizes = (None if part is None else change(part) for part in (self.pooled, self.sizes))
        return Text(change(self.embeds), pooled, sizes)


def join(texts: Sequence[Text]) -> Text:
    """Several Texts as one, row after row; all of them have sizes, or the whole has none."""
    pooled = [text.pooled for text in texts if text.pooled is not None]
    sizes = [text.sizes for text in texts if text.sizes is not None]
    assert len(pooled) in (0, len(texts)), "Texts of two families do not join"
    return Text(
        torch.cat([text.embeds for text in texts]),
        torch.cat(pooled) if pooled else None,
        torch.cat(sizes) if len(sizes) == len(texts) else None,
    )


@dataclass(frozen=True)
class Moments:
    """The latent distribution of images, scaled: mean (B, C, h, w); logvar the same, or None if there is no spread.

    sizes: (B, 6) as in Text, of the files that the images were framed from, if they were. shapes: (B, 2), height and
    width of each image's own latents where they differ; the rest of its row is zero.
    """

    mean: Tensor
    logvar: Tensor | None = None
    sizes: Tensor | None = None
    shapes: Tensor | None = None

    def row(self, index: int) -> "Moments":
        """One image's moments (C, h, w), in its own shape, and its sizes (6,)."""
        whole = [None if part is None else part[index] for part in (self.mean, self.logvar, self.sizes)]
        if self.shapes is not None:
            high, wide = self.shapes[index].tolist()
            whole[:2] = [None if part is None else part[..., :high, :wide] for part in whole[:2]]
        mean, logvar, sizes = whole
        assert mean is not None
        return Moments(mean, logvar, sizes)

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

    def encode_text(self, prompts: Sequence[str], words: Words | None = None, *, pooling: Pooling = "argmax") -> Text:
        """Prompts to Text; each placeholder `<x>` in `words` reads its rows, through which gradients flow.

        words: (K, D) a word, or a tuple of one tensor a text encoder; pooling: see Pooling. PromptTooLongError names
        the words that do not fit; UnknownConceptError a `<placeholder>` not in `words`.
        """
        ...

    def predict(self, noisy: Float[Tensor, "batch channels h w"], t: Num[Tensor, " batch"], text: Text) -> Tensor:
        """The network's output (B, C, h, w), whose meaning is facts.prediction_type; t may fall between steps."""
        ...

    def to(self, device: str | torch.device) -> "Backbone":
        """Move the modules; returns itself."""
        ...


def word_table(encoder: nn.Module) -> nn.Embedding:
    """Where a text encoder looks its tokens up."""
    return cast(Any, encoder).get_input_embeddings()
