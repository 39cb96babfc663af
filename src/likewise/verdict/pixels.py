"""Whether a picture is one of the photos, pixel for pixel up to a mirror, small shifts of colour and a blur."""

from collections.abc import Sequence

import numpy as np
from PIL import Image

SIDE = 16  # pixels a side of a thumbnail: enough to tell a composition, too few for grain and JPEG to matter


def thumbs(images: Sequence[Image.Image]) -> np.ndarray:
    """Each picture, and its mirror image, at 16 x 16, of mean 0 and length 1: (N, 2, 768)."""
    small = np.stack([np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BOX), np.float64) for image in images])
    both = np.stack([small, small[:, :, ::-1]], axis=1).reshape(len(images), 2, -1)
    centred = both - both.mean(2, keepdims=True)
    lengths = np.linalg.norm(centred, axis=2, keepdims=True)
    return centred / np.where(lengths < 1e-9, 1, lengths)


def overlap(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The larger correlation (N, M) of each thumbnail with the other or with its mirror image, in [-1, 1]."""
    return np.einsum("nd,mkd->nmk", first[:, 0], second).max(2)
