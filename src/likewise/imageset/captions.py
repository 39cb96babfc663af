"""Captions from sidecar files (a.txt or a.caption beside a.jpg) and from metadata.jsonl, matched to photos."""

import json
import unicodedata
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from likewise.errors import CaptionFileError, NoCaptionsWarning
from likewise.imageset.listing import METADATA, Listing, printable

MAX_LENGTH = 10_000  # characters; a caption is a sentence, and a longer text is something else
_FIX = "Write one of them and delete the other"


@dataclass(frozen=True)
class Captions:
    """texts: photo -> caption; unused: names of caption files, or metadata entries, that match no photo."""

    texts: dict[Path, str]
    unused: list[str]


def find(listing: Listing, photos: Sequence[Path]) -> Captions:
    """The caption of each photo that has one.

    CaptionFileError for a file that cannot be read, for sidecars of which none, or metadata of which no entry, matches
    a photo, and for a photo with two captions that differ; NoCaptionsWarning for metadata that says other things only.
    """
    texts: dict[Path, str] = {}
    unused: list[str] = []
    for source in (_sidecars(listing, photos), _metadata(listing, photos)):
        for origin, photo, text in source:
            if photo is None:
                unused.append(origin)
            elif texts.setdefault(photo, text) != text:
                found = f"it and another file give {listing.name(photo)} two captions that differ"
                raise CaptionFileError(listing.folder / origin, found, _FIX)
    return Captions({photo: texts[photo] for photo in photos if texts.get(photo)}, unused)


def plain(path: Path) -> Path:
    """A path for comparing: macOS stores accents apart from their letters, metadata files rarely do."""
    return Path(unicodedata.normalize("NFC", str(path)))


Match = tuple[str, Path | None, str]  # (where it stands, photo or None, caption)


def _sidecars(listing: Listing, photos: Sequence[Path]) -> Iterator[Match]:
    """a.txt captions every a.*, and a.jpg.txt captions a.jpg."""
    by_stem: dict[Path, list[Path]] = {}
    for photo in listing.photos:
        by_stem.setdefault(plain(photo.with_suffix("")), []).append(photo)
        by_stem.setdefault(plain(photo), []).append(photo)
    named = {path: by_stem.get(plain(path.with_suffix("")), []) for path in listing.captions}
    if named and not any(named.values()):
        found = f"no photo is called so, and none of the {len(named)} caption file(s) belongs to a photo"
        fix = "Call it as its photo (a.txt beside a.jpg), or move other texts away"
        raise CaptionFileError(listing.captions[0], found, fix)
    usable = set(photos)
    for path, owners in named.items():
        matched = [photo for photo in owners if photo in usable]
        text = _read(path) if matched else ""
        for photo in matched or [None]:
            yield listing.name(path), photo, text


def _metadata(listing: Listing, photos: Sequence[Path]) -> Iterator[Match]:
    for path in listing.metadata:
        known = {plain(photo): photo for photo in photos}
        rows = [(name, known.get(plain(path.parent / name)), text) for name, text in _rows(path)]
        if not any(photo for _, photo, _ in rows):
            first = f"its first names {rows[0][0]!r}" if rows else "it is empty"
            found = f"none of its {len(rows)} entries matches a photo in the folder; {first}"
            raise CaptionFileError(path, found, 'Write lines like {"file_name": "a.jpg", "text": "a red toy"}')
        if not any(text for _, _, text in rows):
            warnings.warn(NoCaptionsWarning(path), stacklevel=3)
        for name, photo, text in rows:
            if text:
                yield f"{listing.name(path)} ({printable(name)})", photo, text


def _rows(path: Path) -> Iterator[tuple[str, str]]:
    """(file_name, caption) of each line; "" where it has none."""
    for number, line in enumerate(_text(path).splitlines(), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise CaptionFileError(path, f"line {number} is no JSON ({error})", "Mend that line") from error
        if not isinstance(row, dict) or not isinstance(row.get("file_name"), str):
            raise CaptionFileError(path, f'line {number} has no "file_name"', f"{METADATA} needs one in every line")
        text = row.get("text", row.get("caption"))
        if text is not None and not isinstance(text, str):
            raise CaptionFileError(path, f"the caption in line {number} is no text", "Put it in quotes")
        yield row["file_name"], " ".join((text or "").split())


def _read(path: Path) -> str:
    """A sidecar's words in one line."""
    text = _text(path)
    if len(text) > MAX_LENGTH:
        found = f"it holds {len(text):,} characters, too many for a caption"
        raise CaptionFileError(path, found, f"Write a sentence of at most {MAX_LENGTH:,} characters, or move it away")
    return " ".join(text.split())


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CaptionFileError(path, f"byte {error.start} is no UTF-8", "Save it as UTF-8 text") from error
    except OSError as error:
        raise CaptionFileError(path, f"it cannot be read ({error.strerror})", "Mend or remove it") from error
