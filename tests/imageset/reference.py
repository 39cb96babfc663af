"""Real photos for calibration, where the data folder is at hand."""

import os
from pathlib import Path

BESIDE = Path(__file__).resolve().parents[2].parent / "shared" / "data"


def photos_of(collection: str) -> list[Path]:
    """The JPEG photos of a collection, from LIKEWISE_DATA or the folder beside the repository; [] without it."""
    root = Path(os.environ.get("LIKEWISE_DATA", BESIDE)) / collection
    return sorted(root.glob("*/*.jpg"))
