"""Photos, and tiny models that are loaded once a module."""

import numpy as np
import pytest
from PIL import Image

from tiny_models import folders, sd1, sdxl, toybox

__all__ = ["folders", "sd1", "sdxl", "toybox"]


@pytest.fixture
def folder(tmp_path):
    """Three photos, each of its own colours."""
    place = tmp_path / "photos"
    place.mkdir()
    for index in range(3):
        values = np.random.default_rng(index).integers(0, 256, (8, 12, 3), dtype=np.uint8)
        Image.fromarray(values).resize((48, 32), Image.Resampling.NEAREST).save(place / f"{index}.png")
    return place
