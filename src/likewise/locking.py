"""One program at a time: a lock on a file, which ends with its scope and with its process, even one that is killed."""

import os
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import RLock

from likewise.disk import writing
from likewise.errors import LikewiseError

PAUSE = 0.02  # seconds between two tries
_threads: defaultdict[Path, RLock] = defaultdict(RLock)
_held: set[Path] = set()


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Wait for all others, and hold the lock; a scope within the scope holds it already."""
    path = path.absolute()
    with _threads[path]:
        if path in _held:
            yield
            return
        handle = opened(path)
        try:
            wait(handle)
            _held.add(path)
            yield
        finally:
            _held.discard(path)
            os.close(handle)


@contextmanager
def claimed(path: Path, taken: LikewiseError) -> Iterator[None]:
    """Hold the lock or raise `taken`; the file goes with the scope, and its folder if that is empty then."""
    handle = opened(path)
    try:
        if not took(handle):
            raise taken
    except BaseException:
        os.close(handle)
        raise
    try:
        yield
    finally:
        os.close(handle)
        with suppress(OSError):
            path.unlink()
            path.parent.rmdir()


def opened(path: Path) -> int:
    """A handle of the file, made with its folder where it is missing; WriteError names what cannot be written."""
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o666)


def took(handle: int) -> bool:
    """Lock an open file, until it is closed or its process ends; False where another handle has it."""
    try:
        _lock(handle)
    except OSError:
        return False
    return True


def wait(handle: int) -> None:
    """Lock an open file once nobody else has it."""
    while not took(handle):
        time.sleep(PAUSE)


if os.name == "nt":
    import msvcrt

    def _lock(handle: int) -> None:
        os.lseek(handle, 1 << 30, os.SEEK_SET)  # a locked byte cannot be read there, so it is one that no file reaches
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _lock(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
