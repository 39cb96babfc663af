"""Real photos in the world: folders with a metadata.jsonl (file_name, caption) read as style 'photo'."""

import json
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from likewise import images
from likewise.errors import SpriteError


@dataclass(frozen=True)
class Photos:
    """Paths and captions of real photos, in the order of their sorted paths."""

    rows: tuple[tuple[Path, str], ...]

    @classmethod
    def read(cls, folder: Path) -> "Photos":
        """Every metadata.jsonl under `folder` (one level); rows of a 'test' split are left out."""
        rows = []
        for listing in sorted(folder.glob("*/metadata.jsonl")):
            for line in listing.read_text().splitlines():
                row = json.loads(line)
                if row.get("split") != "test" and "caption" in row:
                    rows.append((listing.parent / row["file_name"], row["caption"]))
        if not rows:
            raise SpriteError(f"{folder} holds no */metadata.jsonl with captions; leave --photos out, or name its parent.")
        return cls(tuple(sorted(rows)))

    def __len__(self) -> int:
        return len(self.rows)

    def picture(self, index: int, px: int) -> tuple[Image.Image, str]:
        """Photo `index`, cropped to a px square, and its caption."""
        path, caption = self.rows[index]
        return images.cover(images.read(path), px), caption
