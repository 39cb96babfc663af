"""How well two words part a concept: the paper's score, over rows of any one encoder.

Vinker et al., "Concept Decomposition for Visual Exploration and Inspiration" (arXiv:2305.18203): with C(X, Y) the mean
cosine between pictures of two sets (within one set, over its pairs),

    score(l, r) = C(l, l) + C(r, r) + min(C(l, l), C(r, r)) - C(l, r)

is large when each word draws one thing, and the two draw different things. Two sets of one and the same picture reach
2, two tight and orthogonal ones 3. Rows of two encoders never meet: `cosine` raises MixedEncodersError.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from likewise import encoders
from likewise.encoders import loading
from likewise.encoders.encoder import Encoder, embed
from likewise.errors import MeasureError, NoAgreementError
from likewise.metrics.neighbours import Embedding, cosine


@dataclass(frozen=True)
class Score:
    """What one encoder says of two sets of pictures; encoder is its hash."""

    left: float  # C(l, l)
    right: float  # C(r, r)
    between: float  # C(l, r)
    encoder: str

    @property
    def value(self) -> float:
        """The paper's score, of which more is better."""
        return self.left + self.right + self.apart

    @property
    def apart(self) -> float:
        """How much tighter the looser of the two is than they are alike; the part that tells them apart."""
        return min(self.left, self.right) - self.between

    def as_json(self) -> dict[str, float]:
        """The figures."""
        return {"left": self.left, "right": self.right, "between": self.between, "score": self.value}


def judge(name: str) -> Encoder:
    """An encoder by its name or folder; "dreamsim", or "dreamsim:" and what likewise.dreamsim.load takes, is a metric.

    DreamSim's distance is 1 - cosine of its rows, so that C is 1 less the mean distance.
    """
    kind, _, which = name.partition(":")
    if kind == "dreamsim":
        from likewise import dreamsim

        return dreamsim.load(which or None)
    return encoders.load(name)


def lasting(name: str) -> str:
    """What `judge` finds the same encoder by from anywhere: the folder of one that has no name in full."""
    kind, _, which = name.partition(":")
    return f"{kind}:{loading.lasting(which)}" if kind == "dreamsim" and which else loading.lasting(name)


def within(rows: Embedding) -> float:
    """C(X, X): the mean cosine over all pairs of different pictures of a set, at least two."""
    if len(rows) < 2:
        raise MeasureError("a consistency", f"{len(rows)} picture(s)", "at least two")
    return float(cosine(rows, rows)[np.triu_indices(len(rows), k=1)].mean())


def across(first: Embedding, second: Embedding, *, same_noise: bool = True) -> float:
    """C(X, Y): the mean cosine over all pairs of a picture of each set.

    same_noise: count picture i of both as well, which began from the same noise and so are a little more alike, as the
    authors' code does.
    """
    found = cosine(first, second)
    if not found.size:
        raise MeasureError("a consistency", "an empty set of pictures", "at least one in each")
    if same_noise:
        return float(found.mean())
    return float(found[~np.eye(*found.shape, dtype=bool)].mean())


def score(left: Embedding, right: Embedding, *, same_noise: bool = True) -> Score:
    """The score of a pair of words by the pictures that each draws."""
    between = across(left, right, same_noise=same_noise)
    return Score(within(left), within(right), between, left.encoder)


def measure(encoder: Encoder, left: Sequence[Image.Image], right: Sequence[Image.Image]) -> Score:
    """`score` of pictures."""
    return score(embed(encoder, left), embed(encoder, right))


def best(scores: Sequence[Score]) -> int:
    """The place of the largest score; of equal ones the first. One encoder's scores alone can be compared."""
    encoders = sorted({one.encoder for one in scores})
    if len(encoders) > 1:
        raise MeasureError("a choice", f"scores of {len(encoders)} encoders", "those of one")
    return int(np.argmax([one.value for one in scores]))


def central(rows: Embedding, count: int) -> list[int]:
    """The `count` most central of a set: largest mean cosine to all of it, itself included; most central first."""
    means = cosine(rows, rows).mean(axis=1)
    return [int(place) for place in np.argsort(-means, kind="stable")[:count]]


def agreement(first: Sequence[float], second: Sequence[float]) -> float:
    """Spearman's rank correlation of two encoders' scores of the same things, ties sharing their mean rank.

    1: the same order; 0 where one of the two finds all alike. NoAgreementError for fewer than two things.
    """
    if len(first) != len(second) or len(first) < 2:
        raise NoAgreementError(min(len(first), len(second)))
    ranks = [_ranks(np.asarray(one, dtype=np.float64)) for one in (first, second)]
    spread = [one - one.mean() for one in ranks]
    size = float(np.sqrt((spread[0] ** 2).sum() * (spread[1] ** 2).sum()))
    return float((spread[0] * spread[1]).sum() / size) if size else 0.0


def _ranks(values: np.ndarray) -> np.ndarray:
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[place]
