"""Which questions may be used for what: none without votes, and none that a metric met when it was tuned.

A metric carries the marks of the questions that it was tuned on, that chose its epoch and that were kept apart. A mark
is of the reference's content and its group, so it holds when files are renamed, split anew or get more votes.
"""

import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

from likewise import checkpoint
from likewise.dreamsim.metric import Metric
from likewise.dreamsim.splits import TEST, TRAIN, VAL
from likewise.dreamsim.triplets import Triplet
from likewise.errors import NoJudgementsError, SeenTripletsWarning, UnvotedWarning

KEY = "learned_from"  # in what a metric is said to be about: one mapping of split to marks for each tuning
DIGITS = 16


class Judged(Protocol):
    """A triplet or a pair."""

    @property
    def votes(self) -> int:
        """How many votes there are."""
        ...


Item = TypeVar("Item", bound=Judged)


def voted(items: Sequence[Item], folder: str | Path) -> list[Item]:
    """Those with votes. Warns with UnvotedWarning of the others; NoJudgementsError where none has any."""
    found = [one for one in items if one.votes]
    if not found:
        raise NoJudgementsError(folder, "votes", f"Collect some: likewise dreamsim judge {folder}")
    if len(found) < len(items):
        warnings.warn(UnvotedWarning(len(items) - len(found), len(items)), stacklevel=3)
    return found


def unseen(
    metric: Metric, items: Sequence[Triplet], folder: str | Path, apart_from: Iterable[str], what: str
) -> list[Triplet]:
    """The triplets that were in none of these splits when the metric was tuned, whichever folder they came from.

    Warns with SeenTripletsWarning of the others, which are left out `what`.
    """
    splits = list(apart_from)
    met = {mark for tuning in metric.about.get(KEY, ()) for split in splits for mark in tuning.get(split, ())}
    if not met:
        return list(items)
    found = [one for one, mark in zip(items, _marks(items, Path(folder)), strict=True) if mark not in met]
    if len(found) < len(items):
        warnings.warn(SeenTripletsWarning(len(items) - len(found), len(items), what), stacklevel=3)
    return found


def met(before: Metric, items: Sequence[Triplet], folder: str | Path) -> list[dict[str, Any]]:
    """What a metric that is tuned on these triplets, each with its split, has met, its earlier tunings included."""
    found: dict[str, set[str]] = {TRAIN: set(), VAL: set(), TEST: set()}
    for one, mark in zip(items, _marks(items, Path(folder)), strict=True):
        found[TEST if str(one.split).startswith(TEST) else str(one.split)].add(mark)
    return [*before.about.get(KEY, ()), {split: sorted(marks) for split, marks in found.items()}]


def _marks(items: Sequence[Triplet], folder: Path) -> list[str]:
    content = {name: checkpoint.hash_file(folder / name) for name in {one.reference for one in items}}
    return [checkpoint.hash_json([one.group, content[one.reference]])[:DIGITS] for one in items]
