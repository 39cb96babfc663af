"""Triplets with the votes on them: which of two pictures is more like a reference, as people saw it.

A data folder holds `triplets.jsonl`, one triplet a line, and the pictures that it names.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from likewise.dreamsim.lines import Fields, read_lines, write_lines
from likewise.errors import NoJudgementsError

FILE = "triplets.jsonl"
_NEEDED = (
    'one JSON object a line with "reference", "left" and "right" (pictures, relative to the folder), "votes_left" and '
    '"votes_right" (whole numbers), and "split" (a name or null)'
)


@dataclass(frozen=True)
class Triplet:
    """One question and its votes. Pictures are POSIX paths relative to the data folder."""

    reference: str
    left: str
    right: str
    votes_left: int  # how many found the left picture more like the reference
    votes_right: int
    split: str | None  # such as "train", "val" or "test"; None before it was split
    group: str | None = None  # what belongs together in a split and in an interval; the reference where None

    @property
    def votes(self) -> int:
        """How many votes there are."""
        return self.votes_left + self.votes_right

    @property
    def share(self) -> float:
        """The share of votes for the right picture, in [0, 1]; a half without any vote."""
        return self.votes_right / self.votes if self.votes else 0.5

    @property
    def unanimous(self) -> bool:
        """Whether all votes agree; True without any."""
        return not (self.votes_left and self.votes_right)

    @property
    def unit(self) -> str:
        """What must not be cut in two by a split: the group, or the reference."""
        return self.group if self.group is not None else self.reference

    @property
    def pictures(self) -> tuple[str, str, str]:
        """Reference, left, right."""
        return (self.reference, self.left, self.right)


def read(folder: str | Path, *, pictures: bool = True) -> list[Triplet]:
    """The triplets of a data folder, in the order of its file.

    pictures: also see that each named picture is there. Raises NoJudgementsError without a file, JudgementFileError
    with the number of each line that cannot be used.
    """
    path = Path(folder) / FILE
    if not path.is_file():
        raise NoJudgementsError(folder, FILE, "Give a data folder, or make one: likewise dreamsim make --out DIR")
    return read_lines(path, lambda fields: _triplet(fields, Path(folder) if pictures else None), _NEEDED)


def write(folder: str | Path, triplets: Iterable[Triplet]) -> None:
    """Write the triplets as a data folder's file, whole or not at all; their pictures are the caller's to put there."""
    write_lines(Path(folder) / FILE, triplets, may_lack="group")


def _triplet(fields: Fields, folder: Path | None) -> Triplet:
    reference, left, right = (fields.picture(name, folder) for name in ("reference", "left", "right"))
    votes_left, votes_right = (fields.count(name) for name in ("votes_left", "votes_right"))
    found = Triplet(reference, left, right, votes_left, votes_right, fields.name("split"), fields.name("group"))
    fields.nothing_else()
    return found
