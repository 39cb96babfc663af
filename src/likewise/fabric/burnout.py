"""Looks for burnout: colours and contrast that grow round after round until pictures glare.

Attention adds references up, so many of them, or few with much weight, push every feature further the same way. Users
of the method's first tools reported it with a single reference already. What is reported here is how colourful and how
contrasting a round is, beside the first round of its path and the liked pictures, which it may rightly come near to.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL.Image import Image

GLARE = 1.5  # times the most colourful or most contrasting of what it is compared with


def look(pictures: Sequence[Image]) -> dict[str, float]:
    """Means over pictures, 0 to 1.

    saturation: of each pixel's largest minus smallest colour; contrast: of the standard deviation of brightness.
    """
    pixels = [np.asarray(one.convert("RGB"), dtype=np.float64) / 255 for one in pictures]
    return {
        "saturation": round(float(np.mean([(one.max(-1) - one.min(-1)).mean() for one in pixels])), 6),
        "contrast": round(float(np.mean([one.mean(-1).std() for one in pixels])), 6),
    }


def burnt(found: dict[str, Any], first: dict[str, Any], likes: Sequence[Image]) -> list[str]:
    """Which of the two are above GLARE times the first round's, and above that of every like."""
    liked = [look([one]) for one in likes]
    names = ("saturation", "contrast")
    return [name for name in names if found[name] > GLARE * max(one[name] for one in (first, *liked))]
