"""How usable one photo is, measured: sharpness, flat pictures, black bars, and likeness to another photo.

Thresholds were set on the 52 photos of ten DreamBooth subjects and 18 photos of three concept-tree subjects. Their
copies were blurred (Gaussian, sigma in pixels at 512) or recompressed, cropped and lit otherwise, for the two sides.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from PIL import Image

BLURRED = 250.0
"""Sharpest tile's variance of the Laplacian, in squared grey levels. Sharp photos: 652 at least, 3,600 in the middle.
Sigma 2: 41 to 534, three in four under 250. Sigma 3 and more: 123 at most, all found."""

ALIKE = 0.15
"""1 - correlation of 16 x 16 colour thumbnails. Different photos of one subject: 0.25 at least. Recompressed, halved,
brighter or darker copies: 0.05 at most. Cropped by 3 % on each side: 0.12 at most; by 5 %: four in five are found."""

FLAT = 3.0
"""Standard deviation in grey levels under which a picture shows next to nothing."""

_SIDE, _TILES, _THUMBNAIL = 256, 4, 16
_BLACK, _STEP, _BAR = 14, 25, 0.02  # darkest edge lines (grey levels), the jump after them, smallest share of the side


class Quality(NamedTuple):
    """sharpness: see BLURRED. contrast: standard deviation of the greys, 0..128. bars: share of the picture (0..1)."""

    sharpness: float
    contrast: float
    bars: float


def measure(image: Image.Image) -> Quality:
    """Measure an RGB picture at 256 pixels on its shorter side (smaller ones as they are)."""
    scale = min(1.0, _SIDE / min(image.size))
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    grey = np.asarray(image.convert("L").resize(size, Image.Resampling.LANCZOS), dtype=np.float32)
    return Quality(sharpness(grey), float(grey.std()), black_bars(grey))


def sharpness(grey: Float[np.ndarray, "height width"]) -> float:
    """The largest variance of the Laplacian among 4 x 4 tiles, so that a blurred background does not count.

    Greys 0..255. Variance of the Laplacian: Pech-Pacheco and others, ICPR 2000.
    """
    if min(grey.shape) < 3:
        return 0.0
    centre, sides = grey[1:-1, 1:-1], (grey[:-2, 1:-1], grey[2:, 1:-1], grey[1:-1, :-2], grey[1:-1, 2:])
    laplacian = 4 * centre - sum(sides)
    bands = np.array_split(laplacian, min(_TILES, laplacian.shape[0]), axis=0)
    tiles = [tile for band in bands for tile in np.array_split(band, min(_TILES, band.shape[1]), axis=1)]
    return max(float(tile.var()) for tile in tiles)


def black_bars(grey: Float[np.ndarray, "height width"]) -> float:
    """The share of the picture in black bars at two opposite edges, as films and phones' screens put them there."""
    share = 0.0
    for lines in (grey, grey.T):
        first, last = _dark_edge(lines), _dark_edge(lines[::-1])
        if first and last:  # a bar on one side only is a shadow or a door
            share += (first + last) / len(lines)
    return min(share, 1.0)


def _dark_edge(lines: Float[np.ndarray, "lines pixels"]) -> int:
    """How many lines from the first on are black all along, if they end at a hard edge; else 0."""
    dark = lines.max(axis=1) <= _BLACK
    count = int(np.argmin(dark)) if not dark.all() else 0
    if count < _BAR * len(lines) or count + 2 >= len(lines):
        return 0
    jump = lines[count + 2].mean() - lines[count - 1].mean()  # the line between may be half of both
    return count if jump > _STEP else 0


def thumbnail(image: Image.Image) -> Float[np.ndarray, "768"]:
    """The picture as 16 x 16 colours, stretched, each channel of mean 0, all of length 1; zeros for a flat picture."""
    small = image.resize((_THUMBNAIL, _THUMBNAIL), Image.Resampling.LANCZOS)
    values = np.asarray(small, dtype=np.float64)
    values = (values - values.mean(axis=(0, 1))).ravel()
    spread = float(np.linalg.norm(values))
    return values / spread if spread > FLAT * len(values) ** 0.5 else np.zeros_like(values)


def twins(looks: Sequence[Float[np.ndarray, "768"]]) -> list[int | None]:
    """For each photo's thumbnail the earlier photo that it nearly repeats, or None; a flat picture is like no other."""
    found: list[int | None] = []
    rows = np.array(looks)
    for index, look in enumerate(rows):
        alike = rows[:index] @ look  # correlations: 1 the same, about 0 unrelated
        best = int(alike.argmax()) if index else 0
        found.append(best if index and 1 - alike[best] < ALIKE else None)
    return found
