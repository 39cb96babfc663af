"""Photos that were opened and found good, in one fixed order, with a hash of their content."""

import hashlib
import json
import os
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from PIL import Image

from likewise.errors import (
    AnimationWarning,
    ColourProfileWarning,
    ImageFileError,
    MissingCaptionWarning,
    SkippedFilesWarning,
    TooFewImagesError,
    UnusedCaptionWarning,
)
from likewise.images.decoding import Decoded, decode
from likewise.imageset import captions as sidecars
from likewise.imageset.listing import Listing, printable, scan

TEACHING_MINIMUM = 3
"""Photos that teaching needs: with fewer, what is the subject and what is the scene cannot be told apart."""


@dataclass(frozen=True)
class Photo:
    """One usable photo; width and height in pixels after EXIF rotation; image_hash is the SHA-256 of the file."""

    path: Path
    image_hash: str
    caption: str | None
    width: int
    height: int


@dataclass(frozen=True)
class ImageSet:
    """Validated photos in the order of their file names, and (name, reason) of everything else in the folder."""

    photos: tuple[Photo, ...]
    skipped: tuple[tuple[str, str], ...] = ()

    @cached_property
    def hash(self) -> str:
        """SHA-256 over the files' hashes and captions, in order; where the folder lies and its name do not matter."""
        content = [[photo.image_hash, photo.caption] for photo in self.photos]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()

    @property
    def captions(self) -> list[str | None]:
        """Each photo's caption, or None."""
        return [photo.caption for photo in self.photos]

    def images(self) -> list[Image.Image]:
        """The photos as RGB pictures (see images.read), decoded now; load has given the warnings already."""
        return [decode(photo.path).image for photo in self.photos]

    def __len__(self) -> int:
        """How many photos."""
        return len(self.photos)


def load(folder: str | os.PathLike, *, minimum: int = 1, captions: bool = True, recursive: bool = False) -> ImageSet:
    """Every photo of a folder that can be decoded, with its caption.

    Nothing is left out silently: SkippedFilesWarning lists the files that are not used, AnimationWarning those of which
    one frame is, UnusedCaptionWarning and MissingCaptionWarning what does not match. Errors: ImageFolderError without a
    folder, TooFewImagesError below `minimum`, CaptionFileError.
    """
    listing = scan(folder, recursive)
    good: dict[Path, Opened] = {}
    refused: list[tuple[str, str]] = []
    for one in open_all(listing):
        if one.decoded is None:
            refused.append((one.name, one.reason))
            continue
        _warn_of(one)
        good[one.path] = replace(one, decoded=None)  # the pixels of a whole folder would not fit into memory
    skipped = sorted([*listing.skipped, *refused])
    if len(good) < minimum:
        raise TooFewImagesError(folder, len(good), minimum, skipped, _hint(listing))
    texts = _captions(listing, list(good)) if captions else {}
    noted = [(name, reason) for name, reason in skipped if name not in listing.junk]
    if noted:
        warnings.warn(SkippedFilesWarning(folder, noted), stacklevel=2)
    photos = [Photo(path, one.digest, texts.get(path), *one.size) for path, one in good.items()]
    photos.sort(key=lambda photo: (printable(photo.path.name), photo.image_hash))
    return ImageSet(tuple(photos), tuple(skipped))


@dataclass(frozen=True)
class Opened:
    """One file with a photo's ending: decoded, or the reason why it is left out and what to do."""

    path: Path
    name: str
    decoded: Decoded | None
    size: tuple[int, int] = (0, 0)  # width, height
    digest: str = ""  # SHA-256 of the file
    reason: str = ""
    advice: str = ""


def open_all(listing: Listing) -> Iterator[Opened]:
    """Open the photos of a listing one after the other; the second of two equal files is left out."""
    names: dict[str, str] = {}  # digest -> the name that has it
    for path in listing.photos:
        name = listing.name(path)
        try:
            decoded = decode(path)
        except ImageFileError as error:
            yield Opened(path, name, None, reason=error.reason, advice=error.advice)
            continue
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if (twin := names.setdefault(digest, name)) != name:
            yield Opened(path, name, None, reason=f"the same file as {twin}", advice="Delete one of the two")
        else:
            yield Opened(path, name, decoded, decoded.image.size, digest)


def _warn_of(one: Opened) -> None:
    assert one.decoded is not None
    if one.decoded.frames:
        warnings.warn(AnimationWarning(one.path), stacklevel=3)
    if one.decoded.profile_problem:
        warnings.warn(ColourProfileWarning(one.path, one.decoded.profile_problem), stacklevel=3)


def _captions(listing: Listing, photos: list[Path]) -> dict[Path, str]:
    found = sidecars.find(listing, photos)
    if found.unused:
        warnings.warn(UnusedCaptionWarning(listing.folder, found.unused), stacklevel=3)
    bare = [listing.name(path) for path in photos if path not in found.texts]
    if found.texts and bare:
        warnings.warn(MissingCaptionWarning(listing.folder, bare, len(photos)), stacklevel=3)
    return found.texts


def _hint(listing: Listing) -> str:
    """Advice for the likeliest mistake: the photos lie one folder deeper."""
    if listing.photos or not listing.subfolders:
        return ""
    return f"Its photos may lie in a folder inside it: {', '.join(listing.subfolders[:5])}"
