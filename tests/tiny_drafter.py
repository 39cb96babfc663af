"""A draft model with random weights that works in milliseconds."""

from pathlib import Path
from typing import Any

import torch

from likewise import seeds
from likewise.diffusion.vocabulary import bpe
from likewise.magvlt.config import Shape
from likewise.magvlt.folder import Parts, write
from likewise.magvlt.model import Transformer
from likewise.magvlt.vq import ImageTokens
from likewise.magvlt.words import TextTokens

WORDS = (
    "a an the of on in and 3d flat photo dog cat apple ball red blue green small big beach snow forest plain left right"
)
PIXELS, CODES, LENGTH = 32, 24, 12


def parts(seed: int = 0, **sizes: object) -> Parts:
    """A model of 32 px pictures in 4 x 4 tokens; sizes: of its Shape, where they shall differ."""
    from diffusers.models.autoencoders.vq_model import VQModel
    from transformers.models.clip.tokenization_clip import CLIPTokenizer

    table, merges = bpe([word for word in WORDS.split() if len(word) > 1])
    pairs: Any = merges  # which it takes, whatever its annotation says
    words = TextTokens(CLIPTokenizer(vocab=table, merges=pairs, model_max_length=LENGTH), LENGTH)
    own = {"image_side": 4, "image_codes": CODES, "text_codes": words.count, "text_length": LENGTH}
    shape = Shape(**{**own, "width": 32, "layers": 2, "heads": 2, **sizes})
    with seeds.initialising(seed, "tiny draft model"):
        model = Transformer(shape)
        vq = VQModel(
            down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
            block_out_channels=(8, 8, 8, 16), latent_channels=4, num_vq_embeddings=CODES, norm_num_groups=4,
        )  # fmt: skip
        torch.nn.init.normal_(vq.quantize.embedding.weight)
    frozen = model.eval().requires_grad_(False)
    return Parts(
        frozen, words, ImageTokens(vq, PIXELS), torch.bincount(torch.tensor([4, 5, 5, 6]), minlength=LENGTH), "tiny"
    )


def folder(target: Path, seed: int = 0, **sizes: object) -> Path:
    """Write such a model as a folder of its own."""
    return write(target, parts(seed, **sizes))
