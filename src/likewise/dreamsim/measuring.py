"""How well a metric's choices agree with people's, beside what people themselves reach, and against another metric."""

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from likewise.dreamsim import agreement
from likewise.dreamsim.calibration import calibration_error
from likewise.dreamsim.metric import Metric
from likewise.dreamsim.quality import two_sided
from likewise.dreamsim.questions import Questions
from likewise.errors import FewGroupsWarning, MeasureError
from likewise.metrics.agreement import two_afc
from likewise.metrics.intervals import Interval, bootstrap

ENOUGH = 4  # groups, below which an interval over them says little
Distances = tuple[np.ndarray, np.ndarray]  # to left and to right, (N,) each


def distances(metric: Metric, questions: Questions, folder: str | Path) -> Distances:
    """A metric's distances on every question; each picture of the folder is computed once."""
    numbers = np.unique(questions.places)
    rows = np.zeros((len(questions.pictures), metric.dimension), dtype=np.float32)
    rows[numbers] = metric.embed([Path(folder) / questions.pictures[number] for number in numbers])
    return apart(rows, questions)


def pair_distances(metric: Metric, pairs: Sequence[tuple[str, str]], folder: str | Path) -> np.ndarray:
    """A metric's distance of every pair of pictures of a folder, (N,); each picture is computed once."""
    names = sorted({name for pair in pairs for name in pair})
    number = {name: place for place, name in enumerate(names)}
    rows = metric.embed([Path(folder) / name for name in names]).astype(np.float64)
    first, second = (rows[[number[pair[side]] for pair in pairs]] for side in range(2))
    return 1 - (first * second).sum(1)


def apart(rows: np.ndarray, questions: Questions) -> Distances:
    """Distances of unit rows (P, D), one a picture, on every question."""
    reference, left, right = (rows[questions.places[:, part]].astype(np.float64) for part in range(3))
    return 1 - (reference * left).sum(1), 1 - (reference * right).sum(1)


def two_choice(found: Distances, questions: Questions, seed: int = 0) -> Interval:
    """The 2AFC score: the mean share of people who chose as the metric does, with an interval over units."""
    each = two_afc(*found, questions.shares)
    return bootstrap(each, seed=seed, groups=questions.units)


def by_vote(found: Distances, questions: Questions, seed: int = 0) -> Interval:
    """The same with every vote counting once, so that a triplet weighs as much as it has votes."""
    return _weighted(two_afc(*found, questions.shares), questions, seed)


def gain(before: Distances, after: Distances, questions: Questions, seed: int = 0) -> Interval:
    """How much better the second metric agrees, vote by vote, with a paired interval over units."""
    first, second = (two_afc(*found, questions.shares) for found in (before, after))
    return _weighted(second - first, questions, seed)


def mcnemar(before: Distances, after: Distances, questions: Questions) -> float:
    """The exact chance of so uneven a split of the triplets that one metric gets right and the other wrong.

    McNemar (1947), over triplets with a majority; a metric that cannot tell gets none right.
    """
    winner = np.sign(questions.shares - 0.5)
    first, second = (np.sign(left - right) == winner for left, right in (before, after))
    first, second = first[winner != 0], second[winner != 0]
    better, worse = int((second & ~first).sum()), int((first & ~second).sum())
    return two_sided(better, better + worse) if better + worse else 1.0


def report(
    found: Distances, questions: Questions, *, temperature: float | None = None, seed: int = 0
) -> dict[str, Any]:
    """2AFC by triplet and by vote, the two ceilings, and the calibration error, as JSON."""
    if not len(questions):
        raise MeasureError("a 2AFC score", "no triplets", "at least one")
    about: dict[str, Any] = {
        "triplets": len(questions),
        "votes": int(questions.votes.sum()),
        "groups": len(set(questions.units)),
        "two_afc": plain(two_choice(found, questions, seed)),
        "by_vote": plain(by_vote(found, questions, seed)),
        "ceiling_majority": round(agreement.majority(questions.votes), 4),
    }
    if (questions.votes.sum(1) >= 2).any():
        about["ceiling_people"] = plain(agreement.ceiling(questions.votes, questions.units, seed=seed))
    if temperature is not None:
        expected = 0.5 * (1 + np.tanh((found[0] - found[1]) / temperature / 2))
        about["calibration_error"] = round(calibration_error(expected, questions.shares), 4)
    return about


def warn_few(questions: Questions) -> None:
    """Warn with FewGroupsWarning where an interval over these questions' units says little."""
    groups = len(set(questions.units))
    if groups < ENOUGH:
        warnings.warn(FewGroupsWarning(groups, ENOUGH), stacklevel=4)


def plain(interval: Interval) -> dict[str, float | int | None]:
    """For JSON. One group has no interval: low and high are null."""
    alone = interval.count < 2 and interval.low == interval.high
    ends = {name: None if alone else round(getattr(interval, name), 4) for name in ("low", "high")}
    return {"value": round(interval.value, 4), **ends, "n": interval.count}


def _weighted(each: np.ndarray, questions: Questions, seed: int) -> Interval:
    """The mean of `each` (N,) weighted by votes, with a bootstrap interval over units."""
    votes = questions.votes.sum(1)
    if not votes.any():
        raise MeasureError("a share of votes", "triplets without any vote", "at least one")
    _, codes = np.unique(np.asarray(questions.units), return_inverse=True)
    return bootstrap(np.repeat(each, votes), seed=seed, groups=np.repeat(codes, votes))


def said(about: dict[str, Any], names: Sequence[str] = ("two_afc", "by_vote", "ceiling_people")) -> str:
    """Figures of a report in one line."""
    words = {"two_afc": "2AFC", "by_vote": "by vote", "ceiling_people": "people"}
    spans = [f"{words[name]} {span(about[name])}" for name in names if name in about]
    return ", ".join([*spans, f"ceiling {about['ceiling_majority']:.3f}", f"{about['groups']} group(s)"])


def span(one: Mapping[str, Any], form: str = ".3f") -> str:
    """A figure of `plain` with its interval, if it has one."""
    if one["low"] is None:
        return f"{one['value']:{form}} (no interval: {one['n']} group)"
    return f"{one['value']:{form}} [{one['low']:{form}}, {one['high']:{form}}]"
