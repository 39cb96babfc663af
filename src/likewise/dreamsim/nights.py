"""NIGHTS, the data set of DreamSim, read as triplets: columns by name, in whatever order they stand.

The released `data.csv` gives each triplet's winner and number of votes, not the votes of each side: kept triplets were
unanimous. `nights_raw.csv`, the set before filtering, gives shares. Both forms are read.
"""

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

from likewise.dreamsim.triplets import Triplet
from likewise.errors import BrokenFileError, JudgementFileError, NoJudgementsError

FILES = ("data.csv", "nights_raw.csv")
LEAST = 6  # votes; the published loader drops triplets with fewer, which leaves 13,900 / 1,720 / 1,824 of 20,019
COLUMNS = ("left_vote", "right_vote", "votes", "ref_path", "left_path", "right_path")
_NEEDED = f"a header with {', '.join(COLUMNS)}, and one triplet a row"
_WHOLE = 1e-3  # how far a share times its votes may lie from a whole number, as shares are rounded

Part = Literal["all", "imagenet", "other"]


def read(
    folder: str | Path, *, least: int = LEAST, split: str | None = None, part: Part = "all", pictures: bool = True
) -> list[Triplet]:
    """The triplets with at least `least` votes, of one split or of all.

    folder: with data.csv or nights_raw.csv and the pictures, or such a file itself. part: only those whose prompt is an
    ImageNet category, or only the others. pictures: see that each is there. Raises NoJudgementsError,
    JudgementFileError with line numbers, BrokenFileError.
    """
    path = _file(Path(folder))
    found, problems = [], []
    for number, row in _rows(path):
        try:
            one, imagenet = _triplet(row, path.parent if pictures else None)
        except ValueError as error:
            problems.append(f"line {number}: {error}")
            continue
        fits = part == "all" or imagenet is (part == "imagenet")
        if one.votes >= least and fits and split in (None, one.split):
            found.append(one)
    if problems:
        raise JudgementFileError(path, problems, _NEEDED)
    return found


def _file(folder: Path) -> Path:
    if folder.is_file():
        return folder
    path = next((folder / name for name in FILES if (folder / name).is_file()), None)
    if path is None:
        raise NoJudgementsError(folder, " or ".join(FILES), "Give the folder that NIGHTS was unpacked in.")
    return path


def _rows(path: Path) -> Iterator[tuple[int, Mapping[str, str]]]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            table = csv.DictReader(file)
            missing = [name for name in COLUMNS if name not in (table.fieldnames or ())]
            if missing:
                raise JudgementFileError(path, [f"line 1: no column {', '.join(missing)}"], _NEEDED)
            for row in table:
                yield table.line_num, row
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BrokenFileError(path, getattr(error, "strerror", None) or str(error)) from error


def _triplet(row: Mapping[str, str], folder: Path | None) -> tuple[Triplet, bool]:
    votes, left, right = (_number(row, name) for name in ("votes", "left_vote", "right_vote"))
    if votes != int(votes) or votes < 0:
        raise ValueError(f"votes is {row['votes']!r}, and should be a whole number")
    if abs(left + right - 1) > _WHOLE and not votes == left + right == 0:
        raise ValueError(
            f"left_vote and right_vote are {row['left_vote']} and {row['right_vote']}, and should sum to 1"
        )
    given = [share * votes for share in (left, right)]
    if any(abs(count - round(count)) > max(_WHOLE, votes * _WHOLE) for count in given):
        raise ValueError(f"left_vote {row['left_vote']} of {row['votes']} votes is no whole number of them")
    names = [row[name] for name in ("ref_path", "left_path", "right_path")]
    for name in names:
        if not name or (folder is not None and not (folder / name).is_file()):
            raise ValueError(f"there is no picture {name!r}")
    kind = (row.get("is_imagenet") or "").strip().lower() in ("true", "1", "1.0")
    reference, one, other = names
    counts = round(given[0]), round(given[1])
    return Triplet(reference, one, other, *counts, row.get("split") or None, row.get("prompt") or None), kind


def _number(row: Mapping[str, str], name: str) -> float:
    try:
        value = float(row[name])
    except (TypeError, ValueError):
        raise ValueError(f"{name} is {row[name]!r}, and should be a number") from None
    if not 0 <= value < 1e6:
        raise ValueError(f"{name} is {row[name]!r}, and should be a number, at least 0")
    return value
