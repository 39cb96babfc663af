"""What a metric attends to: how far it says a picture moves when one property of it changes and the others stay.

After section 5.2 of the DreamSim paper, which asks the same of foreground, colour and layout by correlation. A change
that people would hardly mind should move the metric little.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from likewise.dreamsim.metric import Metric
from likewise.metrics.intervals import Interval, bootstrap

Change = Callable[[Image.Image, Image.Image], Image.Image]  # a picture and another one to take parts from
HUE = 64  # of 256 steps around the circle: a quarter turn
KEEP = 0.8  # of the sides that a crop keeps
BLUR = 0.02  # of the longer side, the radius


def hue(picture: Image.Image, other: Image.Image) -> Image.Image:
    """A quarter turn of the colour circle."""
    tones, *rest = picture.convert("HSV").split()
    return Image.merge("HSV", [tones.point(_turned), *rest]).convert("RGB")


def _turned(tone: int) -> int:
    return (tone + HUE) % 256


def flip(picture: Image.Image, other: Image.Image) -> Image.Image:
    """Left and right exchanged."""
    return picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)


def crop(picture: Image.Image, other: Image.Image) -> Image.Image:
    """The middle, 0.8 of each side."""
    across, down = (side * (1 - KEEP) / 2 for side in picture.size)
    return picture.crop((round(across), round(down), round(picture.width - across), round(picture.height - down)))


def blur(picture: Image.Image, other: Image.Image) -> Image.Image:
    """A Gaussian blur of 2 % of the longer side."""
    return picture.filter(ImageFilter.GaussianBlur(BLUR * max(picture.size)))


def layout(picture: Image.Image, other: Image.Image) -> Image.Image:
    """The four quarters in another place: what is there stays, where it is does not."""
    width, height = (side // 2 for side in picture.size)
    parts = [picture.crop((x, y, x + width, y + height)) for y in (0, height) for x in (0, width)]
    mixed = Image.new("RGB", (2 * width, 2 * height))
    for part, (x, y) in zip(parts, ((width, height), (0, height), (width, 0), (0, 0)), strict=True):
        mixed.paste(part, (x, y))
    return mixed


def background(picture: Image.Image, other: Image.Image) -> Image.Image:
    """The rim of another picture around the middle of this one: an ellipse stands for the foreground."""
    return Image.composite(picture, other.resize(picture.size), _middle(picture.size))


def foreground(picture: Image.Image, other: Image.Image) -> Image.Image:
    """The middle of another picture in the rim of this one."""
    return Image.composite(other.resize(picture.size), picture, _middle(picture.size))


PROBES: Mapping[str, Change] = {
    "foreground": foreground,
    "background": background,
    "hue": hue,
    "layout": layout,
    "flip": flip,
    "crop": crop,
    "blur": blur,
}


def probe(metric: Metric, pictures: Sequence[Image.Image], seed: int = 0) -> dict[str, Interval]:
    """The mean distance that each change makes, over the mean distance between two of the pictures, with intervals.

    pictures: at least two RGB pictures, of different things; each lends its parts to the one before it.
    """
    assert len(pictures) > 1, "a probe needs two pictures, as one lends its parts to the other"
    rows = metric.embed(pictures).astype(np.float64)
    scale = 1 - (rows @ rows.T)[np.triu_indices(len(rows), 1)].mean()
    found = {}
    for name, change in PROBES.items():
        changed = [change(one, pictures[(place + 1) % len(pictures)]) for place, one in enumerate(pictures)]
        apart = 1 - (rows * metric.embed(changed)).sum(1)
        found[name] = bootstrap(apart / scale, seed=seed)
    return found


def _middle(size: tuple[int, int]) -> Image.Image:
    mask = Image.new("L", size)
    across, down = size[0] * 0.2, size[1] * 0.2
    ImageDraw.Draw(mask).ellipse((across, down, size[0] - across, size[1] - down), fill=255)
    return mask
