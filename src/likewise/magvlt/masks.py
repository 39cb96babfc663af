"""From a mask over pixels to image tokens that are drawn anew, and back to pixels that are kept."""

from itertools import pairwise

import numpy as np
import torch
from PIL import Image, ImageFilter
from torch import Tensor

from likewise import images
from likewise.errors import MaskError

WHITE = 128  # of 255: from here on a pixel counts as white


def tokens(mask: Image.Image, size: tuple[int, int], side: int) -> Tensor:
    """(1, side * side) true where any pixel of a token's cell is white; the mask is cut like its picture of `size`.

    MaskError for a mask of another size than its picture, or without white. All white draws the whole picture anew.
    """
    if mask.size != size:
        found = f"it has {mask.width}x{mask.height} pixels, and the picture has {size[0]}x{size[1]}"
        raise MaskError(found)
    short = min(mask.size)
    square = images.cover(mask.convert("L").point(_black_or_white), short)
    white = np.asarray(square) > 0
    edges = np.linspace(0, short, side + 1)
    cells = [
        white[
            int(top) : max(int(top) + 1, int(np.ceil(bottom))), int(left) : max(int(left) + 1, int(np.ceil(right)))
        ].any()
        for top, bottom in pairwise(edges)
        for left, right in pairwise(edges)
    ]
    if not any(cells):
        raise MaskError("none of it is white, so there is nothing to draw")
    return torch.tensor(cells)[None]


def _black_or_white(value: int) -> int:
    return 255 if value >= WHITE else 0


def blended(own: Image.Image, drawn: Image.Image, anew: Tensor) -> Image.Image:
    """The drawn picture where tokens are new, the own one elsewhere, joined over a quarter of a cell."""
    side = round(anew.shape[1] ** 0.5)
    grid = Image.fromarray(np.uint8(anew.reshape(side, side).numpy()) * 255)
    cell = own.width / side
    soft = grid.resize(own.size, Image.Resampling.NEAREST).filter(ImageFilter.GaussianBlur(cell / 4))
    return Image.composite(drawn, own, soft)
