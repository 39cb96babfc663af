"""A folder of photos explained to a person: what is used, what is not and why, what would be better taken again."""

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from likewise.errors import CaptionFileError
from likewise.images.decoding import Decoded
from likewise.imageset import captions as sidecars
from likewise.imageset.listing import Listing, scan
from likewise.imageset.photos import TEACHING_MINIMUM, Opened, open_all
from likewise.imageset.quality import BLURRED, FLAT, Quality, measure, thumbnail, twins

NARROW = 0.55
"""Shorter over longer side under which a square from the middle may well cut the subject: longer than 9:16."""

Level = Literal["note", "warning"]
Status = Literal["ok", "warning", "skipped"]


@dataclass(frozen=True)
class Finding:
    """Something about a file: a code for programs, a reason for people, and what to do ("" for mere notes)."""

    code: str
    level: Level
    reason: str
    advice: str = ""


@dataclass(frozen=True)
class Row:
    """One file of the folder. status: "ok", "warning" (used, but read why), "skipped" (not used)."""

    name: str
    status: Status
    findings: tuple[Finding, ...] = ()
    kind: Literal["photo", "caption", "other"] = "photo"
    width: int = 0  # pixels, upright; 0 for what is no photo
    height: int = 0
    caption: str | None = None


def check(folder: str | os.PathLike, *, size: int = 128, recursive: bool = False) -> list[Row]:
    """A row for every file: photos first, each with its findings, then the rest.

    size: the side in pixels of the pictures that the model draws; smaller photos are warned of. Only a folder that
    cannot be read is an error (ImageFolderError); all else is explained in the rows.
    """
    listing = scan(folder, recursive)
    photos: dict[Opened, list[Finding]] = {}
    looks: list[np.ndarray] = []
    refused: list[Row] = []
    for one in open_all(listing):
        if one.decoded is None:
            finding = Finding("unreadable", "warning", one.reason, one.advice)
            refused.append(Row(one.name, "skipped", (finding,)))
            continue
        looks.append(thumbnail(one.decoded.image))
        photos[replace(one, decoded=None)] = _findings(one.decoded, size)
    names = [one.name for one in photos]
    for findings, twin in zip(photos.values(), twins(looks), strict=True):
        findings += [_repeats(names[twin])] if twin is not None else []
    texts, caption_rows = _captions(listing, [one.path for one in photos])
    rows = [_row(one, findings, texts.get(one.path), bool(texts)) for one, findings in photos.items()]
    rest = [_left_out(listing, name, reason) for name, reason in listing.skipped]
    return [*rows, *refused, *caption_rows, *rest]


def summary(rows: Sequence[Row], minimum: int = TEACHING_MINIMUM) -> str:
    """One line: how many photos can be used, and whether that is enough to teach."""
    photos = [row for row in rows if row.kind == "photo" and row.status != "skipped"]
    doubtful = sum(row.status == "warning" for row in photos)
    skipped = sum(row.status == "skipped" for row in rows)
    counts = f"{_count(len(photos), 'photo')} can be used"
    counts += f", {doubtful} of them with a warning" * bool(doubtful)
    counts += f"; {_count(skipped, 'file')} left out" * bool(skipped)
    if len(photos) < minimum:
        return f"Not enough to teach: {counts}. At least {minimum} photos of the same subject are needed."
    return f"{'Enough to teach, but look at the warnings' if doubtful else 'Ready to teach'}: {counts}."


def as_table(rows: Sequence[Row]) -> str:
    """The rows as text, a line a file and a line a finding."""
    width = max((len(row.name) for row in rows), default=0)
    lines = []
    for row in rows:
        pixels = f"{row.width} x {row.height}" if row.width else ""
        lines.append(f"{row.name:<{width}}  {row.status:<7}  {pixels}".rstrip())
        lines += [f"    {one.reason}{f': {one.advice}' if one.advice else ''}" for one in row.findings]
    return "\n".join(lines)


def as_json(rows: Sequence[Row], minimum: int = TEACHING_MINIMUM) -> dict[str, Any]:
    """The rows as JSON values, with `usable` (how many photos), `enough` (for teaching) and the summary."""
    usable = sum(row.kind == "photo" and row.status != "skipped" for row in rows)
    return {
        "usable": usable,
        "enough": usable >= minimum,
        "summary": summary(rows, minimum),
        "rows": [asdict(row) for row in rows],
    }


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _row(one: Opened, findings: list[Finding], caption: str | None, captioned: bool) -> Row:
    if captioned and caption is None:
        advice = "Write one, or delete all captions"
        findings = [*findings, Finding("no-caption", "warning", "it has no caption, though others have", advice)]
    status: Status = "warning" if any(finding.level == "warning" for finding in findings) else "ok"
    return Row(one.name, status, tuple(findings), "photo", *one.size, caption)


def _left_out(listing: Listing, name: str, reason: str) -> Row:
    finding = Finding("junk" if name in listing.junk else "no-photo", "note", reason)
    return Row(name, "skipped", (finding,), "other")


def _captions(listing: Listing, paths: list[Path]) -> tuple[dict[Path, str], list[Row]]:
    try:
        found = sidecars.find(listing, paths)
    except CaptionFileError as error:
        name = listing.name(Path(str(error.path)))
        return {}, [Row(name, "skipped", (Finding("caption", "warning", error.reason, error.advice),), "caption")]
    unused = Finding("unused-caption", "warning", "it matches no usable photo", "Name it as its photo: a.jpg, a.txt")
    return found.texts, [Row(name, "skipped", (unused,), "caption") for name in found.unused]


def _repeats(earlier: str) -> Finding:
    advice = "Keep the better one; different angles and places teach more"
    return Finding("duplicate", "warning", f"it is nearly the same as {earlier}", advice)


def _findings(photo: Decoded, size: int) -> list[Finding]:
    return [*_conversions(photo), *_shape(photo.image.size, size), *_looks(measure(photo.image))]


def _conversions(photo: Decoded) -> list[Finding]:
    """What was done to the file's pixels on the way in."""
    notes = []
    if photo.orientation != 1:
        turned = "lies on its side and is" if photo.orientation >= 5 else "is"
        notes.append(Finding("rotated", "note", f"the file {turned} turned upright by its EXIF tag"))
    if photo.transparent:
        notes.append(Finding("transparent", "note", "transparent parts are shown on white"))
    if photo.profile:
        notes.append(Finding("profile", "note", f"its colours were converted from {photo.profile} to sRGB"))
    if photo.mode == "CMYK" and not photo.profile:
        notes.append(Finding("cmyk", "note", "its printing colours (CMYK) were converted to RGB without a profile"))
    if photo.mode.startswith(("I", "F")):
        notes.append(Finding("deep", "note", f"its {photo.mode} pixels were scaled to 8 bits"))
    if photo.frames:
        advice = "Save the frame you want as PNG"
        notes.append(Finding("animated", "warning", "it holds several frames; only the first is used", advice))
    if photo.profile_problem:
        reason = f"its colour profile cannot be used ({photo.profile_problem}); its numbers are taken as sRGB"
        notes.append(Finding("bad-profile", "warning", reason, "If its colours look wrong, save it again as sRGB"))
    return notes


def _shape(found: tuple[int, int], size: int) -> list[Finding]:
    notes = []
    short, long = sorted(found)
    if short < size:
        reason = f"it is small ({short} pixels on its shorter side, the model draws {size})"
        notes.append(Finding("small", "warning", reason, "Use the original instead of a thumbnail"))
    if short < NARROW * long:
        reason = f"it is long and narrow; the middle {short / long:.0%} is used"
        notes.append(Finding("narrow", "warning", reason, "Crop it to a square around the subject"))
    return notes


def _looks(quality: Quality) -> list[Finding]:
    notes = []
    if quality.contrast < FLAT:
        notes.append(Finding("flat", "warning", "it shows next to nothing (one flat colour)", "Leave it out"))
    elif quality.sharpness < BLURRED:
        reason = f"it looks blurred (sharpness {quality.sharpness:.0f}, sharp photos have {BLURRED:.0f} or more)"
        notes.append(Finding("blurred", "warning", reason, "Take it again, or leave it out"))
    if quality.bars:
        reason = f"black bars take {quality.bars:.0%} of it, and would be learned"
        notes.append(Finding("bars", "warning", reason, "Crop them away"))
    return notes
