"""How far people agree among each other, and what the best possible metric could reach against their votes.

Counts are (N, K): how many of the raters of item i chose answer k. Items may have different numbers of raters.
Fleiss (1971), "Measuring nominal scale agreement among many raters"; Krippendorff (2011), "Computing Krippendorff's
alpha-reliability".
"""

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np

from likewise.errors import MeasureError
from likewise.metrics.intervals import Interval, bootstrap

Counts = Sequence[Sequence[int]] | np.ndarray
Scale = Literal["nominal", "ordinal", "interval"]


def percent(counts: Counts) -> float:
    """The chance that two different raters of one item, drawn at random, gave the same answer; mean over items."""
    return float(_pairwise(_rated(counts)).mean())


def fleiss_kappa(counts: Counts) -> float:
    """(P - P_e) / (1 - P_e): agreement beyond what the shares of the answers make likely; 1 is perfect, 0 is chance.

    Where all raters always gave one and the same answer, chance explains it all: 0, as for Cohen's kappa.
    """
    rated = _rated(counts)
    shares = rated.sum(0) / rated.sum()
    expected = float((shares**2).sum())
    return 0.0 if expected == 1 else (float(_pairwise(rated).mean()) - expected) / (1 - expected)


def krippendorff_alpha(counts: Counts, scale: Scale = "nominal") -> float:
    """1 - D_o / D_e over the coincidences of values within items; 1 is perfect, 0 is chance, below is worse.

    scale: how far answers j and k lie apart: 0 or 1, their distance in ranks among all values given, or (j - k)^2.
    Where only one answer was ever given there is nothing to disagree about: 0, as nothing is shown either.
    """
    rated = _rated(counts)
    of_items = rated.sum(1, keepdims=True)
    together = rated.T @ (rated / (of_items - 1)) - np.diag((rated / (of_items - 1)).sum(0))  # (K, K)
    totals = together.sum(0)
    apart = _apart(totals, scale)
    expected = (np.outer(totals, totals) * apart).sum() / (totals.sum() - 1)
    return 0.0 if expected == 0 else float(1 - (together * apart).sum() / expected)


def with_interval(
    statistic: Callable[[np.ndarray], float],
    counts: Counts,
    groups: Sequence | None = None,
    *,
    level: float = 0.95,
    seed: int = 0,
    draws: int = 1000,
) -> Interval:
    """A statistic of counts and its bootstrap interval over items; items of one group are drawn together."""
    rated = np.asarray(counts, dtype=np.float64)
    keep = rated.sum(1) >= 2
    chosen = None if groups is None else [group for group, kept in zip(groups, keep, strict=True) if kept]
    return bootstrap(_rated(counts), statistic, level, seed, chosen, draws=draws)


def ceiling(counts: Counts, groups: Sequence | None = None, *, level: float = 0.95, seed: int = 0) -> Interval:
    """The 2AFC score of people themselves: each vote is guessed from the majority of the other votes on its triplet.

    counts (N, 2). A tie of the others earns a half. Leave-one-out keeps a vote from agreeing with itself; it stays
    below what an ideal metric could reach, and nears it as votes grow. Triplets with one vote say nothing.
    """
    left, right = _two(counts)
    votes = left + right
    keep = votes >= 2
    if not keep.any():
        raise MeasureError("a noise ceiling", "no triplet with two votes", "triplets with at least 2 votes each")
    score = (left * _guessed(left - 1, right) + right * _guessed(right - 1, left))[keep] / votes[keep]
    chosen = None if groups is None else [group for group, kept in zip(groups, keep, strict=True) if kept]
    return bootstrap(score, level=level, seed=seed, groups=chosen)


def majority(counts: Counts, *, by_vote: bool = False) -> float:
    """The 2AFC score of a metric that always sides with the majority of these very votes: no metric can do better.

    The mean over triplets, or with by_vote over votes. It flatters where votes are few, as the majority holds the noise
    of the votes that it is scored on.
    """
    left, right = _two(counts)
    votes = left + right
    if not votes.any():
        raise MeasureError("a majority score", "no votes", "at least one triplet with a vote")
    larger = np.maximum(left, right)
    return float(larger.sum() / votes.sum() if by_vote else (larger[votes > 0] / votes[votes > 0]).mean())


def _guessed(others_same: np.ndarray, others_else: np.ndarray) -> np.ndarray:
    return np.where(others_same == others_else, 0.5, (others_same > others_else).astype(np.float64))


def _two(counts: Counts) -> tuple[np.ndarray, np.ndarray]:
    both = np.asarray(counts, dtype=np.float64)
    if both.ndim != 2 or both.shape[1] != 2:
        raise MeasureError("a 2AFC score of votes", f"counts {both.shape}", "(N, 2): left and right of each triplet")
    return both[:, 0], both[:, 1]


def _rated(counts: Counts) -> np.ndarray:
    """The items with at least two raters, (N, K) float64."""
    rated = np.asarray(counts, dtype=np.float64)
    if rated.ndim != 2 or rated.size == 0 or (rated < 0).any():
        raise MeasureError("an agreement", f"counts {rated.shape}", "(N, K), none below 0")
    rated = rated[rated.sum(1) >= 2]
    if not len(rated):
        raise MeasureError("an agreement", "no item with two raters", "items with at least 2 votes each")
    return rated


def _pairwise(rated: np.ndarray) -> np.ndarray:
    """P_i: the share of pairs of raters of item i that agree, (N,)."""
    votes = rated.sum(1)
    return ((rated**2).sum(1) - votes) / (votes * (votes - 1))


def _apart(totals: np.ndarray, scale: Scale) -> np.ndarray:
    """The squared distance between answers j and k, (K, K)."""
    place = np.arange(len(totals), dtype=np.float64)
    if scale == "nominal":
        return 1 - np.eye(len(totals))
    if scale == "interval":
        return np.subtract.outer(place, place) ** 2
    middle = np.cumsum(totals) - totals / 2  # the mean rank of an answer among all values given
    return np.subtract.outer(middle, middle) ** 2
