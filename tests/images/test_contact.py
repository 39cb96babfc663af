import numpy as np
import pytest
from PIL import Image, ImageFont

from images.pictures import noise
from likewise import images
from likewise.images.contact import PAPER, drawable, wrap

FONT = ImageFont.load_default(12)


def test_every_picture_is_whole_and_in_reading_order():
    colours = ["red", "lime", "blue", "black", "yellow"]
    sheet = images.sheet([Image.new("RGB", (40, 30), colour) for colour in colours], columns=3, pad=5)
    found = [tuple(pixel) for pixel in np.asarray(sheet).reshape(-1, 3)]
    for colour in colours:
        assert found.count(Image.new("RGB", (1, 1), colour).getpixel((0, 0))) == 40 * 30
    assert sheet.getpixel((0, 0)) == PAPER
    assert sheet.getpixel((30, 25)) == (255, 0, 0) and sheet.getpixel((30, 65)) == (0, 0, 0)


@pytest.mark.parametrize("count", [1, 2, 4, 5])
def test_labels_take_room_below_and_never_cover_a_picture(count):
    tiles = [Image.new("RGB", (64, 64), "red")] * count
    bare = images.sheet(tiles)
    labelled = images.sheet(tiles, ["a label of quite some length that needs two lines"] * count, title="A title")
    assert labelled.width == bare.width and labelled.height > bare.height
    reds = (np.asarray(labelled) == (255, 0, 0)).all(axis=2).sum()
    assert reds == count * 64 * 64


def test_large_pictures_are_fitted_into_a_given_cell_and_small_ones_stay():
    sheet = images.sheet([Image.new("RGB", (400, 200), "red"), Image.new("RGB", (10, 10), "blue")], cell=(50, 50))
    pixels = np.asarray(sheet)
    assert (pixels == (255, 0, 0)).all(axis=2).sum() == 50 * 25
    assert (pixels == (0, 0, 255)).all(axis=2).sum() == 10 * 10


@pytest.mark.parametrize("text", ["short", "some words that go on " * 9, "x" * 300, "", "seed 0, step 400\nnew line"])
def test_labels_fit_their_width_in_two_lines(text):
    lines = wrap(text, FONT, 100).split("\n")
    assert len(lines) <= 2
    assert all(FONT.getlength(line) <= 100 for line in lines)
    assert ("…" in wrap(text, FONT, 100)) == (len(text) > 40)


def test_letters_that_the_font_lacks_are_replaced_by_readable_ones():
    assert drawable("Größe \u2013 café 雪", FONT) == "Grosse - cafe ?"


def test_labels_must_match_the_pictures():
    with pytest.raises(AssertionError, match="a label for every picture"):
        images.sheet([noise()], ["a", "b"])
