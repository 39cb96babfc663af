"""Pictures named on a command line: files as they are, folders with all that is inside."""

from collections.abc import Sequence
from pathlib import Path

from likewise.errors import ImageFolderError
from likewise.imageset.listing import scan


def found(places: Sequence[str | Path]) -> list[Path]:
    """Every picture of these files and folders, each once, folders in the order of their names.

    ImageFolderError where a folder holds none, or nothing was found at all; whether a file can be read shows later.
    """
    paths: list[Path] = []
    for place in map(Path, places):
        inside = scan(place, recursive=True).photos if place.is_dir() else [place]
        if not inside:
            raise ImageFolderError(place, "holds no pictures")
        paths += inside
    return list(dict.fromkeys(paths))
