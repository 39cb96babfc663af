"""Pairs with the votes on them: can people tell the two pictures apart at a glance (just noticeable differences).

A data folder holds `pairs.jsonl`, one pair a line, and the pictures that it names.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from likewise.dreamsim.lines import Fields, read_lines, write_lines
from likewise.errors import NoJudgementsError

FILE = "pairs.jsonl"
_NEEDED = (
    'one JSON object a line with "first" and "second" (pictures, relative to the folder), "votes_same" and '
    '"votes_different" (whole numbers), and "split" (a name or null)'
)


@dataclass(frozen=True)
class Pair:
    """Two pictures and the votes on them. Pictures are POSIX paths relative to the data folder."""

    first: str
    second: str
    votes_same: int  # how many took the two for the same picture
    votes_different: int
    split: str | None
    group: str | None = None  # what belongs together in a split and in an interval; the first picture where None

    @property
    def votes(self) -> int:
        """How many votes there are."""
        return self.votes_same + self.votes_different

    @property
    def share(self) -> float:
        """The share of votes for "same", in [0, 1]; a half without any vote."""
        return self.votes_same / self.votes if self.votes else 0.5

    @property
    def unit(self) -> str:
        """What must not be cut in two by a split: the group, or the first picture."""
        return self.group if self.group is not None else self.first

    @property
    def pictures(self) -> tuple[str, str]:
        """First, second."""
        return (self.first, self.second)


def read(folder: str | Path, *, pictures: bool = True) -> list[Pair]:
    """The pairs of a data folder, in the order of its file.

    pictures: also see that each named picture is there. Raises NoJudgementsError without a file, JudgementFileError
    with the number of each line that cannot be used.
    """
    path = Path(folder) / FILE
    if not path.is_file():
        advice = "Give a data folder, or make one: likewise dreamsim make --task jnd --out DIR"
        raise NoJudgementsError(folder, FILE, advice)
    return read_lines(path, lambda fields: _pair(fields, Path(folder) if pictures else None), _NEEDED)


def write(folder: str | Path, pairs: Iterable[Pair]) -> None:
    """Write the pairs as a data folder's file, whole or not at all; their pictures are the caller's to put there."""
    write_lines(Path(folder) / FILE, pairs, may_lack="group")


def _pair(fields: Fields, folder: Path | None) -> Pair:
    first, second = (fields.picture(name, folder) for name in ("first", "second"))
    same, different = (fields.count(name) for name in ("votes_same", "votes_different"))
    found = Pair(first, second, same, different, fields.name("split"), fields.name("group"))
    fields.nothing_else()
    return found
