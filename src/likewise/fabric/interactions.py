"""The log of all votes of all sessions: who said what of which picture, and when.

It is a table that `likewise dida` reads as it is, to say who will like what next:

    likewise dida forecast interactions.csv --source who --target what --time when --domain sign
"""

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from likewise.errors import BrokenFileError
from likewise.fabric import journal

NAME = "interactions.csv"
# who voted, the hash of the picture, when (UTC), 1, -1 or 0 for what was taken back, ..., and the line's own name
COLUMNS = ("who", "what", "when", "sign", "weight", "session", "picture", "prompt", "uid")

ADVICE = "Move it away; a new one is begun."


def add(path: Path, row: Mapping[str, Any]) -> None:
    """Append one vote, under a header if it is the first. Raises WriteError where the disk refuses."""
    journal.write(path, _line([" ".join(str(row[name]).split()) for name in COLUMNS]), header=_line(COLUMNS))


def knows(path: Path, uid: str) -> bool:
    """Whether the log has the vote of this name. BrokenFileError for a file that is no such table."""
    if not path.exists():
        return False
    try:
        rows = list(csv.reader(io.StringIO(path.read_text(encoding="utf-8"), newline="")))
    except (UnicodeDecodeError, csv.Error) as error:
        raise BrokenFileError(path, f"it is no table of votes ({error})", ADVICE) from error
    if rows and rows[0] != list(COLUMNS):
        raise BrokenFileError(path, f"its columns are not {', '.join(COLUMNS)}", ADVICE)
    return any(row[-1:] == [uid] for row in rows)


def _line(cells: Any) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue().encode("utf-8", "backslashreplace")
