import json
import re

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from images.pictures import noise, save_huge_png, swapped_profile
from likewise import checkpoint, images
from likewise.errors import ImageFileError, PictureMetadataError

SETTINGS = {
    "prompt": 'a <robot-toy> in the snow, 雪 ❄ "quoted"',
    "negative": "blurry",
    "steps": 20,
    "scheduler": "dpmsolver++",
    "guidance": 5.0,
    "seed": 7,
    "size": [128, 128],
    "backbone": "toybox",
    "version": "0.1.0",
}


def test_settings_and_pixels_come_back(tmp_path):
    images.write_png(tmp_path / "a b ü.png", noise(), SETTINGS)
    assert images.read_metadata(tmp_path / "a b ü.png") == SETTINGS
    assert np.array_equal(np.asarray(images.read(tmp_path / "a b ü.png")), np.asarray(noise()))


def test_the_same_picture_and_settings_give_the_same_bytes(tmp_path):
    images.write_png(tmp_path / "a.png", noise(), SETTINGS)
    images.write_png(tmp_path / "b.png", noise(), dict(reversed(SETTINGS.items())))
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_other_programs_find_their_parameters(tmp_path):
    images.write_png(tmp_path / "a.png", noise(), SETTINGS)
    prompt, negative, last = Image.open(tmp_path / "a.png").info["parameters"].split("\n")
    assert prompt == SETTINGS["prompt"] and negative == "Negative prompt: blurry"
    pairs = dict(re.findall(r'([\w ]+): ("(?:\\.|[^"])*"|[^,]*)(?:, |$)', last))  # A1111's own pattern, in short
    assert pairs["Steps"] == "20" and pairs["Seed"] == "7" and pairs["Size"] == "128x128"
    assert pairs["CFG scale"] == "5.0" and pairs["Version"] == "likewise 0.1.0"


def test_without_settings_the_file_carries_no_text(tmp_path):
    photo = noise()
    photo.info = {"icc_profile": swapped_profile(), "comment": "home address", "exif": b"Exif\x00\x00"}
    images.write_png(tmp_path / "a.png", photo)
    assert Image.open(tmp_path / "a.png").info == {}


def test_a_failed_write_leaves_the_old_picture(tmp_path, monkeypatch):
    images.write_png(tmp_path / "a.png", noise(1))
    before = (tmp_path / "a.png").read_bytes()

    def full(path, data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint, "write_bytes", full)
    with pytest.raises(OSError, match="No space"):
        images.write_png(tmp_path / "a.png", noise(2))
    assert (tmp_path / "a.png").read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["a.png"]


def with_text(path, **chunks):
    info = PngImagePlugin.PngInfo()
    for name, text in chunks.items():
        info.add_text(name, text)
    noise().save(path, pnginfo=info)
    return path


@pytest.mark.parametrize(
    ("chunks", "reason"),
    [
        ({}, "it has none"),
        ({"parameters": "a cat\nSteps: 20"}, "another program"),
        ({"workflow": "{}"}, "ComfyUI"),
        ({"likewise": "{not json"}, "they are no JSON"),
        ({"likewise": "[1, 2]"}, "they are a list"),
        ({"likewise": "[" * 100_000}, "they are no JSON"),
        ({"likewise": json.dumps({"prompt": "x" * (1 << 20)})}, "1,048,590 characters .* 1,048,576 is the most"),
    ],
)
def test_unusable_settings_are_told_by_what_was_found(tmp_path, chunks, reason):
    with pytest.raises(PictureMetadataError, match=rf"a\.png carries no settings of Likewise: .*{reason}"):
        images.read_metadata(with_text(tmp_path / "a.png", **chunks))


def test_a_compressed_bomb_of_text_is_refused(tmp_path):
    info = PngImagePlugin.PngInfo()
    info.add_text("likewise", "x" * 3_000_000, zip=True)
    noise().save(tmp_path / "a.png", pnginfo=info)
    with pytest.raises(PictureMetadataError):
        images.read_metadata(tmp_path / "a.png")


def test_what_is_no_png_is_refused(tmp_path):
    noise().save(tmp_path / "a.jpg")
    (tmp_path / "cut.png").write_bytes(b"\x89PNG\r\n\x1a\n\x00\x00")
    save_huge_png(tmp_path / "huge.png")
    for name in ("a.jpg", "cut.png", "huge.png"):
        with pytest.raises(PictureMetadataError, match=re.escape(name)):
            images.read_metadata(tmp_path / name)
    with pytest.raises(ImageFileError, match="no such file"):
        images.read_metadata(tmp_path / "none.png")
