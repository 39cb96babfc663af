"""From distances to probabilities: what share of people would say so.

P(right) = sigmoid((d_left - d_right) / temperature) for two candidates, by the votes on triplets (temperature scaling,
arXiv:1706.04599). P(same | d) = (1 - lapse) sigmoid((midpoint - d) / width) for two pictures shown one after the other,
where a lapse is an answer that did not depend on them; the threshold at which a share p still says "same" follows.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from likewise import seeds
from likewise.errors import MeasureError
from likewise.metrics.intervals import Interval

STEPS = 200
LAPSE = 0.2  # most; beyond it the people were guessing
RESAMPLES = 200
FLAT = 1e-3  # slope, a standard deviation of distance, below which a curve says nothing


@dataclass(frozen=True)
class SameCurve:
    """How likely "same" is at a distance."""

    midpoint: float  # distance at which half of those who attend say "same"
    width: float  # of the logistic, in distance
    lapse: float  # share of answers that do not depend on the pictures

    def __call__(self, distance: float | np.ndarray) -> np.ndarray:
        """P(same), the shape of `distance`."""
        return (1 - self.lapse) * _sigmoid((self.midpoint - np.asarray(distance)) / self.width)

    def threshold(self, share: float) -> float:
        """The distance at which this share of people says "same"; -inf where even equal pictures get less."""
        reach = share / (1 - self.lapse)
        return -np.inf if reach >= 1 else float(self.midpoint - self.width * np.log(reach / (1 - reach)))


@dataclass(frozen=True)
class Calibration:
    """What was fitted; a part that was not is None."""

    temperature: float | None = None  # of P(right), in distance
    same: SameCurve | None = None

    def right(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        """The share of people who would find the second nearer, from the distances to both."""
        assert self.temperature is not None
        return _sigmoid((np.asarray(left) - np.asarray(right)) / self.temperature)


def fit_temperature(gaps: np.ndarray, shares: np.ndarray, weights: np.ndarray | None = None) -> float:
    """The temperature by which sigmoid(gap / temperature) meets the shares best, in cross-entropy.

    gaps (N,): d_left - d_right; shares (N,): of votes for the right; weights (N,): votes. Newton's method on
    1 / temperature, whose loss is convex. MeasureError where the gaps are all zero or people disagree with the metric.
    """
    gaps, shares, weights = _arrays("a temperature", gaps, shares, weights)
    scale = np.abs(gaps).max(initial=0)
    if scale == 0:
        raise MeasureError("a temperature", "distances that are all equal", "a metric that tells pictures apart")
    gaps, sharpness = gaps / scale, 1.0
    for _ in range(STEPS):
        expected = _sigmoid(gaps * sharpness)
        slope = (weights * (expected - shares) * gaps).sum()
        bend = (weights * expected * (1 - expected) * gaps**2).sum()
        step = slope / max(bend, 1e-12)
        sharpness -= float(np.clip(step, -1 - sharpness, 1 + sharpness))
        if abs(step) < 1e-10:
            break
    if sharpness <= 1e-6:
        raise MeasureError("a temperature", "votes that go against the distances", "a metric that agrees with people")
    return float(scale / sharpness)


def likelihood(gaps: np.ndarray, shares: np.ndarray) -> float:
    """The log-likelihood in nats of the shares (N,) by sigmoid(gap / temperature) at the temperature that suits best.

    Every item counts once. No scale of distances helps; one that goes against people is worth chance, N log 1/2.
    """
    try:
        sharp = gaps / fit_temperature(gaps, shares)
    except MeasureError:
        sharp = np.zeros(len(shares))
    return -float((shares * np.logaddexp(0, -sharp) + (1 - shares) * np.logaddexp(0, sharp)).sum())


def fit_same(distances: np.ndarray, shares: np.ndarray, weights: np.ndarray | None = None) -> SameCurve:
    """The curve by which P(same | d) meets the shares best, in cross-entropy; the lapse by a search over [0, 0.2].

    distances (N,); shares (N,): of "same"; weights (N,): votes. MeasureError where "same" does not get rarer with
    distance.
    """
    distances, shares, weights = _arrays("a curve of 'same'", distances, shares, weights)
    spread = float(distances.std())
    if spread == 0 or shares.min() == shares.max():
        found = f"{len(distances)} pairs of equal distance or equal answers"
        raise MeasureError("a curve of 'same'", found, "pairs that look the same and pairs that do not")
    fits = [_logistic(distances, shares, weights, lapse) for lapse in np.linspace(0, LAPSE, 21)]
    _, slope, curve = min(fits, key=lambda fit: fit[0])
    if slope <= FLAT:
        found = "votes for 'same' that do not get fewer with distance"
        raise MeasureError("a curve of 'same'", found, "a metric that agrees with people")
    return curve


def thresholds(
    distances: np.ndarray,
    shares: np.ndarray,
    weights: np.ndarray | None = None,
    *,
    wanted: Sequence[float] = (0.5,),
    groups: Sequence[str] | None = None,
    seed: int = 0,
) -> list[Interval]:
    """The distance up to which each wanted share of people says "same", with bootstrap intervals over pairs.

    groups (N,): pairs that share one are drawn together, and the groups count. The lapse, a matter of the people, is
    found once and held.
    """
    distances, shares, weights = _arrays("a threshold", distances, shares, weights)
    curve = fit_same(distances, shares, weights)
    labels = np.arange(len(distances)) if groups is None else np.unique(np.asarray(groups), return_inverse=True)[1]
    members = [np.flatnonzero(labels == label) for label in range(labels.max() + 1)]
    random, drawn = seeds.numpy_stream(seed, "threshold"), [curve]
    for _ in range(RESAMPLES):
        rows = np.concatenate([members[unit] for unit in random.integers(len(members), size=len(members))])
        if distances[rows].std() and shares[rows].min() < shares[rows].max():
            drawn.append(_logistic(distances[rows], shares[rows], weights[rows], curve.lapse)[2])
    found = []
    for share in wanted:
        low, high = np.quantile([one.threshold(share) for one in drawn], (0.025, 0.975), method="nearest")
        found.append(Interval(curve.threshold(share), float(low), float(high), 0.95, len(members)))
    return found


def calibration_error(expected: np.ndarray, shares: np.ndarray, bins: int = 10) -> float:
    """Expected calibration error: the mean gap between what was said and what came, over bins of equal size."""
    expected, shares = np.asarray(expected, dtype=np.float64), np.asarray(shares, dtype=np.float64)
    parts = np.array_split(np.argsort(expected, kind="stable"), min(bins, len(expected)))
    return float(sum(len(part) * abs(expected[part].mean() - shares[part].mean()) for part in parts) / len(expected))


def conformal(gaps: np.ndarray, right: np.ndarray, coverage: float = 0.9) -> float:
    """The margin for answers that are sets: {right} if gap > margin, {left} if gap < -margin, both otherwise.

    Split conformal prediction (arXiv:2107.07511): such a set holds a new question's answer with at least this
    probability, if it is exchangeable with the questions here. gaps (N,): d_left - d_right; right (N,): the answer.
    """
    gaps, right = np.asarray(gaps, dtype=np.float64), np.asarray(right).astype(bool)
    scores = np.where(right, -gaps, gaps)  # how far the distances speak against the answer
    rank = int(np.ceil((len(scores) + 1) * coverage))
    return float("inf") if rank > len(scores) else float(np.sort(scores)[rank - 1])


def _logistic(
    distances: np.ndarray, shares: np.ndarray, weights: np.ndarray, lapse: float
) -> tuple[float, float, SameCurve]:
    """The loss, the slope and the curve.

    Gradient descent with Newton's curvature on (a, b) of (1 - lapse) sigmoid(a - b x), x standardised.
    """
    mean, spread = distances.mean(), distances.std()
    x = (distances - mean) / spread
    inputs = np.stack([np.ones_like(x), -x], axis=1)
    beta = np.array([0.0, 1.0])
    total, ridge = weights.sum(), 1e-3  # the ridge keeps separable answers finite
    for _ in range(STEPS):
        p = _sigmoid(inputs @ beta)
        said = np.clip((1 - lapse) * p, 1e-9, 1 - 1e-9)
        pull = weights * (said - shares) / (said * (1 - said)) * (1 - lapse) * p * (1 - p)
        bend = weights * ((1 - lapse) * p * (1 - p)) ** 2 / (said * (1 - said))  # Fisher's information
        slope = inputs.T @ pull / total + ridge * beta
        step = np.linalg.solve((inputs * bend[:, None]).T @ inputs / total + ridge * np.eye(2), slope)
        beta -= np.clip(step, -2, 2)
        if np.abs(step).max() < 1e-9:
            break
    said = np.clip((1 - lapse) * _sigmoid(inputs @ beta), 1e-9, 1 - 1e-9)
    loss = -(weights * (shares * np.log(said) + (1 - shares) * np.log1p(-said))).sum() / total
    sharp = max(beta[1], FLAT)
    return (
        float(loss),
        float(beta[1]),
        SameCurve(float(mean + spread * beta[0] / sharp), float(spread / sharp), float(lapse)),
    )


def _arrays(what: str, *arrays: np.ndarray | None) -> list[np.ndarray]:
    values, shares, weights = arrays
    values, shares = np.asarray(values, dtype=np.float64), np.asarray(shares, dtype=np.float64)
    weights = np.ones_like(values) if weights is None else np.asarray(weights, dtype=np.float64)
    if not values.shape == shares.shape == weights.shape or values.ndim != 1 or not len(values):
        raise MeasureError(what, f"{values.shape}, {shares.shape} and {weights.shape}", "one of each an item")
    if shares.min() < 0 or shares.max() > 1:
        raise MeasureError(what, "shares outside [0, 1]", "the share of votes")
    return [values, shares, weights]


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 0.5 * (1 + np.tanh(x / 2))
