"""How far two judges agree: two-alternative forced choice and Cohen's kappa."""

from collections.abc import Sequence

import numpy as np

from likewise.errors import MeasureError

Values = Sequence | np.ndarray


def two_afc(first: Values, second: Values, votes: Values) -> np.ndarray:
    """How much of the vote goes the metric's way, question by question, (N,) in [0, 1]; its mean is the 2AFC score.

    first, second (N,): the metric's distances from the reference to the two candidates. votes (N,): the share of
    people who found the second candidate nearer. A metric that cannot tell the two apart earns half.
    """
    first, second, votes = (np.asarray(part, dtype=np.float64) for part in (first, second, votes))
    if not first.shape == second.shape == votes.shape:
        raise MeasureError("a 2AFC score", f"{first.shape}, {second.shape}, {votes.shape}", "one of each a question")
    if votes.size and (votes.min() < 0 or votes.max() > 1):
        raise MeasureError("a 2AFC score", "votes outside [0, 1]", "the share of people who chose the second")
    choice = np.where(first == second, 0.5, (second < first).astype(np.float64))
    return choice * votes + (1 - choice) * (1 - votes)


def cohen_kappa(first: Values, second: Values) -> float:
    """(observed - expected) / (1 - expected) agreement of two judges' labels (N,): 1 is perfect, 0 is chance.

    Two judges who both say one and the same word throughout agree fully by chance alone: kappa is then 0.
    Cohen, "A coefficient of agreement for nominal scales" (1960).
    """
    first, second = np.asarray(first), np.asarray(second)
    if first.shape != second.shape or first.size == 0:
        raise MeasureError("an agreement", f"{first.size} and {second.size} labels", "one of each an item, at least 1")
    observed = float((first == second).mean())
    words = np.union1d(first, second)
    expected = float(sum((first == word).mean() * (second == word).mean() for word in words))
    return 0.0 if expected == 1 else (observed - expected) / (1 - expected)
