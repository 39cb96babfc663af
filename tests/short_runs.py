"""Runs of teach that take seconds: a folder of photos, previews without drawing, and the step of a short learn()."""

import shutil

import pytest
from PIL import Image

from likewise.teach import teach
from likewise.tuning import preview


@pytest.fixture(autouse=True)
def no_pictures(monkeypatch):
    """Drawing previews takes most of the time, so one run draws them for all; see `left_alone`."""
    blank = Image.new("RGB", (32, 32))
    monkeypatch.setattr(preview, "draw", lambda _, asked, *__, **___: [blank] * len(asked))


def three_photos(folder):
    """Three photos of one colour each."""
    folder.mkdir()
    for name, colour in {"a": "red", "b": "green", "c": "blue"}.items():
        Image.new("RGB", (40, 32), colour).save(folder / f"{name}.png")
    return folder


@pytest.fixture
def photos(tmp_path):
    return three_photos(tmp_path / "My Dog")


def left_alone(base, place, settings):
    """A finished run with these settings, and with its previews."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LIKEWISE_HOME", str(place / "home"))
        patch.setattr(preview, "STEPS", 1)
        patch.setattr(preview, "FINE", 1)
        return teach(three_photos(place / "My Dog"), "dog", backbone=base, out=place / "run", **settings)


@pytest.fixture
def again(finished, tmp_path):
    """A copy of the finished run to go on with, whose concept is not in the library yet."""
    return shutil.copytree(finished.run, tmp_path / "run")


def follow(generator, last):
    """The steps of a learn() until step `last`, and the state there."""
    steps = []
    for step in generator:
        steps.append(step)
        if step.index == last:
            break
    state = steps[-1].state() if steps and steps[-1].index == last else None
    generator.close()
    return steps, state
