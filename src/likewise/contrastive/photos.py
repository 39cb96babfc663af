"""A folder of photos as bytes in memory, with captions, labels and splits by photo."""

import json
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from likewise import imageset, seeds
from likewise.encoders.encoder import Encoder
from likewise.errors import (
    BareLeftOutWarning,
    CaptionsNeededError,
    LabelsMissingError,
    NoCaptionsWarning,
    OneClassError,
    PictureMemoryError,
    UnusedSplitWarning,
)
from likewise.images import cover
from likewise.images.decoding import decode
from likewise.imageset.captions import plain
from likewise.imageset.listing import METADATA

MEMORY = 8.0  # GiB of photos at most
SIDE = 128  # pixels that photos are reduced to at least before an encoder reads them
HELD = 0.25  # share of photos that evaluation keeps for itself where no split is named


@dataclass(frozen=True, eq=False)
class Photos:
    """N photos: pixels (N, 3, side, side) uint8, in the order of `paths`; captions where there are any."""

    folder: Path
    paths: tuple[Path, ...]
    pixels: Tensor
    captions: tuple[str | None, ...]
    hash: str

    def __len__(self) -> int:
        """N."""
        return len(self.paths)

    def __getitem__(self, rows: np.ndarray) -> "Photos":
        """Some of them."""
        chosen = [int(row) for row in np.asarray(rows)]
        paths, captions = tuple(self.paths[row] for row in chosen), tuple(self.captions[row] for row in chosen)
        return Photos(self.folder, paths, self.pixels[chosen], captions, f"{self.hash}/{_digest(chosen)}")


def load(folder: str | Path, side: int, *, minimum: int = 2) -> Photos:
    """Every photo under a folder, cut to squares of side x side pixels. Errors are those of imageset.load."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NoCaptionsWarning)  # labels and splits alone are a fair use of metadata.jsonl
        found = imageset.load(folder, minimum=minimum, recursive=True)
    needed = len(found) * 3 * side * side / 2**30
    if needed > MEMORY:
        raise PictureMemoryError(len(found), side, needed, MEMORY)
    pixels = torch.empty(len(found), 3, side, side, dtype=torch.uint8).to(memory_format=torch.channels_last)
    for row, photo in enumerate(found.photos):
        pixels[row] = torch.from_numpy(np.array(cover(decode(photo.path).image, side))).permute(2, 0, 1)
    paths = tuple(photo.path for photo in found.photos)
    return Photos(Path(folder), paths, pixels, tuple(found.captions), f"{found.hash}/{side}")


def load_for(encoder: Encoder, folder: str | Path) -> Photos:
    """load() at the size that the encoder reads, or at SIDE if that is more."""
    return load(folder, max(SIDE, getattr(encoder, "size", 0)))


def captioned(photos: Photos, objective: str, *, skip: bool = False) -> Photos:
    """Those with captions. CaptionsNeededError for any without, unless they shall be skipped, which is told."""
    bare = [row for row, caption in enumerate(photos.captions) if not caption]
    if not bare:
        return photos
    if not skip or len(bare) > len(photos) - 2:
        raise CaptionsNeededError(photos.folder, [photos.paths[row].name for row in bare], len(photos), objective)
    warnings.warn(BareLeftOutWarning(len(bare), len(photos)), stacklevel=2)
    return photos[np.setdiff1d(np.arange(len(photos)), bare)]


def labels(photos: Photos, by: str = "folder") -> np.ndarray:
    """The class of each photo, (N,) of str: the name of the folder it lies in, or a field of metadata.jsonl.

    LabelsMissingError where there are none, OneClassError where all are the same.
    """
    if by == "folder":
        found = [path.parent.name for path in photos.paths]
        if all(path.parent == photos.folder for path in photos.paths):
            raise LabelsMissingError(photos.folder, by, "all photos lie in that folder itself", _fields(photos.folder))
    else:
        found = _field(photos, by)
    classes = sorted(set(found))
    if len(classes) < 2:
        raise OneClassError(classes, "Telling classes apart")
    return np.array(found)


def split(photos: Photos, seed: int = 0, classes: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Rows to learn from and rows to test on: see named_split; else a seeded quarter a class is tested on."""
    named = named_split(photos)
    if named:
        return named
    random = seeds.numpy_stream(seed, "split", len(photos))
    groups = np.zeros(len(photos), dtype=int) if classes is None else np.unique(classes, return_inverse=True)[1]
    held: list[int] = []
    for group in range(groups.max() + 1):
        rows = random.permutation(np.flatnonzero(groups == group))
        held += rows[: int(np.ceil(HELD * len(rows))) if len(rows) > 1 else 0].tolist()
    return np.setdiff1d(np.arange(len(photos)), held), np.sort(np.array(held, dtype=int))


def named_split(photos: Photos) -> tuple[np.ndarray, np.ndarray] | None:
    """The rows to learn from and to test on that the field `split` of metadata.jsonl names; None where it does not.

    Those of "train" are learned from. Those of "test" are tested on, and without any "test" all others, such as
    "validation". UnusedSplitWarning where the field names no "train", or nothing else.
    """
    if "split" not in _fields(photos.folder):
        return None
    parts = np.array([one.strip().lower() for one in _field(photos, "split")])
    train, test = np.flatnonzero(parts == "train"), np.flatnonzero(parts == "test")
    test = test if len(test) else np.flatnonzero(parts != "train")
    if len(train) and len(test):
        return train, test
    warnings.warn(UnusedSplitWarning(photos.folder, sorted(set(parts.tolist()))), stacklevel=2)
    return None


def _rows(folder: Path) -> dict[str, dict]:
    """metadata.jsonl at the top of the folder, by file name; checked when the photos were loaded."""
    path = folder / METADATA
    if not path.is_file():
        return {}
    rows = [json.loads(line) for line in path.read_text("utf-8-sig").splitlines() if line.strip()]
    return {plain(Path(row["file_name"])).as_posix(): row for row in rows}


def _fields(folder: Path) -> list[str]:
    return sorted({name for row in _rows(folder).values() for name in row} - {"file_name", "text", "caption"})


def _field(photos: Photos, name: str) -> list[str]:
    rows = _rows(photos.folder)
    known = _fields(photos.folder)
    if name not in known:
        raise LabelsMissingError(
            photos.folder, name, "metadata.jsonl has no such field" if rows else "no metadata.jsonl", known
        )
    found = []
    for path in photos.paths:
        entry = rows.get(plain(path.relative_to(photos.folder)).as_posix(), {})
        if name not in entry:
            raise LabelsMissingError(photos.folder, name, f"{path.relative_to(photos.folder)} has none", known)
        found.append(str(entry[name]))
    return found


def _digest(rows: list[int]) -> str:
    from likewise.checkpoint import hash_json

    return hash_json(rows)[:16]
