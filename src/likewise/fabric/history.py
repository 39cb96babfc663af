"""A session's past: what happened, in order, and where one stands in it.

Rounds and votes are nodes of a tree; undo steps back to a node's parent, branch to a round. Nothing is ever taken out
of the log, and what holds now follows from the path from the root alone: an undone vote leaves no trace in what is
drawn next.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from likewise.errors import BrokenFileError, NothingToUndoError, UnknownRoundError


class _Event(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    when: str = ""
    who: str = ""


class Vote(_Event):
    """Somebody's word on a picture; sign 0 takes back what was said of it."""

    event: Literal["vote"] = "vote"
    # "2-3", the third picture of round 2, or "file-" and the start of the picture's hash
    what: str = Field(pattern=r"^(\d+-\d+|file-[0-9a-f]{12,64})$")
    sign: Literal[-1, 0, 1]
    weight: float = Field(1.0, ge=0, le=100)
    rating: int | None = None
    source: str | None = None  # the name of the file that it came from


class Cited(BaseModel):
    """A reference that had a part in a round."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    what: str
    id: str
    weight: float


class Drawn(BaseModel):
    """A picture of a round. pixels: the hash of its size and pixels."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    id: str
    seed: int
    pixels: str


class Used(BaseModel):
    """A concept that had a part in a round."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: str
    hash: str
    scale: float


class Round(_Event):
    """Pictures that were drawn, and all that they were drawn from."""

    event: Literal["round"] = "round"
    round: int  # its number in the session, from 1
    depth: int  # rounds before it on its path
    prompt: str
    seed: int
    settings: dict[str, Any]
    likes: list[Cited]
    dislikes: list[Cited]
    pictures: list[Drawn]
    concepts: list[Used] = Field(default_factory=list)
    metrics: dict[str, Any] = Field(default_factory=dict)


class Undo(_Event):
    """One step back."""

    event: Literal["undo"] = "undo"


class Branch(_Event):
    """Back to a round, as it was when it was drawn."""

    event: Literal["branch"] = "branch"
    round: int


Event = Annotated[Vote | Round | Undo | Branch, Field(discriminator="event")]
_EVENT: TypeAdapter[Vote | Round | Undo | Branch] = TypeAdapter(Event)


@dataclass(frozen=True)
class Node:
    """A round or a vote, and what came before it."""

    event: Vote | Round
    parent: "Node | None"


class History:
    """The tree of what happened, and the node where one stands (None: before the first round)."""

    def __init__(self) -> None:
        self.head: Node | None = None
        self._rounds: dict[int, Node] = {}
        self.last_word: tuple[int, Vote] | None = None  # the last vote, or what holds after an undo; its line from 1
        self.length = 0

    def check(self, event: Vote | Round | Undo | Branch) -> None:
        """NothingToUndoError or UnknownRoundError if it cannot happen now."""
        if isinstance(event, Undo) and self.head is None:
            raise NothingToUndoError
        if isinstance(event, Branch):
            self.node(event.round)

    def apply(self, event: Vote | Round | Undo | Branch) -> None:
        """Let it have happened; raises as check does, and then it has not."""
        self.check(event)
        self.length += 1
        if isinstance(event, Undo):
            undone, self.head = self._head().event, self._head().parent
            if isinstance(undone, Vote):  # what was said of the picture before holds again
                left = self.votes().get(undone.what) or undone.model_copy(update={"sign": 0})
                self.last_word = (self.length, left.model_copy(update={"who": event.who, "when": event.when}))
        elif isinstance(event, Branch):
            self.head = self.node(event.round)
        else:
            self.head = Node(event, self.head)
        if isinstance(event, Round):
            self._rounds[event.round] = self._head()
        if isinstance(event, Vote):
            self.last_word = (self.length, event)

    def _head(self) -> Node:
        assert self.head is not None
        return self.head

    def node(self, number: int) -> Node:
        """A round of any branch; UnknownRoundError."""
        if number not in self._rounds:
            raise UnknownRoundError(number, self._rounds)
        return self._rounds[number]

    def path(self) -> list[Vote | Round]:
        """What holds now, oldest first."""
        events, node = [], self.head
        while node is not None:
            events.append(node.event)
            node = node.parent
        return events[::-1]

    def rounds(self) -> list[Round]:
        """The rounds that led here, oldest first."""
        return [event for event in self.path() if isinstance(event, Round)]

    def all_rounds(self) -> list[Round]:
        """Every round that was ever drawn, undone and of other branches too, in order."""
        return [node.event for node in self._rounds.values() if isinstance(node.event, Round)]

    def votes(self) -> dict[str, Vote]:
        """The last word on each picture that holds now; those said last come last, those taken back not at all."""
        found: dict[str, Vote] = {}
        for event in self.path():
            if isinstance(event, Vote):
                found.pop(event.what, None)
                found |= {event.what: event} if event.sign else {}
        return found

    def side(self, sign: int) -> Iterator[Vote]:
        """The votes of one sign."""
        return (vote for vote in self.votes().values() if vote.sign == sign)


def parse(lines: Sequence[dict[str, Any]], path: Path) -> History:
    """The history that a log tells; BrokenFileError names the line that is no event, or cannot have happened."""
    history = History()
    for number, line in enumerate(lines, start=1):
        try:
            history.apply(_EVENT.validate_python(line))
        except ValidationError as error:
            detail = error.errors()[0]
            where = ".".join(map(str, detail["loc"][1:])) or "event"
            raise BrokenFileError(path, f"line {number}: {where}: {detail['msg']}", ADVICE) from error
        except (NothingToUndoError, UnknownRoundError) as error:
            raise BrokenFileError(path, f"line {number} cannot have happened ({error})", ADVICE) from error
    return history


ADVICE = "Mend or remove that line and those after it; the pictures of earlier rounds are intact."
