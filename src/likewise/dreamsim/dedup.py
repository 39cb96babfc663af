"""Which pictures of a collection are copies of each other: candidates, groups, and the one of each to keep.

Copies are what resizing and JPEG make of one picture. Where the line lies depends on the metric and on the pictures, so
it is found on them: a sample is resized and compressed, and the line goes between its copies and its nearest others.
"""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from likewise import seeds
from likewise.disk import writing
from likewise.dreamsim.metric import Metric
from likewise.images import read

SAMPLE = 24  # pictures that are copied to find the line
QUALITIES, SCALES = (40, 60, 80), (0.5, 0.7)  # of JPEG; of the sides
MARGIN = 1.5  # the line lies this far beyond the farthest copy, unless another picture is nearer
BLOCK = 1024
ROUNDING = 1e-6  # by which the product of a row with itself may miss 1


@dataclass(frozen=True)
class Group:
    """Pictures that are copies of each other."""

    keep: int  # number of the picture to keep: the largest, then the one with the most bytes, then the first
    copies: tuple[int, ...]  # the others, the nearest first
    distances: tuple[float, ...]  # of each copy from the one to keep


def groups(rows: np.ndarray, threshold: float, worth: Sequence[tuple]) -> list[Group]:
    """Groups of unit rows (N, D) that chains of distances up to `threshold` join.

    worth: a key for each picture; the one with the largest is kept, the first of equals.
    """
    parent = np.arange(len(rows))

    def root(place: int) -> int:
        while parent[place] != place:
            parent[place] = parent[parent[place]]
            place = parent[place]
        return place

    for one, other in pairs(rows, threshold):
        first, second = sorted((root(one), root(other)))
        parent[second] = first
    members: dict[int, list[int]] = {}
    for place in range(len(rows)):
        members.setdefault(root(place), []).append(place)
    return [_group(rows, some, worth) for some in members.values() if len(some) > 1]


def pairs(rows: np.ndarray, threshold: float) -> list[tuple[int, int]]:
    """All pairs (i, j), i < j, at most `threshold` apart; exact, in blocks."""
    found = []
    for start in range(0, len(rows), BLOCK):
        near = rows[start : start + BLOCK] @ rows[start:].T >= 1 - threshold - ROUNDING
        found += [(start + int(i), start + int(j)) for i, j in zip(*np.nonzero(near), strict=True) if i < j]
    return found


def worth(path: Path) -> tuple[int, int]:
    """What makes one copy better than another: pixels, then bytes. The header alone is read."""
    with Image.open(path) as file:
        return file.width * file.height, path.stat().st_size


def line(metric: Metric, paths: Sequence[Path], rows: np.ndarray, seed: int = 0) -> float:
    """The distance below which two of these pictures are copies.

    A sample is resized and saved as JPEG. The line is MARGIN times the 98th percentile of how far that moves it, but
    not beyond half the way to where the nearest other pictures begin, unless most of those are copies themselves.
    """
    chosen = seeds.numpy_stream(seed, "dedup").permutation(len(paths))[:SAMPLE]
    moved = []
    for place in chosen:
        picture = read(paths[place])
        copies = [copy(picture, scale, quality) for scale in SCALES for quality in QUALITIES]
        moved += list(1 - metric.embed(copies) @ rows[place])
    far = float(np.quantile(moved, 0.98))
    return min(MARGIN * far, max(far, _others(rows, far)))


def copy(picture: Image.Image, scale: float, quality: int) -> Image.Image:
    """The picture resized and compressed."""
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    buffer = BytesIO()
    picture.resize(size, Image.Resampling.LANCZOS).save(buffer, "JPEG", quality=quality)
    return Image.open(BytesIO(buffer.getvalue())).convert("RGB")


def _others(rows: np.ndarray, far: float) -> float:
    """Half way between the farthest copy and the nearest pictures that are none."""
    nearest = []
    for start in range(0, len(rows), BLOCK):
        apart = 1 - rows[start : start + BLOCK] @ rows.T
        apart[apart <= far] = np.inf  # itself and its copies
        nearest.append(apart.min(1))
    beyond = float(np.quantile(np.concatenate(nearest), 0.02)) if len(rows) > 1 else np.inf
    return (far + beyond) / 2 if np.isfinite(beyond) else np.inf


def _group(rows: np.ndarray, members: Sequence[int], worth: Sequence[tuple]) -> Group:
    keep = max(members, key=lambda place: (worth[place], -place))
    apart = {place: float(1 - rows[place] @ rows[keep]) for place in members if place != keep}
    order = sorted(apart, key=lambda place: (apart[place], place))
    return Group(keep, tuple(order), tuple(max(0.0, apart[place]) for place in order))


def move(found: Sequence[Group], paths: Sequence[Path], folder: Path) -> list[str]:
    """Move the copies into a folder, under their own names, numbered where one is taken; where each of them went."""
    moved = []
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for place in (place for group in found for place in group.copies):
            name, number = folder / paths[place].name, 1
            while name.exists():
                number += 1
                name = folder / f"{paths[place].stem}-{number}{paths[place].suffix}"
            shutil.move(paths[place], name)
            moved.append(str(name))
    return moved


def report(found: Sequence[Group], paths: Sequence[Path]) -> list[dict]:
    """The groups as JSON."""
    return [
        {
            "keep": str(paths[group.keep]),
            "copies": [
                {"image": str(paths[place]), "distance": round(apart, 5)}
                for place, apart in zip(group.copies, group.distances, strict=True)
            ],
        }
        for group in found
    ]


def sheet(found: Sequence[Group], paths: Sequence[Path], most: int = 12) -> Image.Image:
    """A contact sheet: each row a group, the picture to keep first; the first `most` groups, five copies each."""
    from likewise.images import cover
    from likewise.images import sheet as contact

    pictures, labels = [], []
    blank = Image.new("RGB", (160, 160), "white")
    for group in found[:most]:
        shown = [(group.keep, "keep"), *((p, f"{d:.4f}") for p, d in zip(group.copies, group.distances, strict=True))]
        row = [(cover(read(paths[place]), 160), f"{word} {paths[place].name}") for place, word in shown[:6]]
        row += [(blank, "")] * (6 - len(row))
        pictures += [one for one, _ in row]
        labels += [label for _, label in row]
    return contact(pictures, labels, columns=6, title=f"{len(found)} groups of copies")
