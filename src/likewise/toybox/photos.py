"""Real photos in the world: folders with a metadata.jsonl (file_name, caption) read as style 'photo'."""

import json
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from PIL import Image

from likewise import images
from likewise.disk import inside
from likewise.errors import BrokenFileError, SpriteError


@dataclass(frozen=True)
class Photos:
    """Paths and captions of real photos, in the order of their sorted paths."""

    rows: tuple[tuple[Path, str], ...]
    folder: Path = Path()  # the parent of the sets

    @classmethod
    def read(cls, folder: Path) -> "Photos":
        """Every metadata.jsonl under `folder` (one level); rows of a 'test' split are left out."""
        rows = []
        for listing in sorted(folder.glob("*/metadata.jsonl")):
            rows += [_row(listing, line) for line in listing.read_text("utf-8").splitlines() if line.strip()]
        rows = [row for row in rows if row is not None]
        if not rows:
            raise SpriteError(
                f"{folder} holds no */metadata.jsonl with captions; leave --photos out, or name its parent."
            )
        return cls(tuple(sorted(rows)), folder)

    def __len__(self) -> int:
        return len(self.rows)

    def picture(self, index: int, px: int) -> tuple[Image.Image, str]:
        """Photo `index`, cropped to a px square, and its caption."""
        path, caption = self.rows[index]
        return images.cover(images.read(path), px), caption


def _row(listing: Path, line: str) -> tuple[Path, str] | None:
    """Path and caption of one line; None for a photo that is for tests or says nothing."""
    try:
        row = json.loads(line)
        name, caption = PurePosixPath(row["file_name"]), row.get("caption")
    except (ValueError, TypeError, KeyError) as error:
        raise BrokenFileError(listing, f"this line is no JSON object with a file_name: {line[:80]!r}") from error
    if row.get("split") == "test" or not caption:
        return None
    return _member(listing.parent, name), str(caption)


def _member(folder: Path, name: PurePosixPath) -> Path:
    for part in name.parts:
        folder = inside(folder, part, "file_name")
    return folder
