"""Small references, and the U-Net as the oracle calls it."""

import numpy as np
import torch
from PIL import Image

from likewise.fabric.references import Encoded, Reference, encode


def run(backbone, noisy, t, text):
    """The U-Net's output in its own precision."""
    named = {}
    if text.pooled is not None:
        side = noisy.shape[-1] * backbone.facts.latent_downscale
        sizes = torch.tensor([[side, side, 0, 0, side, side]] * len(noisy))
        named = {"added_cond_kwargs": {"text_embeds": text.pooled.to(noisy), "time_ids": sizes}}
    return backbone.unet(noisy, t, encoder_hidden_states=text.embeds.to(noisy), **named).sample


def picture(number: int, size=(40, 40)) -> Image.Image:
    """A picture of noise over a colour."""
    rng = np.random.default_rng(number)
    pixels = rng.integers(0, 80, (size[1], size[0], 3)) + rng.integers(0, 170, 3)
    return Image.fromarray(pixels.astype(np.uint8))


def encoded(backbone, numbers, weights=None) -> list[Encoded]:
    weights = weights or [1.0] * len(numbers)
    references = [Reference(picture(number), weight) for number, weight in zip(numbers, weights, strict=True)]
    return encode(backbone, references, backbone.facts.image_size)


def doubled(references) -> list[Encoded]:
    return [Encoded(one.reference, one.latents.double()) for one in references]


class Colours:
    """An encoder of pictures as their mean colour: unit rows (N, 3)."""

    name, hash, preprocessing, dimension = "colours", "c" * 64, "mean", 3

    def embed(self, images):
        rows = np.stack([np.asarray(image, dtype=np.float32).mean((0, 1)) + 1 for image in images])
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)
