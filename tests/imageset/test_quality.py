import io

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageFilter

from images.pictures import noise
from imageset.reference import photos_of
from likewise import images
from likewise.imageset.quality import ALIKE, BLURRED, FLAT, black_bars, measure, sharpness, thumbnail, twins

PHOTOS = photos_of("dreambooth") + photos_of("concept_tree")
real = pytest.mark.skipif(not PHOTOS, reason="the photos of the data folder are not here (LIKEWISE_DATA)")


def read(path, cache={}):  # noqa: B006 - a cache on purpose: every photo is decoded once
    return cache.setdefault(path, images.read(path))


def slow_laplacian(grey):
    """One pixel at a time, in plain Python."""
    rows, columns = len(grey), len(grey[0])
    return [
        4 * grey[y][x] - grey[y - 1][x] - grey[y + 1][x] - grey[y][x - 1] - grey[y][x + 1]
        for y in range(1, rows - 1)
        for x in range(1, columns - 1)
    ]


def test_sharpness_of_one_tile_is_the_variance_of_the_laplacian():
    grey = np.random.default_rng(0).uniform(0, 255, (6, 3)).astype(np.float32)  # a Laplacian of 4 x 1: one value a tile
    assert sharpness(grey) == 0.0
    grey = np.tile(grey[:3, :3], (1, 1))
    assert np.var(slow_laplacian(grey.tolist())) == pytest.approx(sharpness(grey), abs=1e-3)


def test_sharpness_is_that_of_the_sharpest_tile():
    grey = np.zeros((66, 66), dtype=np.float32)
    grey[1:17, 1:17] = np.random.default_rng(0).uniform(0, 255, (16, 16))
    whole = np.pad(grey[:18, :18], 0)
    expected = np.var(np.array(slow_laplacian(whole.tolist())).reshape(16, 16))
    assert sharpness(grey) == pytest.approx(expected, rel=1e-4)


def test_flat_pictures_have_neither_contrast_nor_likeness():
    flat = Image.new("RGB", (64, 64), "navy")
    assert measure(flat).contrast < FLAT
    assert twins([thumbnail(flat), thumbnail(flat)]) == [None, None]


@pytest.mark.parametrize("sides", ["left and right", "top and bottom"])
def test_black_bars_are_measured_in_both_directions(sides):
    image = Image.new("RGB", (100, 100), "black")
    wide = sides == "top and bottom"
    image.paste(noise(size=(100, 80) if wide else (80, 100)), (0, 10) if wide else (10, 0))
    assert measure(image).bars == pytest.approx(0.2, abs=0.02)


@pytest.mark.parametrize("kind", ["night", "one side", "dark", "none", "fading"])
def test_dark_pictures_are_not_taken_for_barred_ones(kind):
    grey = np.random.default_rng(0).uniform(60, 255, (64, 64)).astype(np.float32)
    if kind == "night":
        grey[:] = 3
    if kind == "one side":
        grey[:, :10] = 0
    if kind == "dark":
        grey /= 40
    if kind == "fading":  # a vignette has no hard edge
        grey *= np.minimum(1, np.abs(np.arange(64) - 31.5)[::-1] / 16).clip(0, 1)
        grey *= np.sin(np.linspace(0, np.pi, 64)) ** 4
    assert black_bars(grey) == 0.0


def test_the_most_alike_of_the_earlier_photos_is_named():
    looks = [thumbnail(noise(seed)) for seed in (0, 1, 2)]
    nearly = looks[1] + 0.01 * looks[0]
    assert twins([*looks, nearly / np.linalg.norm(nearly), looks[2]]) == [None, None, None, 1, 2]
    assert twins([]) == []


@pytest.mark.parametrize("size", [(1, 1), (2, 50), (3, 3), (5, 2000)])
def test_tiny_and_thin_pictures_are_measured_too(size):
    found = measure(noise(size=size))
    assert found.sharpness >= 0 and 0 <= found.bars <= 1


@real
def test_no_real_photo_is_called_blurred_flat_or_a_double():
    found = [measure(read(path)) for path in PHOTOS]
    assert min(one.sharpness for one in found) > 2 * BLURRED
    assert min(one.contrast for one in found) > 4 * FLAT
    for folder in {path.parent for path in PHOTOS}:
        looks = np.stack([thumbnail(read(path)) for path in PHOTOS if path.parent == folder])
        alike = 1 - looks @ looks.T + 9 * np.eye(len(looks))
        assert alike.min() > 1.5 * ALIKE


@real
def test_every_strongly_blurred_photo_is_called_so():
    for path in PHOTOS[::4]:
        image = read(path)
        blurred = image.filter(ImageFilter.GaussianBlur(3 * min(image.size) / 512))
        assert measure(blurred).sharpness < BLURRED


def recompressed(image):
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=30)
    return Image.open(buffer).convert("RGB")


COPIES = {
    "recompressed": recompressed,
    "halved": lambda image: image.resize((image.width // 2, image.height // 2)),
    "brighter": lambda image: ImageEnhance.Brightness(image).enhance(1.2),
    "darker": lambda image: ImageEnhance.Brightness(image).enhance(0.7),
    "cropped": lambda image: image.crop(
        (image.width * 0.03, image.height * 0.03, image.width * 0.97, image.height * 0.97)
    ),
}


@real
@pytest.mark.parametrize("copy", COPIES)
def test_copies_of_real_photos_are_found(copy):
    for path in PHOTOS[::4]:
        assert twins([thumbnail(read(path)), thumbnail(COPIES[copy](read(path)))]) == [None, 0]
