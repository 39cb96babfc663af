"""What is still to be asked of somebody: votes that count are counted, those that people are about to give too."""

from collections import Counter
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from likewise.dreamsim import quality
from likewise.dreamsim.making_rounds import open_
from likewise.dreamsim.room_log import Ledger
from likewise.dreamsim.room_tally import answers, tally

if TYPE_CHECKING:
    from likewise.dreamsim.room import Room
    from likewise.dreamsim.room_questions import Collected

FORGOTTEN = timedelta(hours=1)  # after which a block without an answer no longer keeps its questions from others


def wanted(room: "Room | Collected") -> dict[str, int]:
    """The items still to be asked of somebody, with their votes, those expected from open blocks included.

    With the unanimous filter, those whose votes are split are not. Votes of people whose answers broke a rule neither
    count nor split: a triplet that a random clicker spoilt is asked on as soon as they are found out.
    """
    flagged = quality.flagged(quality.people(answers(room.ledger, room.task)))
    votes, expected = tally(room.ledger, room.task, without=flagged), _expected(room.ledger, room.task, flagged)
    most, unanimous = room.settings.most, room.settings.unanimous and room.task == "2afc"
    found = {}
    for name in room.items:
        given = votes.get(name, (0, 0))
        if sum(given) + expected[name] < most and open_(*given, most, unanimous=unanimous):
            found[name] = sum(given) + expected[name]
    return found


def _expected(ledger: Ledger, task: str, without: AbstractSet[int]) -> Counter:
    """Votes that people are about to give: unanswered questions of blocks that are not forgotten."""
    since = (datetime.now(UTC) - FORGOTTEN).isoformat(timespec="milliseconds")
    blocks = (one for one in ledger.blocks.values() if one.task == task and one.person not in without)
    fresh = [one for one in blocks if one.touched >= since]
    return Counter(
        item
        for one in fresh
        for index in one.open
        for item, kind in zip(one.trials[index].items, one.trials[index].kinds, strict=True)
        if kind == "question"
    )
