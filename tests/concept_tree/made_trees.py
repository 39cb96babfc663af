"""Judges, photos and small trees for these tests."""

import shutil
import warnings

import numpy as np
from PIL import Image

from likewise.concept_tree import Config, Tree, decompose
from likewise.concept_tree.split import LEFT, RIGHT
from likewise.errors import LikewiseWarning

SMALL = {
    "seeds": (0, 1000), "test_steps": 2, "steps": 4, "every": 2, "batch": 2, "images": 3, "central": 2,
    "draw_steps": 1, "rows": 8, "accumulation": 1, "initializer": "dog", "lr": 5e-2,
}  # fmt: skip


class Judge:
    """An encoder of pictures as a random view of their 4 x 4 mosaics; another seed is another encoder."""

    preprocessing, dimension = "mosaic 4x4", 16

    def __init__(self, name, seed):
        self.name, self.hash = name, f"{seed:064x}"
        self.view = np.random.default_rng(seed).standard_normal((48, 16))
        self.seen = 0

    def embed(self, images):
        self.seen += len(images)
        rows = [np.asarray(one.resize((4, 4)), np.float64).reshape(-1) / 255 - 0.5 for one in images]
        rows = np.stack(rows) @ self.view if rows else np.zeros((0, 16))
        return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


class Planted:
    """An encoder that knows which seed and word drew a picture by its colour, and says what it was told to."""

    name, hash, preprocessing, dimension = "planted", "f" * 64, "none", 3

    def __init__(self, rows):
        self.rows = rows  # the first pixel's red value -> a row

    def embed(self, images):
        return np.stack([self.rows[one.getpixel((0, 0))[0]] for one in images]).astype(np.float32)


def photos(folder, count=3):
    """A folder of photos of noise over one colour."""
    folder.mkdir(exist_ok=True)
    for index in range(count):
        noise = np.random.default_rng(index).integers(0, 60, (40, 48, 3))
        Image.fromarray((noise + np.array([150, 90, 30])).astype(np.uint8)).save(folder / f"{index}.png")
    return folder


def plant(backbone, source, out, depth=1, judges=None, **options):
    """A small tree, whatever the judges think of it, kept out of the library."""
    chosen = {**SMALL, **options}
    how = {"name": "cat", "force": True, "install": False, "backbone": backbone, **_own(chosen)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LikewiseWarning)  # photos of noise are not alike, and such words are long
        return decompose(source, out=out, depth=depth, encoders=judges or [Judge("mosaic", 0)], **how, **chosen)


def _own(chosen):
    names = ("nodes", "again", "force", "name", "install", "report")
    return {name: chosen.pop(name) for name in names if name in chosen}


def config(**changes):
    """The small settings."""
    return Config(**{**SMALL, **changes})


def first(step, words):
    """A judge that always takes the first seed."""
    return list(words)[:1]


def vector(words):
    """Both words as one row of numbers."""
    return np.concatenate([words[LEFT].numpy().ravel(), words[RIGHT].numpy().ravel()])


def files(folder):
    """Every file under a folder: name -> bytes."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def copied(tree, target):
    """A tree of its own, to be changed."""
    shutil.copytree(tree.folder, target / "cat")
    return Tree.open(target / "cat")
