"""What a frozen encoder's rows know: linear and nearest-neighbour probes, exact and without a training loop."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from likewise.errors import MeasureError
from likewise.metrics.neighbours import Embedding, top_k

Labels = Sequence | np.ndarray
PENALTIES = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5)  # tried where none is given


@dataclass(frozen=True, eq=False)
class LinearProbe:
    """A linear classifier on rows: weight (D, C), bias (C,), and the classes (C,) that its columns stand for."""

    weight: np.ndarray
    bias: np.ndarray
    classes: np.ndarray

    def scores(self, rows: np.ndarray) -> np.ndarray:
        """Scores (N, C) of rows (N, D); larger is likelier."""
        return rows @ self.weight + self.bias

    def predict(self, rows: np.ndarray) -> np.ndarray:
        """The likeliest class of each row, (N,)."""
        return self.classes[self.scores(rows).argmax(1)]


def ridge_probe(rows: np.ndarray, labels: Labels, penalty: float = 1e-2) -> LinearProbe:
    """Least squares onto +1/-1 class targets: W = (X'X + N penalty I)^-1 X'Y on centred X, Y; the bias is free."""
    rows, classes, targets = _prepared(rows, labels, penalty)
    targets = 2 * targets - 1
    mean, target_mean = rows.mean(0), targets.mean(0)
    centred = rows - mean
    gram = centred.T @ centred + len(rows) * penalty * np.eye(rows.shape[1])
    weight = np.linalg.solve(gram, centred.T @ (targets - target_mean))
    return LinearProbe(weight, target_mean - mean @ weight, classes)


def logistic_probe(rows: np.ndarray, labels: Labels, penalty: float | None = None, steps: int = 300) -> LinearProbe:
    """Multinomial logistic regression on standardised rows: mean cross-entropy + penalty/2 |W|^2, the bias free.

    Mean and deviation are those of `rows`, and part of the probe that is returned: rows of unit length hardly differ,
    and a penalty on them as they are would hide what they know. penalty None: of PENALTIES the one that tells a held
    fourth of each class best, the larger of equals. Newton steps with Boehning's fixed bound on the Hessian
    ("Multinomial logistic regression algorithm", 1992): one factorisation for all steps, every step lowers the loss,
    and there is no learning rate to choose.
    """
    chosen = _chosen_penalty(rows, labels) if penalty is None else penalty
    rows, classes, targets = _prepared(rows, labels, chosen)
    mean, scale = rows.mean(0), rows.std(0)
    scale = np.where(scale > 1e-12, scale, 1.0)  # a number that is always the same says nothing either way
    weight, bias = _logistic((rows - mean) / scale, targets, chosen, steps)
    weight /= scale[:, None]
    return LinearProbe(weight, bias - mean @ weight, classes)


def _chosen_penalty(rows: np.ndarray, labels: Labels) -> float:
    rows, classes, targets = _prepared(rows, labels, PENALTIES[0])
    codes = targets.argmax(1)
    held = np.zeros(len(rows), dtype=bool)
    for code in range(len(classes)):
        held[np.flatnonzero(codes == code)[3::4]] = True
    if not held.any():
        return PENALTIES[len(PENALTIES) // 2]
    right = [
        int((logistic_probe(rows[~held], codes[~held], penalty, steps=100).predict(rows[held]) == codes[held]).sum())
        for penalty in PENALTIES
    ]
    return PENALTIES[int(np.argmax(right))]


def _logistic(rows: np.ndarray, targets: np.ndarray, penalty: float, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Weight (D, C) and bias (C,) at the least loss, or after so many steps."""
    count, width = rows.shape
    inputs = np.hstack([rows, np.ones((count, 1))])  # the last column carries the bias
    ridge = penalty * np.diag(np.append(np.ones(width), 0.0))
    # H <= kron((I - 11'/C)/2, X'X/N) + ridge; (I - 11'/C)/2 <= I/2 leaves one small system for all classes
    bound = np.linalg.inv(0.5 * inputs.T @ inputs / count + ridge + 1e-9 * np.eye(width + 1))
    weight = np.zeros((width + 1, targets.shape[1]))
    for _ in range(steps):
        slope = inputs.T @ (_softmax(inputs @ weight) - targets) / count + ridge @ weight
        weight -= bound @ slope
        if np.abs(slope).max() < 1e-8:
            break
    return weight[:-1], weight[-1]


def knn_predict(
    keys: Embedding, labels: Labels, queries: Embedding, k: int = 20, sharpness: float = 0.07, part: int = 2048
) -> np.ndarray:
    """The class of each query (N,) by votes of its k nearest keys, each weighing exp(cosine / sharpness).

    The protocol of Wu et al. (arXiv:1805.01978), section 3.4. part: queries held at a time, which changes nothing.
    """
    if len(labels) != len(keys):
        raise MeasureError("nearest neighbours", f"{len(keys)} rows and {len(labels)} labels", "one label a row")
    if len(queries) > part:
        starts = range(0, len(queries), part)
        parts = [knn_predict(keys, labels, queries[start : start + part], k, sharpness, part) for start in starts]
        return np.concatenate(parts)
    nearest, similar = top_k(queries, keys, k)
    classes, codes = np.unique(np.asarray(labels), return_inverse=True)
    weights = np.exp((similar - similar.max(1, keepdims=True)) / sharpness)
    votes = np.zeros((len(queries), len(classes)))
    np.add.at(votes, (np.arange(len(queries))[:, None], codes[nearest]), weights)
    return classes[votes.argmax(1)]


def _prepared(rows: np.ndarray, labels: Labels, penalty: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows as float64, the classes (C,), and one-hot targets (N, C)."""
    rows, labels = np.asarray(rows, dtype=np.float64), np.asarray(labels)
    if rows.ndim != 2 or len(rows) != len(labels):
        raise MeasureError("a probe", f"rows {rows.shape} and {len(labels)} labels", "one label a row")
    if penalty <= 0:
        raise MeasureError("a probe", f"a penalty of {penalty}", "one above 0, or the solution is not unique")
    classes, codes = np.unique(labels, return_inverse=True)
    if len(classes) < 2:
        raise MeasureError("a probe", f"{len(classes)} class(es)", "at least 2")
    return rows, classes, np.eye(len(classes))[codes]


def _softmax(scores: np.ndarray) -> np.ndarray:
    powers = np.exp(scores - scores.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)
