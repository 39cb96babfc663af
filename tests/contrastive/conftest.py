"""A folder of 24 small drawings in three classes, with captions, made for the tests."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from likewise.seeds import numpy_stream

CLASSES = {"red-disc": (200, 40, 40), "green-box": (40, 160, 60), "blue-bar": (40, 60, 200)}
EACH = 8


def drawing(name: str, number: int) -> Image.Image:
    random = numpy_stream(0, name, number)
    ground = tuple(int(x) for x in random.integers(180, 255, 3))
    image = Image.new("RGB", (40, 40), ground)
    draw = ImageDraw.Draw(image)
    x, y = (int(v) for v in random.integers(4, 16, 2))
    box = {"red-disc": [x, y, x + 18, y + 18], "green-box": [x, y, x + 16, y + 16], "blue-bar": [x, y, x + 20, y + 7]}
    (draw.ellipse if name == "red-disc" else draw.rectangle)(box[name], fill=CLASSES[name])
    return image


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("drawings")
    for name in CLASSES:
        (place / name).mkdir()
        for number in range(EACH):
            drawing(name, number).save(place / name / f"{name}-{number}.png")
            words = name.replace("-", " ")
            (place / name / f"{name}-{number}.txt").write_text(f"a photo of {words}, number {number % 2}")
    return place


class Colours:
    """An encoder of mean colours: unit rows of 3 numbers."""

    name, hash, preprocessing, dimension = "colours", "c0105", "mean colour", 3

    def embed(self, images):
        rows = np.stack([np.asarray(image, dtype=np.float32).mean((0, 1)) - 128 for image in images])
        return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture
def colours():
    return Colours()
