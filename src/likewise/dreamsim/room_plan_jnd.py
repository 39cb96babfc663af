"""What a person is shown next of pairs: interleaved A1 B1 A2 B2, half of all pairs one picture twice."""

from collections.abc import Mapping, Sequence

import numpy as np

from likewise.dreamsim.jnd import Pair
from likewise.dreamsim.room_trials import Kind, Trial

Shown = tuple[Kind, str | None, tuple[str, str], bool, str | None]  # kind, item, pictures, swapped, right answer


def block(chosen: Sequence[tuple[str, Pair]], spare: Sequence[str], rng: np.random.Generator) -> list[Trial]:
    """As many sequences as chosen pairs: each chosen pair once, and as many pairs of one spare picture twice.

    No picture is used in two pairs. Of the identical pairs half are first in their sequence, give or take one.
    """
    assert len(spare) >= len(chosen), "a spare picture for each pair"
    asked = [_asked(name, pair, bool(rng.integers(2))) for name, pair in chosen]
    same: list[Shown] = [("sentinel", None, (one, one), False, "same") for one in spare[: len(chosen)]]
    pairs = [asked[index] for index in rng.permutation(len(asked))]
    half = (len(same) + 1) // 2
    first, second = same[:half] + pairs[half:], same[half:] + pairs[:half]
    firsts = [first[index] for index in rng.permutation(len(first))]
    seconds = [second[index] for index in rng.permutation(len(second))]
    return [_sequence(a, b) for a, b in zip(firsts, seconds, strict=True)]


def practice(pictures: Sequence[str], count: int, rng: np.random.Generator) -> list[Trial]:
    """Sequences of one identical pair and one of two quite different pictures, as far as the pictures reach."""
    order = [pictures[int(index)] for index in rng.permutation(len(pictures))]
    trials = []
    for start in range(0, min(count, len(order) // 3) * 3, 3):
        same: Shown = ("practice", None, (order[start], order[start]), False, "same")
        apart: Shown = ("practice", None, (order[start + 1], order[start + 2]), False, "different")
        trials.append(_sequence(same, apart) if rng.integers(2) else _sequence(apart, same))
    return trials


def choose(
    counts: Mapping[str, int], pairs: Mapping[str, Pair], seen: set[str], limit: int, rng: np.random.Generator
) -> tuple[list[tuple[str, Pair]], list[str]]:
    """Pairs to ask next, no picture in two of them, and as many other pictures to be shown twice.

    Fewest votes first. There are fewer than `limit` where the pictures do not suffice.
    """
    everything = sorted({picture for pair in pairs.values() for picture in pair.pictures})
    names = [name for name in counts if name not in seen]
    shuffled = [names[index] for index in rng.permutation(len(names))]
    used: set[str] = set()
    chosen: list[tuple[str, Pair]] = []
    for name in sorted(shuffled, key=counts.__getitem__):
        pictures = set(pairs[name].pictures)
        enough = len(everything) - len(used | pictures) > len(chosen)  # pictures left for identical pairs
        if len(chosen) < limit and enough and not used & pictures:
            used |= pictures
            chosen.append((name, pairs[name]))
    spare = [picture for picture in everything if picture not in used]
    return chosen, [spare[index] for index in rng.permutation(len(spare))[: len(chosen)]]


def _asked(name: str, pair: Pair, swapped: bool) -> Shown:
    pictures = (pair.second, pair.first) if swapped else (pair.first, pair.second)
    return ("question", name, pictures, swapped, None)


def _sequence(a: Shown, b: Shown) -> Trial:
    shown = (a[2][0], b[2][0], a[2][1], b[2][1])
    return Trial((a[0], b[0]), (a[1], b[1]), shown, (a[3], b[3]), (a[4], b[4]))
