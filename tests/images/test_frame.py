import numpy as np
import pytest
from PIL import Image

from images.pictures import noise
from likewise import images


@pytest.mark.parametrize("size", [(40, 24), (24, 40), (24, 24), (25, 24), (1, 300), (8, 8), (1000, 7)])
@pytest.mark.parametrize("target", [24, (24, 24), (31, 17)])
def test_cover_gives_exactly_the_size(size, target):
    expected = (24, 24) if isinstance(target, int) else target
    assert images.cover(noise(size=size), target).size == expected


def test_cover_of_the_same_size_changes_no_pixel():
    assert np.array_equal(np.asarray(images.cover(noise(), (32, 24))), np.asarray(noise()))


def test_cover_keeps_the_middle_and_cuts_the_same_on_both_sides():
    image = Image.new("RGB", (30, 10), "red")
    image.paste("blue", (10, 0, 20, 10))
    covered = np.asarray(images.cover(image, 10))
    assert (covered == (0, 0, 255)).all()


def test_cover_of_a_mirrored_picture_is_the_mirrored_cover():
    flip = Image.Transpose.FLIP_LEFT_RIGHT
    image = noise(size=(53, 31))
    first, second = images.cover(image.transpose(flip), 16), images.cover(image, 16).transpose(flip)
    assert np.abs(np.asarray(first).astype(int) - np.asarray(second)).max() <= 1


def test_cover_equals_resizing_first_and_cropping_then():
    image = noise(size=(80, 40))
    slow = image.resize((32, 16), Image.Resampling.LANCZOS).crop((8, 0, 24, 16))
    assert np.abs(np.asarray(images.cover(image, 16)).astype(int) - np.asarray(slow)).max() <= 1


def test_fit_shows_everything_and_pads():
    fitted = np.asarray(images.fit(Image.new("RGB", (30, 10), "red"), 30, fill=(1, 2, 3)))
    assert (fitted[10:20] == (255, 0, 0)).all()
    assert (fitted[:10] == (1, 2, 3)).all() and (fitted[20:] == (1, 2, 3)).all()
