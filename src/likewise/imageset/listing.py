"""Which files of a folder are photos, which are captions, and why each other file is neither."""

import os
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from likewise.errors import ImageFolderError

_READ = (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif")
_TOLD = (".heic", ".heif", ".jxl", ".jp2")  # photos all the same; decoding says why they cannot be read
PHOTO_ENDINGS = frozenset(_READ + _TOLD)
CAPTION_ENDINGS = frozenset({".txt", ".caption"})
METADATA = "metadata.jsonl"
_JUNK = frozenset({"thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", "__macosx", "@eadir"})


@dataclass
class Listing:
    """A folder's entries by what they are, each list in the order of the names."""

    folder: Path
    photos: list[Path] = field(default_factory=list)
    captions: list[Path] = field(default_factory=list)
    metadata: list[Path] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)  # (name, reason)
    junk: set[str] = field(default_factory=set)  # names among the skipped that systems leave behind, not people
    subfolders: list[str] = field(default_factory=list)  # names of folders inside that were not entered

    def name(self, path: Path) -> str:
        """A file's path inside the folder, composed letters, '/' between, safe to print and to hash."""
        return printable(path.relative_to(self.folder).as_posix())


def scan(folder: str | os.PathLike, recursive: bool = False) -> Listing:
    """Sort a folder's entries; nothing is opened. ImageFolderError when there is no such folder.

    Photos come in the order of their own names, so that neither the file system nor the names of folders decide.
    """
    listing = Listing(Path(folder))
    for path in sorted(_walk(listing, recursive), key=lambda path: (printable(path.name), printable(str(path)))):
        _place(listing, path)
    listing.skipped.sort()
    return listing


def printable(name: str) -> str:
    """A file name for messages and hashes: composed letters (macOS splits accents off), no control characters."""
    composed = unicodedata.normalize("NFC", name.encode("utf-8", "backslashreplace").decode())
    return "".join(letter if letter.isprintable() else f"\\x{ord(letter):02x}" for letter in composed)


def _walk(listing: Listing, recursive: bool) -> Iterator[Path]:
    """Every file under the folder; folders through links too, but each folder once, so that loops end."""
    waiting, seen = [listing.folder], {os.path.realpath(listing.folder)}
    while waiting:
        folder = waiting.pop()
        for path in _entries(folder, top=folder == listing.folder, listing=listing):
            if _is_junk(path.name):
                _skip(listing, path, "left by the system or an editor", junk=True)
            elif not os.path.isdir(path):  # unlike entry.is_dir(), not stopped by a link to itself
                yield path
            elif not recursive:
                listing.subfolders.append(printable(path.name))
                _skip(listing, path, "a folder; only photos directly inside are used")
            elif (place := os.path.realpath(path)) in seen:
                _skip(listing, path, "a link to a folder that is read already")
            else:
                seen.add(place)
                waiting.append(path)


def _entries(folder: Path, top: bool, listing: Listing) -> list[Path]:
    try:
        return [folder / name for name in sorted(os.listdir(folder))]
    except OSError as error:
        if not top:
            _skip(listing, folder, f"this folder cannot be read ({error.strerror})")
            return []
        raise ImageFolderError(folder, _absence(folder, error)) from error


def _absence(folder: Path, error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "does not exist"
    if isinstance(error, NotADirectoryError):
        return "is a file, not a folder"
    if isinstance(error, PermissionError):
        return "may not be read (permission denied)"
    return f"cannot be read ({error.strerror})"


def _place(listing: Listing, path: Path) -> None:
    ending = path.suffix.lower()
    if path.name == METADATA:
        listing.metadata.append(path)
    elif ending in CAPTION_ENDINGS:
        listing.captions.append(path)
    elif ending in PHOTO_ENDINGS:
        listing.photos.append(path)
    elif path.name.lower() == "metadata.csv":
        _skip(listing, path, f"captions are read from {METADATA} or from .txt files, not from CSV")
    else:
        _skip(listing, path, f"{ending} is no photo's ending" if ending else "its name has no photo's ending")


def _skip(listing: Listing, path: Path, reason: str, junk: bool = False) -> None:
    name = listing.name(path)
    listing.skipped.append((name, reason))
    if junk:
        listing.junk.add(name)


def _is_junk(name: str) -> bool:
    return name.startswith(".") or name.lower() in _JUNK
