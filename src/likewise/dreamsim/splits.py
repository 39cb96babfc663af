"""Which triplets are learned from, which choose the epoch, which are kept for the last word: whole groups, never rows.

Questions about one reference, one typeface or one person's are alike; were they on both sides of a split, remembering
them would pass for having learned.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from likewise import seeds
from likewise.dreamsim.triplets import Triplet
from likewise.errors import SplitError

TRAIN, VAL, TEST = "train", "val", "test"


def assign(triplets: Sequence[Triplet], val: float = 0.1, test: float = 0.2, seed: int = 0) -> list[Triplet]:
    """Triplets with a split each; those that have one keep it, the others are dealt out by their units.

    val, test: shares of the units that have no split yet. SplitError where some have one and others not, or where
    there are too few units for three parts.
    """
    given = {one.split for one in triplets}
    if None not in given:
        return list(triplets)
    if len(given) > 1:
        raise SplitError("triplets with a split and triplets without", "give all of them one, or none")
    units = sorted({one.unit for one in triplets})
    if len(units) < 3:
        raise SplitError(f"{len(units)} reference(s) or group(s)", "at least 3 are needed, one a part")
    order = seeds.numpy_stream(seed, "split").permutation(len(units))
    ends = [max(1, round(share * len(units))) for share in (test, val)]
    names = [TEST] * ends[0] + [VAL] * ends[1]
    names += [TRAIN] * (len(units) - len(names))
    part = {units[place]: name for place, name in zip(order, names, strict=False)}
    return [replace(one, split=part[one.unit]) for one in triplets]


def folds(units: Sequence[str], count: int, seed: int = 0) -> np.ndarray:
    """A fold number in 0 .. count - 1 for each row, whole units together, (N,); SplitError for fewer units."""
    names, codes = np.unique(np.asarray(units), return_inverse=True)
    if len(names) < count:
        raise SplitError(f"{len(names)} group(s)", f"{count} folds need at least as many")
    order = seeds.numpy_stream(seed, "folds").permutation(len(names))
    number = np.empty(len(names), dtype=np.int64)
    number[order] = np.arange(len(names)) % count
    return number[codes]


def parts(triplets: Sequence[Triplet]) -> dict[str, list[Triplet]]:
    """The triplets by split; any whose split starts with "test" (NIGHTS has two) is tested on."""
    found: dict[str, list[Triplet]] = {TRAIN: [], VAL: [], TEST: []}
    for one in triplets:
        name = TEST if str(one.split).startswith(TEST) else str(one.split)
        if name not in found:
            raise SplitError(f"a split called {one.split!r}", "train, val and test are known")
        found[name].append(one)
    return found
