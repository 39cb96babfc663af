"""Who sat in a room, what they were asked and what they answered: appended line by line, each forced to the disk.

The log is all that a room remembers. A judgement is written once for each trial of each block, however often it is
sent; one process at a time may write, which a lock on a file beside the log sees to, and a kill releases.
"""

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from threading import RLock
from typing import Any

from pydantic import BaseModel

from likewise import locking
from likewise.checkpoint import hash_json
from likewise.dreamsim.room_trials import Trial, trial
from likewise.errors import JudgementFileError, RoomTakenError
from likewise.records import Events

LOG = "judging/log.jsonl"
LOCK = "judging/lock"


@dataclass(frozen=True)
class Person:
    """Somebody who judges."""

    number: int  # from 1, in order of arrival; what exports call them by
    name: str
    keys: tuple[str, ...]  # the secrets of the browsers that they sat at, the latest last


@dataclass
class Block:
    """Trials that one person was given between two breaks, and their answers so far, by trial number."""

    number: int
    person: int
    task: str
    practice: bool
    trials: list[Trial]
    judged: dict[int, Mapping[str, Any]] = field(default_factory=dict)
    touched: str = ""  # time of the last answer, or of its beginning

    @property
    def open(self) -> list[int]:
        """The trials without an answer, in order."""
        return [index for index in range(len(self.trials)) if index not in self.judged]


class Ledger:
    """The log of a data folder, read into memory; with `writing`, also where it goes on."""

    def __init__(self, folder: str | Path, *, writing: bool = False) -> None:
        """Raises RoomTakenError where another process writes it, JudgementFileError for lines of another kind."""
        self.path = Path(folder) / LOG
        self.room = ""  # what browsers tell this room from any other by; "" before the first line
        self.people: dict[int, Person] = {}
        self.blocks: dict[int, Block] = {}
        self.order: list[tuple[int, int]] = []  # (block, trial) of each judgement, as they came
        self.settings: dict[str, dict[str, Any]] = {}  # of the last room of each task
        self.guard = RLock()
        self._events = Events(self.path)
        self._lock = _take(Path(folder) / LOCK, folder) if writing else None
        for number, event in enumerate(self._events.read(), start=1):
            try:
                self._apply(event)
            except (KeyError, TypeError, ValueError) as error:
                problem = f"line {number}: it is no event of a room ({type(error).__name__}: {error})"
                raise JudgementFileError(self.path, [problem], "the log as rooms write it") from error

    def opened(self, task: str, settings: BaseModel) -> None:
        """Note under which settings a task goes on, if they changed."""
        chosen = settings.model_dump(mode="json")
        if self.settings.get(task) != chosen:
            self._write({"event": "room", "task": task, "settings": chosen})

    def arrive(self, name: str, key: str) -> Person:
        """Somebody new, or somebody known at another browser (the same name, another key)."""
        with self.guard:
            known = self.named(name)
            number = known.number if known else len(self.people) + 1
            self._write({"event": "person", "person": number, "name": name, "key": key})
            return self.people[number]

    def begin(self, person: int, task: str, trials: list[Trial], *, practice: bool = False) -> Block:
        """A block for a person, written before its first trial can be shown."""
        with self.guard:
            number = len(self.blocks) + 1
            shown = [one.record() for one in trials]
            event = {"event": "block", "block": number, "person": person, "task": task, "practice": practice}
            self._write({**event, "trials": shown})
            return self.blocks[number]

    def judge(self, block: int, index: int, answer: list[str], ms: list[float], timing: Mapping[str, Any]) -> bool:
        """Write a judgement; False, and nothing is written, where the trial has one."""
        with self.guard:
            if index in self.blocks[block].judged:
                return False
            event = {"event": "judgement", "block": block, "trial": index, "answer": answer, "ms": ms}
            self._write({**event, "timing": dict(timing)})
            return True

    def named(self, name: str) -> Person | None:
        """The person of this name, whatever its capitals."""
        return next((one for one in self.people.values() if one.name.casefold() == name.casefold()), None)

    def close(self) -> None:
        """Let another process write the log."""
        self._events.close()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _write(self, event: dict[str, Any]) -> None:
        assert self._lock is not None, "a ledger that was opened to read"
        event["at"] = datetime.now(UTC).isoformat(timespec="milliseconds")
        if not self.room:
            event["id"] = secrets.token_hex(6)
        self._events.append(event)
        self._events.sync()
        self._apply(event)

    def _apply(self, event: Mapping[str, Any]) -> None:
        self.room = self.room or event.get("id") or hash_json(event)[:12]  # logs of before have no id
        if event["event"] == "person":
            before = self.people.get(event["person"], Person(0, "", ())).keys
            self.people[event["person"]] = Person(event["person"], event["name"], (*before, event["key"]))
        elif event["event"] == "block":
            trials = [trial(one) for one in event["trials"]]
            block = Block(event["block"], event["person"], event["task"], event["practice"], trials)
            block.touched = event["at"]
            self.blocks[block.number] = block
        elif event["event"] == "judgement":
            block = self.blocks[event["block"]]
            if event["trial"] not in block.judged:
                block.judged[event["trial"]] = event
                block.touched = event["at"]
                self.order.append((block.number, event["trial"]))
        elif event["event"] == "room":
            self.settings[event["task"]] = event["settings"]
        else:
            raise ValueError(f"unknown event {event['event']!r}")


def _take(path: Path, folder: str | Path) -> int:
    """The lock, held until it is closed or this process ends."""
    handle = locking.opened(path)
    if not locking.took(handle):
        os.close(handle)
        raise RoomTakenError(folder)
    return handle
