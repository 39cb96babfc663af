"""What goes wrong on disk."""

import errno
from pathlib import Path

from likewise.errors.root import LikewiseError


class UnsafeNameError(LikewiseError):
    """A name from a file or a user that is not one plain path component."""

    def __init__(self, name: str, what: str = "name") -> None:
        super().__init__(
            f"The {what} {name!r} cannot be used as a file name: it must be one plain name of at most 200 "
            "characters, without slashes, colons, control characters, a leading or a trailing dot or space."
        )


class FolderExistsError(LikewiseError):
    """The place for a new folder is taken."""

    def __init__(self, path: Path) -> None:
        kind = "folder" if path.is_dir() else "file"
        super().__init__(
            f"{path} already exists (a {kind}) and was left as it is.\nName another place, or remove it first."
        )


class WriteError(LikewiseError):
    """The system refused to write a file or folder."""

    advice = "Check that the folder can be written to, or name another place, then run the same again."

    def __init__(self, path: Path, cause: OSError, intact: str = "") -> None:
        self.path, self.cause = path, cause
        kept = intact or "Nothing half-written was left, and what was there before is intact."
        super().__init__(f"{path} could not be written: {cause.strerror or cause}.\n{kept}\n{self.advice}")


class FullDiskError(WriteError):
    """The disk, or the user's share of it, is full."""

    codes = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    advice = "Free some space, or name a place on another disk, then run the same again."


class BrokenFileError(LikewiseError):
    """A file is missing, or is not what its name says."""

    def __init__(self, path: Path, reason: str, advice: str = "") -> None:
        self.path, self.reason = path, reason
        super().__init__(f"{path} cannot be read: {reason}." + (f"\n{advice}" if advice else ""))


class BrokenCheckpointError(BrokenFileError):
    """A saved folder lacks a file, or one does not match the hash in the manifest."""


class OutputFolderError(LikewiseError):
    """A place for pictures that is a file."""

    def __init__(self, folder: object) -> None:
        super().__init__(f"{folder} is a file, and pictures go into a folder. Name a folder, new or not, with --out.")
