"""How a round did: how like its pictures are to what was liked, disliked and sought, and to each other."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL.Image import Image

from likewise.encoders.encoder import Encoder, embed
from likewise.metrics.neighbours import cosine


def measure(
    encoder: Encoder,
    pictures: Sequence[Image],
    *,
    likes: Sequence[Image] = (),
    dislikes: Sequence[Image] = (),
    target: Image | None = None,
) -> dict[str, Any]:
    """Mean cosines in [-1, 1] by one encoder, which is named beside them; None where there is nothing to compare with.

    diversity: 1 - the mean cosine of two pictures of the round: 0 when all are alike. (The authors' code gives the
    mean cosine itself by this name.) best_target: the cosine of the picture most like the target.
    """
    rows = embed(encoder, pictures)
    sought = None if target is None else cosine(rows, embed(encoder, [target]))[:, 0]
    return {
        "encoder": encoder.name,
        "encoder_hash": encoder.hash,
        "to_likes": _mean(cosine(rows, embed(encoder, likes))) if likes else None,
        "to_dislikes": _mean(cosine(rows, embed(encoder, dislikes))) if dislikes else None,
        "to_target": None if sought is None else _mean(sought),
        "best_target": None if sought is None else round(float(sought.max()), 6),
        "diversity": diversity(cosine(rows, rows)),
    }


def diversity(cosines: np.ndarray) -> float | None:
    """1 - the mean over pairs of two different pictures, from all cosines (N, N); None for a single picture."""
    count = len(cosines)
    if count < 2:
        return None
    return round(1 - float((cosines.sum() - np.trace(cosines)) / (count * (count - 1))), 6)


def _mean(values: np.ndarray) -> float:
    return round(float(values.mean()), 6)
