"""Where a new word's vectors start: at the row of a known word, with a touch of noise where several must part."""

import torch
from torch import Tensor

from likewise import seeds
from likewise.diffusion.backbone import Backbone, Vectors, word_table
from likewise.errors import InitializerError
from likewise.words.tokenizer import ids_of

NOISE = 0.01  # of a row's length: enough that copies of one row get gradients that differ by more than their places


@torch.no_grad()
def start(backbone: Backbone, word: str, count: int, seed: int) -> Vectors:
    """`count` rows (K, D) float32 for each text encoder: the word's own if it has so many tokens, or noisy copies of
    its one. A tensor, or a tuple of them where the model has several text encoders.

    InitializerError, with the split, for a word that is neither one token nor `count` tokens in every tokenizer.
    """
    rows = []
    for place, (tokenizer, encoder) in enumerate(zip(backbone.tokenizers, backbone.text_encoders, strict=True)):
        ids = ids_of(tokenizer, word)
        if len(ids) not in (1, count):
            split = [tokenizer.decode([one]).strip() for one in ids]
            raise InitializerError(word, count, split)
        own = word_table(encoder).weight[ids].detach().float()
        rows.append(own.clone() if len(ids) == count else _parted(own[0], count, seed, place))
    return rows[0] if len(rows) == 1 else tuple(rows)


def _parted(row: Tensor, count: int, seed: int, place: int) -> Tensor:
    noise = seeds.randn((count, len(row)), seed, "start", place).to(row)
    return row + NOISE * row.norm() * noise / noise.norm(dim=1, keepdim=True)
