"""A file of one JSON object a line, written whole and read strictly: a line that cannot be used is named by number."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from likewise.disk import write_bytes
from likewise.errors import BrokenFileError, JudgementFileError

Item = TypeVar("Item")


class Fields:
    """The values of one line, each taken once; ValueError says what is wrong with one."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._left = dict(values)

    def picture(self, name: str, folder: Path | None) -> str:
        """A picture's path, relative to its folder and inside it; with a folder, one that is there."""
        path = self._left.pop(name, None)
        if not isinstance(path, str) or not path:
            raise ValueError(f'"{name}" is {path!r}, and should be the path of a picture')
        return _inside(name, path, folder)

    def count(self, name: str) -> int:
        """A number of votes."""
        value = self._left.pop(name, None)
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise ValueError(f'"{name}" is {value!r}, and should be a whole number, at least 0')
        return value

    def name(self, name: str) -> str | None:
        """A name, or None where there is none."""
        value = self._left.pop(name, None)
        if value is not None and (not isinstance(value, str) or not value):
            raise ValueError(f'"{name}" is {value!r}, and should be a name or null')
        return value

    def nothing_else(self) -> None:
        """See that no value is left over: a misspelt name must not pass for a missing one."""
        if self._left:
            raise ValueError(f"it holds an unknown name: {', '.join(map(repr, self._left))}")


def read_lines(path: Path, make: Callable[[Fields], Item], needed: str) -> list[Item]:
    """Each line as an item, in order; empty lines are passed over. Raises JudgementFileError, BrokenFileError."""
    try:
        lines = path.read_text("utf-8").split("\n")  # not splitlines: a path may hold other line ends
    except (OSError, UnicodeDecodeError) as error:
        raise BrokenFileError(path, getattr(error, "strerror", None) or str(error)) from error
    found, problems = [], []
    _there.cache_clear()
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            values = json.loads(line)
            if not isinstance(values, dict):
                raise ValueError("it holds no JSON object")
            found.append(make(Fields(values)))
        except (ValueError, RecursionError) as error:
            problems.append(f"line {number}: {_said(error)}")
    if problems:
        raise JudgementFileError(path, problems, needed)
    return found


def write_lines(path: Path, items: Iterable[Any], may_lack: str) -> None:
    """Write dataclasses, one JSON object a line, whole or not at all; `may_lack` is left out where it is None."""
    rows = [
        {name: value for name, value in asdict(item).items() if name != may_lack or value is not None} for item in items
    ]
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    write_bytes(path, text.encode("utf-8", "backslashreplace"))


def _said(error: Exception) -> str:
    return f"it is no JSON ({error.msg})" if isinstance(error, json.JSONDecodeError) else str(error)


def _inside(name: str, path: str, folder: Path | None) -> str:
    pure = PurePosixPath(path)
    if pure.is_absolute() or ".." in pure.parts or "\\" in path or ":" in pure.parts[0] or "\0" in path:
        raise ValueError(f'"{name}" is {path!r}, and should lie in the data folder, written with /')
    if folder is not None and not _there(folder, path):
        raise ValueError(f'"{name}" is {path!r}, and there is no such file')
    return path


@cache
def _there(folder: Path, path: str) -> bool:
    """Asked once a picture, as many lines name the same ones; forgotten before the next file."""
    return (folder / path).is_file()
