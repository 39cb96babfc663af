"""Where pictures go: numbered PNG files that carry their settings, and a contact sheet, never over older files."""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path
from typing import Any

from PIL.Image import Image

from likewise import images
from likewise.errors import OutputFolderError

_NUMBERED = re.compile(r"(\d+)\.png", re.IGNORECASE)


@dataclass(frozen=True)
class Picture:
    """A picture, all that is needed to draw it again, and its file if it was written."""

    image: Image
    metadata: dict[str, Any]
    path: Path | None = None


class Output:
    """A folder of pictures; numbering goes on after what it holds."""

    def __init__(self, folder: Path) -> None:
        """Check the place before anything is drawn; OutputFolderError if it cannot be a folder."""
        if os.path.lexists(folder) and not folder.is_dir():
            raise OutputFolderError(folder)
        self.folder = folder
        self._first = 1 + max((int(found[1]) for found in map(_NUMBERED.fullmatch, self._names()) if found), default=0)

    def write(self, index: int, image: Image, metadata: Mapping[str, Any]) -> Path:
        """Write picture `index` of this call, from 0."""
        path = self.folder / f"{self._first + index:04d}.png"
        images.write_png(path, image, metadata)
        return path

    def sheet(self, pictures: Sequence[Picture], columns: int) -> Path:
        """Write all pictures of this call on one sheet, each with its prompt and seed."""
        labels = [f"{picture.metadata['prompt']} · seed {picture.metadata['seed']}" for picture in pictures]
        taken = {name.lower() for name in self._names()}
        names = chain(["sheet.png"], (f"sheet-{number:04d}.png" for number in count(self._first)))
        name = next(name for name in names if name not in taken)
        images.write_png(self.folder / name, images.sheet([one.image for one in pictures], labels, columns))
        return self.folder / name

    def _names(self) -> list[str]:
        return os.listdir(self.folder) if self.folder.is_dir() else []
