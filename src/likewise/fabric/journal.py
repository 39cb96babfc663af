"""What was voted, appended line by line: no line is ever half another's, and none is lost by a kill.

A line is written under a lock on the file, so several programs may write one log. It is forced to the disk before the
program goes on, or taken back if the disk refuses a part of it.
"""

import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from likewise import locking
from likewise.disk import writing
from likewise.errors import ChangedSessionError
from likewise.records import Events


def now() -> str:
    """The time in UTC, to the microsecond, as ISO 8601: two votes of a program never have one time."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def append(path: Path, event: Mapping[str, Any], expected: int | None = None) -> int:
    """Add one event, and return the file's size then; see write."""
    line = (json.dumps(event, ensure_ascii=False, allow_nan=False) + "\n").encode("utf-8", "backslashreplace")
    return write(path, line, expected)


def write(path: Path, line: bytes, expected: int | None = None, *, header: bytes = b"") -> int:
    """Add one line, and return the file's size then. header: the line that an empty file begins with.

    Half a line at the end, left by a power cut, goes first. Programs that write at once wait for each other. expected:
    the size that the file must have, else ChangedSessionError. Raises WriteError where the disk refuses.
    """
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0), 0o666)
        try:
            locking.wait(handle)
            _mend(handle)
            length = os.fstat(handle).st_size
            if expected is not None and length != expected:
                raise ChangedSessionError(path.parent)
            _add(handle, line if length else header + line, length)
            return os.fstat(handle).st_size
        finally:
            os.close(handle)  # which unlocks it


def read(path: Path) -> list[dict[str, Any]]:
    """All whole lines, oldest first; none without a file. BrokenFileError names the first line that is no JSON."""
    return Events(path).read()


def size(path: Path) -> int:
    """Bytes up to the end of the last whole line."""
    if not path.exists():
        return 0
    raw = path.read_bytes()
    return raw.rfind(b"\n") + 1


def check(path: Path, expected: int) -> None:
    """ChangedSessionError if the file has not the size that it had when it was read."""
    if size(path) != expected:
        raise ChangedSessionError(path.parent)


def _add(handle: int, data: bytes, length: int) -> None:
    """Write and force to the disk, in as many calls as that takes; the file keeps its length if the system refuses."""
    try:
        while data:
            data = data[os.write(handle, data) :]
        os.fsync(handle)
    except BaseException:
        os.ftruncate(handle, length)
        raise


def _mend(handle: int) -> None:
    length = os.lseek(handle, 0, os.SEEK_END)
    if not length:
        return
    os.lseek(handle, length - 1, os.SEEK_SET)
    if os.read(handle, 1) == b"\n":
        return
    os.lseek(handle, 0, os.SEEK_SET)
    whole = b""
    while chunk := os.read(handle, 1 << 20):
        whole += chunk
    os.ftruncate(handle, whole.rfind(b"\n") + 1)
