"""What a person is asked next of triplets: questions in a random order and sides, sentinels and repeats among them."""

from collections.abc import Mapping, Sequence

import numpy as np

from likewise.dreamsim.room_settings import RoomSettings
from likewise.dreamsim.room_trials import Trial
from likewise.dreamsim.triplets import Triplet

APART = 5  # trials at least between a question and its repeat, where the block is long enough


def block(
    chosen: Sequence[tuple[str, Triplet]],
    everything: Sequence[Triplet],
    settings: RoomSettings,
    rng: np.random.Generator,
) -> list[Trial]:
    """The trials of one block over the chosen triplets (name, triplet).

    Sides are random for each question; of the sentinels' right answers as many are left as right, give or take one.
    """
    questions = [question(name, triplet, bool(rng.integers(2))) for name, triplet in chosen]
    order = [questions[index] for index in rng.permutation(len(questions))]
    again = [_repeat(one) for one in order[: min(settings.repeats, max(0, len(order) - APART))]]
    trials = _with_repeats(order, again, rng)
    for obvious in sentinels(everything, settings.sentinels, rng):
        trials.insert(int(rng.integers(len(trials) + 1)), obvious)
    return trials


def practice(everything: Sequence[Triplet], count: int, rng: np.random.Generator) -> list[Trial]:
    """Questions with an obvious answer, told apart from sentinels by their kind."""
    return [Trial("practice", *_rest(one)) for one in sentinels(everything, count, rng)]


def question(name: str, triplet: Triplet, swapped: bool) -> Trial:
    """A triplet as it is shown, its sides exchanged or not."""
    sides = (triplet.right, triplet.left) if swapped else (triplet.left, triplet.right)
    return Trial("question", (name,), (triplet.reference, *sides), (swapped,), (None,))


def sentinels(everything: Sequence[Triplet], count: int, rng: np.random.Generator) -> list[Trial]:
    """Questions in which one side is the reference itself, and the other a picture of another reference, if any."""
    if not count:
        return []
    picked = rng.choice(len(everything), size=count, replace=count > len(everything))
    lefts = rng.permutation(count) % 2 == 0
    return [_obvious(everything, int(index), bool(left), rng) for index, left in zip(picked, lefts, strict=True)]


def choose(
    counts: Mapping[str, int], triplets: Mapping[str, Triplet], seen: set[str], limit: int, rng: np.random.Generator
) -> list[tuple[str, Triplet]]:
    """The triplets to ask next: those with the fewest votes first, in random order among equals.

    counts: votes so far, with those in other people's open blocks, of the triplets that are still to be asked.
    """
    names = [name for name in counts if name not in seen]
    shuffled = [names[index] for index in rng.permutation(len(names))]
    return [(name, triplets[name]) for name in sorted(shuffled, key=counts.__getitem__)[:limit]]


def _obvious(everything: Sequence[Triplet], index: int, left: bool, rng: np.random.Generator) -> Trial:
    reference = everything[index].reference
    others = [one for one in everything if one.reference != reference]
    other = others[int(rng.integers(len(others)))].reference if others else everything[index].left
    sides = (reference, other) if left else (other, reference)
    return Trial("sentinel", (None,), (reference, *sides), (False,), ("left" if left else "right",))


def _repeat(one: Trial) -> Trial:
    reference, left, right = one.pictures
    return Trial("repeat", one.items, (reference, right, left), (not one.swapped[0],), (None,))


def _with_repeats(order: list[Trial], again: list[Trial], rng: np.random.Generator) -> list[Trial]:
    """Each repeat at a random place, at least APART trials behind its question."""
    trials = list(order)
    for one in again:
        first = next(place for place, asked in enumerate(trials) if asked.items == one.items)
        trials.insert(int(rng.integers(first + APART + 1, len(trials) + 1)), one)
    return trials


def _rest(one: Trial) -> tuple:
    return one.items, one.pictures, one.swapped, one.answers
