"""Where a session's files are, and how a picture of it is called.

session.json          the prompt, model, concepts, seed and settings that it began with
events.jsonl          rounds, votes, undos and branches, appended as they happen
rounds/0002/3.png     picture 2-3, with its settings in it
files/1f0c....png     a picture from outside that was voted on, as it was then
sheet.png             the rounds that led here, with what was said of each picture
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from PIL.Image import Image
from pydantic import BaseModel, ConfigDict, ValidationError

from likewise import checkpoint, disk, images
from likewise.errors import BrokenFileError, SessionExistsError, SessionMissingError
from likewise.fabric.references import Reference, reference

CARD, EVENTS, SHEET = "session.json", "events.jsonl", "sheet.png"
_RESULT = re.compile(r"(\d+)-(\d+)")
_FILE = re.compile(r"file-([0-9a-f]{12,64})")


class Lent(BaseModel):
    """A concept of every round, and where it was."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str
    name: str
    hash: str


class Card(BaseModel):
    """What a session began with."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    id: str
    prompt: str
    seed: int
    backbone: str  # as it was asked for
    backbone_hash: str
    concepts: list[Lent]
    encoder: str
    target: str | None
    settings: dict[str, Any]


class Shelf:
    """The folder of one session."""

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)

    @property
    def card(self) -> Path:
        """What the session began with."""
        return self.folder / CARD

    @property
    def events(self) -> Path:
        """The log of all that happened."""
        return self.folder / EVENTS

    @property
    def sheet(self) -> Path:
        """The contact sheet."""
        return self.folder / SHEET

    @property
    def taken(self) -> bool:
        """Whether a session is here."""
        return self.card.is_file()

    @contextmanager
    def claimed(self) -> Iterator[None]:
        """Within this scope the card is written, by one of several programs that begin here; SessionExistsError."""
        with disk.writing(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            try:
                self.card.touch(exist_ok=False)
            except FileExistsError as error:
                raise SessionExistsError(self.folder, True) from error
        try:
            yield
        except BaseException:
            self.card.unlink(missing_ok=True)
            raise

    def read_card(self) -> Card:
        """What the session began with. SessionMissingError, BrokenFileError."""
        if not self.taken:
            raise SessionMissingError(self.folder)
        try:
            return Card.model_validate(checkpoint.read_json(self.card))
        except ValidationError as error:
            first = error.errors()[0]
            reason = f"it is no session that this version knows ({'.'.join(map(str, first['loc']))}: {first['msg']})"
            raise BrokenFileError(self.card, reason) from error

    def round(self, number: int) -> Path:
        """The folder of a round's pictures."""
        return self.folder / "rounds" / f"{number:04d}"

    def path(self, what: str) -> Path:
        """The file of a picture by its name in votes."""
        result, file = _RESULT.fullmatch(what), _FILE.fullmatch(what)
        assert result or file, f"{what!r} is no name of a picture"
        return self.round(int(result[1])) / f"{result[2]}.png" if result else self.folder / "files" / f"{what[5:]}.png"

    def keep(self, picture: Image) -> str:
        """Keep a picture from outside, and say what it is called here: the same picture is kept once."""
        what = f"file-{Reference(picture).id[:16]}"
        if not self.path(what).is_file():
            images.write_png(self.path(what), picture)
        return what

    def reference(self, what: str, weight: float, id: str | None = None) -> Reference:
        """A picture of the session as a reference; BrokenFileError if it is not the one of this id."""
        found = reference(self.path(what), weight)
        wanted = id or (what[5:] if what.startswith("file-") else "")
        if not found.id.startswith(wanted):
            raise BrokenFileError(self.path(what), "its pixels are not those that were voted on", "Put it back.")
        return found
