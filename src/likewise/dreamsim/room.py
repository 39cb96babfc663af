"""A room in which several people judge the pictures of a data folder at once; it knows nothing of browsers.

Everything it knows is in the log: closing a tab, killing the server or opening the room again loses and doubles
nothing. A studio can embed it: `room_pages.Pages(room)` answers requests, whoever serves them.
"""

import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from likewise import seeds
from likewise.dreamsim import room_plan, room_plan_jnd
from likewise.dreamsim.jnd import Pair
from likewise.dreamsim.room_log import Block, Ledger, Person
from likewise.dreamsim.room_questions import questions
from likewise.dreamsim.room_settings import RoomSettings, Task
from likewise.dreamsim.room_trials import Trial
from likewise.dreamsim.room_wanted import wanted
from likewise.dreamsim.triplets import Triplet
from likewise.errors import JudgementError, NameKnownError, TooFewPicturesError

CHOICES = {"2afc": ("left", "right"), "jnd": ("same", "different")}
ANSWERS = {"2afc": 1, "jnd": 2}  # of one trial
NAME = 60  # characters of a name at most


class Room:
    """One task over one data folder. Close it, or use it in a `with`."""

    def __init__(self, folder: str | Path, settings: RoomSettings | None = None, task: Task | None = None) -> None:
        """task: by default 2afc where there are triplets, otherwise jnd.

        Raises NoJudgementsError and JudgementFileError of the data, TooFewPicturesError, RoomTakenError.
        """
        self.folder, self.settings = Path(folder), settings or RoomSettings()
        self.task, self.items = questions(self.folder, task)
        pictures = {name for one in self.items.values() for name in one.pictures}
        _enough(self.folder, self.task, len(self.items), pictures)
        self.ledger = Ledger(self.folder, writing=True)
        self.ledger.opened(self.task, self.settings)

    def __enter__(self) -> "Room":
        return self

    def __exit__(self, *failure: object) -> None:
        self.close()

    def close(self) -> None:
        """Let others collect judgements of this folder."""
        self.ledger.close()

    def enter(self, name: str, *, again: bool = False) -> Person:
        """Somebody at a new browser. again: they say that they have been here under this name before."""
        name = " ".join(name.split())
        if not name or len(name) > NAME or not name.isprintable():
            raise JudgementError(f"the name {name[:NAME]!r}", f"a name of 1 to {NAME} letters")
        with self.ledger.guard:
            if self.ledger.named(name) and not again:
                raise NameKnownError(name)
            return self.ledger.arrive(name, secrets.token_urlsafe(18))

    def known(self, key: str) -> Person | None:
        """The person whose browser has this key."""
        given = key.encode("utf-8", "backslashreplace")
        people = list(self.ledger.people.values())
        return next((p for p in people for own in p.keys if secrets.compare_digest(own.encode(), given)), None)

    def block(self, person: Person) -> Block | None:
        """The person's unfinished block, if any."""
        mine = (one for one in self.ledger.blocks.values() if one.person == person.number and one.task == self.task)
        return next((one for one in mine if one.open), None)

    def begin(self, person: Person) -> Block | None:
        """The unfinished block, or a new one; None when nothing is left to ask this person."""
        with self.ledger.guard:
            if unfinished := self.block(person):
                return unfinished
            mine = [b for b in self.ledger.blocks.values() if b.person == person.number and b.task == self.task]
            rng = seeds.numpy_stream(self.settings.seed, "room", self.task, person.number, len(mine))
            if not mine and (trials := self._practice(rng)):
                return self.ledger.begin(person.number, self.task, trials, practice=True)
            trials = self._trials(person, rng)
            return self.ledger.begin(person.number, self.task, trials) if trials else None

    def judge(
        self, person: Person, block: int, index: int, answer: list[str], ms: list[float], timing: Mapping[str, Any]
    ) -> bool:
        """Keep a judgement: one answer and response time in milliseconds for a triplet, two for a sequence.

        False where the trial has a judgement already, whoever sent it twice. Raises JudgementError.
        """
        found = self.ledger.blocks.get(block)
        if found is None or found.person != person.number or not 0 <= index < len(found.trials):
            raise JudgementError(f"block {block}, trial {index}", "a trial that this person was given")
        count, choices = ANSWERS[found.task], CHOICES[found.task]
        if len(answer) != count or any(one not in choices for one in answer):
            raise JudgementError(f"the answer {answer!r}", f"{count} of {' and '.join(choices)}")
        if len(ms) != count or not all(0 <= one < 1e9 for one in ms):
            raise JudgementError(f"the times {ms!r}", f"{count} numbers of milliseconds")
        return self.ledger.judge(block, index, answer, ms, timing)

    def wanted(self) -> dict[str, int]:
        """The items still to be asked of somebody, with their votes, those expected from open blocks included."""
        return wanted(self)

    def progress(self, person: Person) -> dict[str, int]:
        """What this person has answered, practice aside, in how many finished blocks."""
        mine = [one for one in self.ledger.blocks.values() if one.person == person.number and not one.practice]
        return {"answers": sum(len(one.judged) for one in mine), "blocks": sum(not one.open for one in mine)}

    @property
    def _triplets(self) -> Mapping[str, Triplet]:
        return cast(Mapping[str, Triplet], self.items)  # where the task is 2afc

    def _practice(self, rng: Any) -> list[Trial]:
        if self.task == "2afc":
            return room_plan.practice(list(self._triplets.values()), self.settings.practice, rng)
        pictures = sorted({picture for one in self.items.values() for picture in one.pictures})
        return room_plan_jnd.practice(pictures, self.settings.practice, rng)

    def _trials(self, person: Person, rng: Any) -> list[Trial]:
        seen, counts = self._seen(person), self.wanted()
        if self.task == "2afc":
            chosen = room_plan.choose(counts, self._triplets, seen, self.settings.block, rng)
            return room_plan.block(chosen, list(self._triplets.values()), self.settings, rng) if chosen else []
        limit = self.settings.sequences
        chosen, spare = room_plan_jnd.choose(counts, cast(Mapping[str, Pair], self.items), seen, limit, rng)
        return room_plan_jnd.block(chosen, spare, rng)

    def _seen(self, person: Person) -> set[str]:
        mine = (one for one in self.ledger.blocks.values() if one.person == person.number)
        return {item for one in mine for trial in one.trials for item in trial.items if item is not None}


def _enough(folder: Path, task: Task, count: int, pictures: set[str]) -> None:
    if not count:
        raise TooFewPicturesError(folder, "no question", "at least one triplet or pair is needed to ask about")
    if task == "jnd" and len(pictures) < 3:
        needed = "at least three are needed, as one is shown twice beside each pair"
        raise TooFewPicturesError(folder, f"{len(pictures)} picture(s)", needed)
