"""What words are learned from in these tests."""

import torch

from likewise.diffusion.backbone import Moments
from likewise.textual_inversion import Data, start

WORD = "<rob>"


def data_for(backbone, vectors=1, word=WORD):
    """Three photos of random latents, two of them with sentences, and where the word starts."""
    rng = torch.Generator().manual_seed(7)
    shape = backbone.facts.latent_shape(3)
    spread = torch.randn(shape, generator=rng) - 3 if backbone.facts.family == "sd1" else None
    photos = (Moments(torch.randn(shape, generator=rng), spread),)
    prompts = (f"a photo of a {word}", f"a {word}", f"my {word} in the room")
    return Data(
        photos, prompts, (None, f"a {word} in the snow", None), {word: start(backbone, "robot", vectors, 0)}, "d"
    )
