"""From raw cosines to shares of what is possible, so that measures of different kinds can be weighed.

Likeness runs from the base model's "a noun" (0) to how alike the photos are among themselves (1), or, where it is
measured on photos held out from training, to how alike those are to the ones taught from. Prompt fidelity runs
from what the photos themselves would score (0: the prompt is ignored) to what the base model scores (1). Drift is the
share of that first way that the bare noun has gone towards the photos. Copied is the share of pictures that are closer
to one photo than any two photos are to each other, by features and by pixels.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from likewise.metrics.intervals import Interval, bootstrap
from likewise.verdict.scores import Judge, Scores

SAME_PHOTO = 0.95  # pixel correlation above which two photos count as one
COPY_OVERLAP = 0.9  # least pixel correlation of a copy
LEAST_SPAN = 0.05  # of cosine; with less between floor and ceiling, noise alone would span the scale
SINGLE_NEAREST = 0.95  # least cosine of a copy where there is only one photo to learn the spread from


@dataclass(frozen=True)
class Gauge:
    """The two ends of each measure."""

    floor: float  # mean cosine to the photos of the base model's "a noun"
    ceiling: float  # mean cosine between two different photos, or of the held out ones to the others
    ceiling_interval: Interval
    prompt_floor: float | None  # mean cosine of the photos to the prompts; None: not measured
    prompt_ceiling: float | None  # mean cosine of the base model's pictures to their prompts; None: not measured
    prompt_ratio: bool  # fidelity is a plain ratio to the base model, whose pictures fit no better than the photos
    copy_cosine: float  # a picture nearer to a photo than this, and overlapping more than that, is a copy
    copy_overlap: float
    held_out: bool = False  # the ceiling is the likeness of photos held out to those taught from

    @property
    def photos(self) -> str:
        """What the ceiling compares, in words."""
        return "your held out photos and the others" if self.held_out else "your photos among themselves"

    def gain(self, likeness: np.ndarray) -> np.ndarray:
        """Mean likenesses as shares of the way from floor to ceiling, cut to [0, 1]."""
        return self.share(likeness - self.floor)

    def share(self, way: np.ndarray) -> np.ndarray:
        """Differences of likeness as shares of the whole way from floor to ceiling, cut to [0, 1]."""
        return (way / self.span).clip(0, 1)

    @property
    def span(self) -> float:
        """The whole way from floor to ceiling, at least LEAST_SPAN."""
        return max(LEAST_SPAN, self.ceiling - self.floor)

    @property
    def unlike(self) -> bool:
        """Whether the photos differ so much among themselves that likeness to them means little."""
        return self.ceiling - self.floor < LEAST_SPAN

    def fidelity(self, prompt: np.ndarray) -> np.ndarray:
        """Mean prompt fits as shares of the base model's, cut to [0, 1]."""
        assert self.prompt_floor is not None and self.prompt_ceiling is not None
        floor = 0.0 if self.prompt_ratio else self.prompt_floor
        return ((prompt - floor) / max(1e-6, self.prompt_ceiling - floor)).clip(0, 1)

    def copied(self, scores: Scores) -> np.ndarray:
        """Which pictures (N,) are copies of a photo."""
        return (scores.nearest > self.copy_cosine) & (scores.overlap > self.copy_overlap)


def gauge(judge: Judge, base: Scores, seed: int, level: float) -> Gauge:
    """The ends, from the photos and from the base model's scores."""
    ceiling = (
        _ceiling(judge.photo_likeness, seed, level)
        if judge.held_out is None
        else bootstrap(judge.held_out.mean(1), level=level, seed=seed)
    )
    copy_cosine, copy_overlap = _copy_limits(judge.photo_likeness, judge.photo_overlap)
    floor, top, ratio = _prompt_ends(judge, base, seed)
    return Gauge(
        floor=float(base.plain.mean()),
        ceiling=ceiling.value,
        ceiling_interval=ceiling,
        prompt_floor=floor,
        prompt_ceiling=top,
        prompt_ratio=ratio,
        copy_cosine=copy_cosine,
        copy_overlap=copy_overlap,
        held_out=judge.held_out is not None,
    )


def _ceiling(likeness: np.ndarray, seed: int, level: float) -> Interval:
    """Mean cosine between two different photos, resampled photo by photo; 1 for a lone photo."""
    count = len(likeness)
    if count == 1:
        return Interval(1.0, 1.0, 1.0, level, 1)
    each = (likeness.sum(1) - likeness.diagonal()) / (count - 1)  # each photo's mean to the others
    return bootstrap(each, level=level, seed=seed)


def _copy_limits(likeness: np.ndarray, overlap: np.ndarray) -> tuple[float, float]:
    """The closest that two photos come which are not the same photo twice."""
    different = ~np.eye(len(likeness), dtype=bool) & (overlap < SAME_PHOTO)
    if not different.any():
        return SINGLE_NEAREST, COPY_OVERLAP
    return float(likeness[different].max()), max(COPY_OVERLAP, float(overlap[different].max()))


def _prompt_ends(judge: Judge, base: Scores, seed: int) -> tuple[float | None, float | None, bool]:
    """Floor, ceiling, and whether only a ratio makes sense: the base model must beat the photos beyond noise."""
    if base.prompt is None or judge.photo_prompt is None:
        return None, None, False
    lead = base.prompt - np.repeat(judge.photo_prompt, len(base.prompt) // len(judge.photo_prompt))
    return float(judge.photo_prompt.mean()), float(base.prompt.mean()), bootstrap(lead, seed=seed).low <= 0


def spread(values: Sequence[float] | np.ndarray, level: float, seed: int) -> Interval:
    """A measure's mean over pictures with its interval; the photos and prompts are taken as given."""
    return bootstrap(values, level=level, seed=seed)
