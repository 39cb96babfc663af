"""Aspect-ratio buckets: the shapes, near the area that a model was trained at, in which photos keep most of themselves.

As in kohya's sd-scripts: every width from half to twice the native side, in whole steps, with the largest height that
stays within the native area, and each of these lying on its side.
"""

import math
from collections.abc import Sequence
from typing import Any, cast

from likewise.diffusion.backbone import Backbone

Frame = tuple[int, int]  # width and height, pixels


def frames(side: int, step: int) -> list[Frame]:
    """The buckets of a model with a native square of `side` pixels; every side is a multiple of `step`."""
    low, high = side // 2 // step * step, side * 2
    found = {(side // step * step, side // step * step)}
    for width in range(max(step, low), high + 1, step):
        height = min(high, side * side // width // step * step)
        if height >= low:
            found |= {(width, height), (height, width)}
    return sorted(found)


def of(backbone: Backbone) -> list[Frame]:
    """The buckets of a base model: sides that its U-Net halves without remainder, 64 pixels apart at 512 and 1024."""
    facts, unet = backbone.facts, cast(Any, backbone.unet)
    whole = facts.latent_downscale * 2 ** (len(unet.config.block_out_channels) - 1)
    return frames(facts.image_size, max(whole, facts.image_size // 16))


def nearest(size: tuple[int, int], among: Sequence[Frame]) -> Frame:
    """The bucket whose shape is nearest to that of a picture of (width, height), as a ratio; the larger of two."""
    shape = math.log(size[0] / size[1])
    return min(among, key=lambda frame: (abs(math.log(frame[0] / frame[1]) - shape), -math.prod(frame)))
