"""Tiny models, judges made by hand, and a small tree."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from made_trees import SMALL, Judge, photos, plant

from tiny_models import folders, sd1, sdxl, toybox

__all__ = ["folders", "sd1", "sdxl", "toybox"]


@pytest.fixture
def judge():
    return Judge("mosaic", 0)


@pytest.fixture
def settings():
    """Options of a split that takes a second."""
    return dict(SMALL)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """A folder of three photos."""
    return photos(tmp_path_factory.mktemp("photos"))


@pytest.fixture(scope="module")
def grown(sd1, pictures, tmp_path_factory):
    """A tree of depth 1, not to be changed."""
    return plant(sd1, pictures, tmp_path_factory.mktemp("trees") / "cat", depth=1)
