"""What is on disk is whole or absent: everything is written beside its place, forced down, then renamed into it.

A process that is killed leaves at most an entry whose name starts with `.likewise-`; nothing ever reads it, and the
next `new_folder` beside it removes it.
"""

import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from likewise.errors import FolderExistsError, FullDiskError, UnsafeNameError, WriteError

_LEFTOVER = re.compile(r"\.likewise-(part|keep)\.(\d+)\.[0-9a-f]{8}\.(.+)", re.DOTALL)
_STALE = 7 * 86400  # seconds after which a leftover is one even though some process has the number of its maker
_UNSAFE = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|]|^\.|[. ]$|^ |^$')
_open: set[Path] = set()  # what this very process is writing now


def inside(folder: Path, name: str, what: str = "file name") -> Path:
    """The path of a member whose name came from outside, such as a shard in an index. Raises UnsafeNameError."""
    if _UNSAFE.search(name) or len(name) > 200:
        raise UnsafeNameError(name, what)
    return folder / name


@contextmanager
def writing(path: Path, *, only_full: bool = False) -> Iterator[None]:
    """Turn the system's refusal to write into a WriteError, a full disk into a FullDiskError.

    only_full: let other refusals through, for scopes that run a caller's code.
    """
    try:
        yield
    except OSError as error:
        if error.errno in FullDiskError.codes:
            raise FullDiskError(path, error) from error
        if only_full:
            raise
        raise WriteError(path, error) from error


def write_bytes(path: str | Path, data: bytes) -> None:
    """Write a file whole, or leave what was there. Makes the folder it goes in."""
    with new_file(Path(path)) as temp:
        temp.write_bytes(data)


@contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """Yield an empty temporary file that becomes `path` when the scope ends well, and vanishes when it does not."""
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with _temporary(path) as temp:
            temp.touch()
            yield temp
            _sync(temp)
            os.replace(temp, path)
            _sync(path.parent)


@contextmanager
def new_folder(target: str | Path, replace: bool = False) -> Iterator[Path]:
    """Yield a temporary folder that becomes `target` when the scope ends well, and vanishes when it does not.

    An existing target is a FolderExistsError, or, with replace, stays as it is until the new one is complete and then
    goes. Never pass replace for a folder that holds anything of the user's own.
    """
    asked, target = Path(target), Path(os.path.realpath(target))
    if os.path.lexists(target) and not (replace and target.is_dir()):
        raise FolderExistsError(asked)
    with writing(asked):
        target.parent.mkdir(parents=True, exist_ok=True)
        clean(target.parent)
    with _temporary(target) as temp:
        with writing(asked):
            temp.mkdir()
        try:
            with writing(asked, only_full=True):
                yield temp
        except WriteError as error:
            raise type(error)(asked, error.cause) from error  # the temporary name would mean nothing to a reader
        with writing(asked):
            _sync_tree(temp)
            _swap(temp, target, replace)


def _swap(temp: Path, target: Path, replace: bool) -> None:
    if os.path.lexists(target) and not replace:  # someone made it in the meantime
        raise FolderExistsError(target)
    with _temporary(target, "keep") as aside:
        if os.path.lexists(target):
            os.rename(target, aside)  # killed after this line, clean puts the old one back
        os.rename(temp, target)
        _sync(target.parent)


def remove(folder: str | Path) -> None:
    """Remove a folder at once, so that no half of it can be taken for the whole."""
    folder = Path(folder)
    with writing(folder), _temporary(folder) as aside:
        os.rename(folder, aside)


def clean(parent: str | Path) -> None:
    """Remove what killed processes left in a folder, and put back what one had moved aside but not replaced."""
    for path in Path(parent).iterdir():
        left = _LEFTOVER.fullmatch(path.name)
        if left and not _in_use(path, int(left[2])):
            _settle(path, path.with_name(left[3]))


def _in_use(path: Path, pid: int) -> bool:
    if pid == os.getpid():
        return path in _open
    if time.time() - path.lstat().st_mtime > _STALE:
        return False
    if os.name == "nt":  # there, asking about a process by signal 0 would end it
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


@contextmanager
def _temporary(target: Path, kind: str = "part") -> Iterator[Path]:
    path = target.parent / f".likewise-{kind}.{os.getpid()}.{secrets.token_hex(4)}.{target.name}"
    _open.add(path)
    try:
        yield path
    finally:
        _open.discard(path)
        _settle(path, target)


def _settle(path: Path, target: Path) -> None:
    if path.name.startswith(".likewise-keep.") and os.path.lexists(path) and not os.path.lexists(target):
        os.rename(path, target)
        return
    with suppress(OSError):  # what resists, the next clean tries again
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    """Force a file, or the list of names in a folder, to the disk."""
    if path.is_dir() and os.name == "nt":  # folders cannot be opened there, and need not be
        return
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _sync_tree(folder: Path) -> None:
    for where, _, names in os.walk(folder, topdown=False):
        for name in names:
            _sync(Path(where, name))
        _sync(Path(where))
