"""Which of several candidates fits best: by an encoder of pictures and texts, or by the model itself."""

from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from likewise.encoders.encoder import Encoder, TextEncoder, embed, embed_texts
from likewise.errors import NoRankingError
from likewise.magvlt.layout import pair
from likewise.magvlt.model import Transformer
from likewise.magvlt.reader import Reader
from likewise.metrics.neighbours import cosine


def checked(encoder: Encoder) -> TextEncoder:
    """The encoder, if it reads texts too. NoRankingError."""
    if not isinstance(encoder, TextEncoder):
        raise NoRankingError(encoder.name)
    return encoder


def by_encoder(encoder: TextEncoder, pictures: Sequence[Image.Image], texts: Sequence[str]) -> np.ndarray:
    """The cosine (N,) of each picture with its text; either may be one for all."""
    rows, words = embed(encoder, pictures), embed_texts(encoder, texts)
    table = cosine(rows, words)
    return table.diagonal() if len(rows) == len(words) else table.ravel()


def by_model(model: Transformer, image: Tensor, text: Tensor, length: Tensor) -> np.ndarray:
    """How likely (N,) each text is of its picture: mean log-probability of its tokens, all hidden at once."""
    shown = pair(image, text, length)
    hidden = shown.written
    logits = Reader(model, image).logits(text, length, hidden)
    found = logits.log_softmax(-1).gather(1, text[hidden][:, None])[:, 0]
    sums = torch.zeros(len(text)).index_add(0, hidden.nonzero()[:, 0], found)
    return (sums / length).numpy()


def best(scores: np.ndarray, candidates: int) -> np.ndarray:
    """Row numbers of each group's best: scores of N groups of `candidates`, group by group; of equal ones the first."""
    return scores.reshape(-1, candidates).argmax(1) + np.arange(len(scores) // candidates) * candidates
