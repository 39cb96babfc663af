"""From a logit to a probability that means what it says (Platt, 1999): of pairs given 0.2, one in five will link.

Of all pairs that could link few do, and a network that learns from as many links as negatives knows nothing of that. So
negatives stand for all the pairs that they were drawn from.
"""

from dataclasses import dataclass

import numpy as np

STEPS, RIDGE = 100, 1e-9


@dataclass(frozen=True)
class Calibration:
    """probability = sigmoid(slope * logit + shift); the slope is never negative, so that the order stays."""

    slope: float = 1.0
    shift: float = 0.0

    def __call__(self, logits: np.ndarray) -> np.ndarray:
        """The probability of each logit."""
        raised = np.clip(self.slope * np.asarray(logits, dtype=np.float64) + self.shift, -500, 500)
        return 1 / (1 + np.exp(-raised))


def fit(positive: np.ndarray, negative: np.ndarray, pairs_a_negative: float) -> Calibration:
    """The calibration that makes these most likely, each negative logit standing for so many pairs.

    Newton's method on a convex loss; Platt's softened targets keep the slope finite where the two do not overlap.
    """
    logits = np.concatenate([positive, negative]).astype(np.float64)
    weight = np.concatenate([np.ones(len(positive)), np.full(len(negative), pairs_a_negative)])
    soft = (1 + 1 / (len(positive) + 1)) / (1 + 2 / (len(positive) + 1)), 1 / (weight[-1] * len(negative) + 2)
    target = np.concatenate([np.full(len(positive), soft[0]), np.full(len(negative), soft[1])])
    centre, scale = logits.mean(), logits.std() or 1.0
    x = np.stack([(logits - centre) / scale, np.ones_like(logits)])
    found = np.array([0.0, np.log(len(positive) / (weight[-1] * len(negative)))])
    for _ in range(STEPS):
        step = _step(x, found, target, weight)
        size = 1.0
        while size > 1e-6 and _loss(x, found - size * step, target, weight) > _loss(x, found, target, weight):
            size /= 2
        found = found - size * step
        if np.abs(size * step).max() < 1e-10:
            break
    if found[0] < 0:  # worse than chance: give every pair the same probability rather than turn the order round
        found = np.array([0.0, np.log(len(positive) / (weight[-1] * len(negative)))])
    return Calibration(float(found[0] / scale), float(found[1] - found[0] * centre / scale))


def _step(x: np.ndarray, found: np.ndarray, target: np.ndarray, weight: np.ndarray) -> np.ndarray:
    p = 1 / (1 + np.exp(-np.clip(found @ x, -500, 500)))
    slope = x @ (weight * (p - target))
    curve = (x * (weight * p * (1 - p))) @ x.T + RIDGE * weight.sum() * np.eye(2)
    return np.linalg.solve(curve, slope)


def _loss(x: np.ndarray, found: np.ndarray, target: np.ndarray, weight: np.ndarray) -> float:
    logit = found @ x
    return float((weight * (np.logaddexp(0, logit) - target * logit)).sum())
