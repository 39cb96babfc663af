"""How much each reference counts, step by step and layer by layer.

A reference's tokens have weight w in attention where the picture's own have 1. The schedule is a box, as in the
authors' code (arXiv:2307.10159): the strong weight from step round(S start) to round(S end), both included and rounded
to even at a half, the weak one elsewhere; dislikes have a part of it.
"""

from collections.abc import Sequence
from typing import TypeVar

from likewise.errors import SettingError
from likewise.fabric.config import Config
from likewise.fabric.references import Reference

One = TypeVar("One")  # a reference, or where one is kept
STARS = {1: (-1, 1.0), 2: (-1, 0.5), 3: (0, 0.0), 4: (1, 0.5), 5: (1, 1.0)}


def rated(stars: int) -> tuple[int, float]:
    """A rating of 1 to 5 as a sign and a weight: 5 is a like, 1 a dislike, 4 and 2 half of one, 3 neither."""
    if stars not in STARS:
        raise SettingError("rating", stars, "it must be 1, 2, 3, 4 or 5")
    return STARS[stars]


def window(steps: int, start: float, end: float) -> range:
    """The steps, from 0, of the window; the last is included, so (0, 0) still holds step 0."""
    return range(round(steps * start), min(round(steps * end), steps - 1) + 1)


def table(config: Config, steps: int, references: Sequence[Reference], *, disliked: bool = False) -> list[list[float]]:
    """weights[step][reference] of one side; 0 means that the reference is absent from that step."""
    part = config.dislike_strength if disliked else 1.0
    part *= crowding(config, references)
    rows = []
    for step in range(steps):
        boxes = [window(steps, *(one.window or (config.start, config.end))) for one in references]
        strengths = [config.strength if step in box else config.strength_outside for box in boxes]
        rows.append([one.weight * part * strength for one, strength in zip(references, strengths, strict=True)])
    return rows


def crowding(config: Config, references: Sequence[Reference]) -> float:
    """min(1, full / N), N the references with a weight.

    Attention adds references up: N alike weigh as one of N times the weight, and pictures burn out. With this, their
    sum stays what `full` of them weigh. It is not in the paper; full=0 is the paper's.
    """
    count = sum(one.weight > 0 for one in references)
    return min(1.0, config.full / count) if config.full and count else 1.0


def depth(stage: str, index: int, blocks: int, bottleneck: float) -> float:
    """The factor of a layer: 1 at the U-Net's ends, `bottleneck` in its middle, in even steps over its `blocks`.

    Down block j has 1 + (bottleneck - 1) j / blocks; up blocks mirror the down blocks.
    """
    place = {"down": index, "mid": blocks, "up": blocks - 1 - index}[stage]
    return 1 + (bottleneck - 1) * place / blocks


def capped(likes: Sequence[One], dislikes: Sequence[One], newest: int) -> tuple[list[One], list[One]]:
    """The newest `newest` references (the last of each list), of which up to half are dislikes; 0 keeps all."""
    if not newest:
        return list(likes), list(dislikes)
    bad = list(dislikes)[len(dislikes) - min(len(dislikes), newest // 2) :]
    good = list(likes)[max(0, len(likes) - (newest - len(bad))) :]
    return good, bad
