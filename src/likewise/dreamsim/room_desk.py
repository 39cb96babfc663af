"""What the owner of a room wants to know: how far it is, who judged how well, how far people agree; and the votes."""

import csv
import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from likewise.dreamsim import agreement, quality
from likewise.dreamsim.making_rounds import kept
from likewise.dreamsim.room_tally import answers, tally
from likewise.dreamsim.room_wanted import wanted

if TYPE_CHECKING:
    from likewise.dreamsim.room import Room
    from likewise.dreamsim.room_questions import Collected

DRAWS = 500  # of a bootstrap that a page waits for
COLUMNS = (
    "person", "task", "kind", "item", "pictures", "choice", "pressed", "right", "ms", "late", "block", "trial", "at",
)  # fmt: skip


def report(room: "Room | Collected") -> dict[str, Any]:
    """Progress, people and agreement as JSON values."""
    with room.ledger.guard:  # what takes longer is computed after it, so that answers need not wait for a desk
        qualities = quality.people(answers(room.ledger, room.task))
        votes = tally(room.ledger, room.task, without=quality.flagged(qualities))
        names = {one.number: one.name for one in room.ledger.people.values()}
        still = len(wanted(room))
    least = room.settings.agreeing
    return {
        "task": room.task,
        "questions": len(room.items),
        "wanted": room.settings.most,
        "open": still,
        "votes": sum(map(sum, votes.values())),
        "kept": sum(min(pair) == 0 and sum(pair) >= least for pair in votes.values()) if room.task == "2afc" else None,
        "people": [{"name": names[person], **asdict(one), "flagged": one.flagged} for person, one in qualities.items()],
        "agreement": agreed(list(votes.values()), room.task),
    }


def agreed(counts: Sequence[tuple[int, int]], task: str) -> dict[str, Any] | None:
    """Agreement with intervals over the items with two votes and more; None where there are fewer than two."""
    both = [pair for pair in counts if sum(pair) >= 2]
    if len(both) < 2:
        return None
    measures = {"percent": agreement.percent, "kappa": agreement.fleiss_kappa, "alpha": agreement.krippendorff_alpha}
    found = {name: agreement.with_interval(one, both, draws=DRAWS) for name, one in measures.items()}
    if task == "2afc":
        found["ceiling"] = agreement.ceiling(both)
    split = sum(min(pair) > 0 for pair in both)
    return {"items": len(both), "split": split, **{name: asdict(one) for name, one in found.items()}}


def voted(room: "Room | Collected", *, everyone: bool = False) -> list[Any]:
    """The triplets or pairs with the votes of the log in place of those that they had.

    Votes of people whose answers broke a rule count only with `everyone`. One that nobody was asked about has none.
    """
    without = frozenset() if everyone else quality.flagged(quality.people(answers(room.ledger, room.task)))
    votes = tally(room.ledger, room.task, without=without)
    fields = ("votes_left", "votes_right") if room.task == "2afc" else ("votes_same", "votes_different")
    counts = [votes.get(name, (0, 0)) for name in room.items]
    pairs = zip(room.items.values(), counts, strict=True)
    return [replace(one, **dict(zip(fields, count, strict=True))) for one, count in pairs]


def export(room: "Room | Collected", name: str) -> tuple[str, str] | None:
    """A file to take along: its text and its type; None for a name that is none.

    votes.csv holds every answer. triplets.jsonl or pairs.jsonl hold the votes of people who are not flagged, without
    the items that have none; kept.jsonl those triplets on which as many as `agreeing` agreed, and nobody else did not.
    """
    with room.ledger.guard:
        if name == "votes.csv":
            return answers_csv(room), "text/csv"
        found = [one for one in voted(room) if one.votes]
    if name == ("triplets.jsonl" if room.task == "2afc" else "pairs.jsonl"):
        return _lines(found), "application/jsonl"
    if name == "kept.jsonl" and room.task == "2afc":
        return _lines(kept(found, room.settings.agreeing)), "application/jsonl"
    return None


def answers_csv(room: "Room | Collected") -> str:
    """Every answer, one a row, people by number: nobody's name leaves with the votes."""
    text = StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(COLUMNS)
    for one in answers(room.ledger, room.task):
        event = room.ledger.blocks[one.block].judged[one.trial]
        asked = None if one.item is None else room.items.get(one.item)
        pictures = "" if asked is None else " ".join(map(_word, asked.pictures))
        facts = (one.kind, one.item or "", pictures, one.choice, one.shown, one.right or "", f"{one.ms:.1f}")
        table.writerow((one.person, room.task, *facts, int(one.late), one.block, one.trial, event["at"]))
    return text.getvalue()


def _word(path: str) -> str:
    return Path(path).as_posix().replace(" ", "%20")


def _lines(items: Sequence[Any]) -> str:
    return "".join(json.dumps(asdict(one), ensure_ascii=False) + "\n" for one in items)
