"""A room's log as votes: on each triplet or pair, by whom, and with what response time."""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from likewise.dreamsim.room_log import Ledger

ORDER = {"2afc": ("left", "right"), "jnd": ("same", "different")}  # how the two counts of an item are ordered
_OTHER = {"left": "right", "right": "left"}


@dataclass(frozen=True)
class Answer:
    """One answer to one question, as it is counted."""

    person: int
    kind: str  # "question", "sentinel", "repeat" or "practice"
    item: str | None  # the name of a triplet or pair
    choice: str  # in the item's own order: a triplet's sides are put back
    shown: str  # what was pressed: "left" is the left one on the screen
    right: str | None  # what should have been pressed, for sentinels and practice
    ms: float  # from all pictures shown (or the question asked) to the key
    late: bool  # a picture came or went a frame or more off its time
    block: int
    trial: int

    @property
    def correct(self) -> bool | None:
        """Whether it is right, where something is."""
        return None if self.right is None else self.shown == self.right


def answers(ledger: Ledger, task: str) -> Iterator[Answer]:
    """All answers of a task in the order in which they came; a sequence of two pairs gives two."""
    for number, index in ledger.order:
        block = ledger.blocks[number]
        if block.task != task:
            continue
        trial, event = block.trials[index], block.judged[index]
        late = bool(event["timing"].get("late", False))
        for place, (kind, item, shown) in enumerate(zip(trial.kinds, trial.items, event["answer"], strict=True)):
            choice = (_OTHER.get(shown) or shown) if trial.swapped[place] else shown
            right, ms = trial.answers[place], event["ms"][place]
            yield Answer(block.person, kind, item, choice, shown, right, ms, late, number, index)


def tally(ledger: Ledger, task: str, *, without: AbstractSet[int] = frozenset()) -> dict[str, tuple[int, int]]:
    """The votes on each item, (left, right) or (same, different).

    Sentinels, repeats, practice and sequences shown late do not count, nor do the people in `without`; two answers of
    one person to one item count once. How many votes an item may have only decides what is asked next.
    """
    votes: dict[str, list[str]] = {}
    seen: set[tuple[int, str]] = set()
    for one in answers(ledger, task):
        if one.kind != "question" or one.late or one.person in without or (one.person, one.item) in seen:
            continue
        assert one.item is not None, "a question is of a triplet or pair"
        seen.add((one.person, one.item))
        votes.setdefault(one.item, []).append(one.choice)
    first, second = ORDER[task]
    return {item: (given.count(first), given.count(second)) for item, given in votes.items()}
