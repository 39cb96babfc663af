"""How well a score puts the right items first: the area under the ROC curve and average precision."""

from collections.abc import Sequence

import numpy as np

from likewise.errors import MeasureError

Values = Sequence | np.ndarray


def auc(scores: Values, labels: Values) -> float:
    """P(score of a positive > score of a negative), ties counting half (Mann-Whitney U), O(N log N).

    scores (N,); labels (N,) of 0/1 or bool, both kinds present.
    """
    scores, labels = _checked(scores, labels)
    positives = int(labels.sum())
    negatives = len(labels) - positives
    if not negatives:
        raise MeasureError("a ranking", "positives only", "at least one negative")
    _, where, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[where]  # from 1; tied scores share their mean rank
    wins = ranks[labels].sum() - positives * (positives + 1) / 2
    return float(wins / (positives * negatives))


def average_precision(scores: Values, labels: Values) -> float:
    """sum_k (recall_k - recall_{k-1}) precision_k over falling thresholds; tied scores share one threshold.

    scores (N,); labels (N,) of 0/1 or bool, at least one positive. The order of tied items cannot change it.
    """
    scores, labels = _checked(scores, labels)
    order = np.argsort(-scores, kind="stable")
    last = np.flatnonzero(np.append(np.diff(scores[order]) != 0, True))  # last item of each threshold
    found = np.cumsum(labels[order])[last]  # positives at or above each threshold
    precision = found / (last + 1)
    recall_steps = np.diff(found, prepend=0) / found[-1]
    return float((recall_steps * precision).sum())


def _checked(scores: Values, labels: Values) -> tuple[np.ndarray, np.ndarray]:
    scores, labels = np.asarray(scores, dtype=np.float64), np.asarray(labels).astype(bool)
    if scores.shape != labels.shape or scores.ndim != 1:
        raise MeasureError("a ranking", f"scores {scores.shape}, labels {labels.shape}", "two rows of one length")
    if not np.isfinite(scores).all():
        raise MeasureError("a ranking", "a score that is not finite", "finite scores")
    if not labels.any():
        raise MeasureError("a ranking", "no positive item", "at least one")
    return scores, labels
