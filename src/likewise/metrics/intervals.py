"""Confidence intervals: how far a figure could have fallen had we drawn other items.

The bootstrap resamples items (or whole groups of items, when items of one group are not independent) with
replacement. Percentile and BCa intervals follow Efron & Tibshirani, "An Introduction to the Bootstrap" (1993),
chapters 13 and 14; the interval of a proportion follows Wilson (1927). Resamples of few items spread too little: the
percentiles are moved out as Hesterberg says ("What Teachers Should Know About the Bootstrap", arXiv:1411.5279, section
5.3), and below FEW items the interval is Student's, from the resamples' deviation, since no resample leaves the range
of the items.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from statistics import NormalDist

import numpy as np

from likewise import seeds
from likewise.errors import MeasureError

DRAWS = 2000
FEW = 10  # items

Statistic = Callable[[np.ndarray], float]


@dataclass(frozen=True)
class Interval:
    """A figure and where it could have fallen."""

    value: float  # the statistic of the items themselves
    low: float
    high: float
    level: float = 0.95  # the share of such intervals that hold the true figure
    count: int = 0  # independent items (or groups) behind the figure

    def holds(self, figure: float) -> bool:
        """Whether the figure lies inside, ends included."""
        return self.low <= figure <= self.high

    def __str__(self) -> str:
        """Such as 0.713 [0.690, 0.741]."""
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


def bootstrap(
    values: Sequence[float] | np.ndarray,
    statistic: Statistic | None = None,
    level: float = 0.95,
    seed: int = 0,
    groups: Sequence | np.ndarray | None = None,
    *,
    method: str = "percentile",
    draws: int = DRAWS,
) -> Interval:
    """The statistic of values (N, ...) and its bootstrap interval; the mean when no statistic is given.

    groups: N labels; items that share one are drawn together, and the groups count as the items. method:
    "percentile", or "bca", which mends the bias and skew of a statistic that is no plain mean. One item has no
    spread to resample: its interval has no width.
    """
    values = np.asarray(values, dtype=np.float64)
    if len(values) == 0:
        raise MeasureError("an interval", "0 values", "at least 1")
    if method not in ("percentile", "bca"):
        raise MeasureError("a bootstrap interval", f"the method {method!r}", "'percentile' or 'bca'")
    members = _members(len(values), groups)
    value = _value(values, statistic)
    resampled = _resample(values, statistic, members, seed, draws)
    units = len(members)
    if 1 < units < FEW and method == "percentile":
        half = _student((1 + level) / 2, units - 1) * float(resampled.std()) * (units / (units - 1)) ** 0.5
        return Interval(value, value - half, value + half, level, units)
    tail = (1 - level) / 2
    if units > 1:  # Hesterberg's tail
        tail = NormalDist().cdf(-((units / (units - 1)) ** 0.5) * _student(1 - tail, units - 1))
    ends = (tail, 1 - tail)
    if method == "bca" and units > 1:
        ends = _bca_ends(ends, value, resampled, _jackknife(values, statistic, members))
    low, high = np.quantile(resampled, ends)
    return Interval(value, float(low), float(high), level, units)


def paired(
    first: Sequence[float] | np.ndarray,
    second: Sequence[float] | np.ndarray,
    level: float = 0.95,
    seed: int = 0,
    groups: Sequence | np.ndarray | None = None,
    *,
    draws: int = DRAWS,
) -> Interval:
    """The interval of mean(first - second), where row i of both was measured on the same item i.

    Much narrower than the difference of two separate intervals wherever hard items are hard for both.
    """
    first, second = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if first.shape != second.shape:
        raise MeasureError("a paired difference", f"{len(first)} and {len(second)} values", "one of each per item")
    return bootstrap(first - second, level=level, seed=seed, groups=groups, draws=draws)


def wilson(successes: int, total: int, level: float = 0.95) -> Interval:
    """The interval of a proportion by Wilson's score: never outside [0, 1], honest even at 0 of 5."""
    if total < 1 or not 0 <= successes <= total:
        raise MeasureError("a proportion", f"{successes} of {total}", "0 <= successes <= total, total at least 1")
    z = NormalDist().inv_cdf((1 + level) / 2)
    share = successes / total
    scale = 1 / (1 + z * z / total)
    centre = scale * (share + z * z / (2 * total))
    half = scale * z * np.sqrt(share * (1 - share) / total + (z / (2 * total)) ** 2)
    low = 0.0 if successes == 0 else centre - half  # exact at the ends, where rounding would leave 1e-17
    high = 1.0 if successes == total else centre + half
    return Interval(share, float(low), float(high), level, total)


def multiplicity(picks: np.ndarray, count: int) -> np.ndarray:
    """How often each of `count` units was drawn in each resample: picks (draws, k) to (draws, count)."""
    shifted = picks + count * np.arange(len(picks))[:, None]
    return np.bincount(shifted.ravel(), minlength=count * len(picks)).reshape(len(picks), count)


@cache
def _student(share: float, freedom: int) -> float:
    """The quantile of Student's distribution: with t = sqrt(f) tan(a), the density of a is cos(a)^(f - 1)."""
    angles = np.linspace(-np.pi / 2, np.pi / 2, 40_001)
    density = np.cos(angles).clip(0) ** (freedom - 1)
    mass = np.append(0.0, ((density[1:] + density[:-1]) / 2).cumsum())
    return float(np.sqrt(freedom) * np.tan(np.interp(share, mass / mass[-1], angles)))


def _value(values: np.ndarray, statistic: Statistic | None) -> float:
    return float(values.mean() if statistic is None else statistic(values))


def _members(count: int, groups: Sequence | np.ndarray | None) -> list[np.ndarray]:
    """The row numbers of each unit that is drawn as one."""
    if groups is None:
        return [np.array([index]) for index in range(count)]
    if len(groups) != count:
        raise MeasureError("a grouped interval", f"{count} values and {len(groups)} labels", "one label a value")
    _, labels = np.unique(np.asarray(groups), return_inverse=True)
    return [np.flatnonzero(labels == label) for label in range(labels.max() + 1)]


def _resample(values: np.ndarray, statistic: Statistic | None, members: list, seed: int, draws: int) -> np.ndarray:
    """The statistic of each resample, (draws,). A mean needs only how often each unit was drawn."""
    random = seeds.numpy_stream(seed, "bootstrap", len(members))
    picks = random.integers(len(members), size=(draws, len(members)))
    if statistic is None:
        times = multiplicity(picks, len(members))
        sums = np.array([values[rows].sum() for rows in members])
        sizes = np.array([values[rows].size for rows in members])
        return (times @ sums) / (times @ sizes)
    return np.array([statistic(values[np.concatenate([members[unit] for unit in pick])]) for pick in picks])


def _jackknife(values: np.ndarray, statistic: Statistic | None, members: list[np.ndarray]) -> np.ndarray:
    """The statistic with each unit left out once, (units,)."""
    return np.array([_value(np.delete(values, rows, axis=0), statistic) for rows in members])


def _bca_ends(ends: tuple, value: float, resampled: np.ndarray, left_out: np.ndarray) -> tuple[float, float]:
    """The quantiles to read instead of the plain ones: equation 14.10, bias z0 (14.14), acceleration a (14.15)."""
    normal = NormalDist()
    below = ((resampled < value).sum() + 0.5 * (resampled == value).sum()) / len(resampled)
    bias = normal.inv_cdf(float(np.clip(below, 1 / len(resampled), 1 - 1 / len(resampled))))
    pull = left_out.mean() - left_out
    spread = 6 * (pull**2).sum() ** 1.5
    acceleration = (pull**3).sum() / spread if spread > 0 else 0.0

    def end(tail: float) -> float:
        z = bias + normal.inv_cdf(tail)
        return normal.cdf(bias + z / (1 - acceleration * z))

    return end(ends[0]), end(ends[1])
