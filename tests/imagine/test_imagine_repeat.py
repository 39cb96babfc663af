"""A PNG says how it was drawn, and is drawn again on the same weights or not at all."""

import warnings

import numpy as np
import pytest
from concepts import with_lora
from PIL import Image

from likewise import diffusion, images
from likewise.concept import library
from likewise.diffusion import loading
from likewise.errors import (
    ChangedModelError,
    DifferentPictureWarning,
    LikewiseWarning,
    ModelNotFoundError,
    PictureMetadataError,
    UnknownConceptError,
)
from likewise.imagine import from_png, imagine


@pytest.fixture
def rob(sd1, tmp_path):
    return library().add(with_lora(sd1, tmp_path / "rob"))


@pytest.fixture
def picture(sd1, rob, tmp_path):
    """One of several pictures of a concept, with settings all its own."""
    settings = {"negative": "blur", "guidance": 3.5, "steps": 3, "scheduler": "unipc", "n": 3, "batch": 2}
    concepts = [rob.scaled(0.7)]
    return imagine("<rob> on the beach", backbone=sd1, concepts=concepts, out=tmp_path / "out", **settings)[1].path


def test_it_is_the_same_file_byte_for_byte(picture, sd1, tmp_path):
    again = from_png(picture, backbone=sd1, out=tmp_path / "again")
    assert again[0].path.read_bytes() == picture.read_bytes()


def test_an_embedded_model_is_found_by_its_name(folders, monkeypatch, tmp_path):
    monkeypatch.setattr(loading, "toybox_folder", lambda: folders["toybox"])
    first = imagine("a dog", n=1, steps=1, device="cpu", out=tmp_path)[0]
    assert from_png(first.path, device="cpu")[0].image.tobytes() == first.image.tobytes()


def test_another_model_must_be_given_and_be_the_same(picture, folders, tmp_path):
    with pytest.raises(ModelNotFoundError, match=r"sd1.*give its folder"):
        from_png(picture)
    changed = diffusion.load(folders["sd1"])
    changed.__dict__["hash"] = "0" * 64
    with pytest.raises(ChangedModelError, match="base model sd1"):
        from_png(picture, backbone=changed)


def test_the_concept_must_be_there_and_be_the_same(picture, rob, sd1, tmp_path):
    library().delete("rob")
    with pytest.raises(UnknownConceptError, match="<rob>"):
        from_png(picture, backbone=sd1)
    library().add(with_lora(sd1, tmp_path / "other", seed=1))
    with pytest.raises(ChangedModelError, match="concept <rob>"):
        from_png(picture, backbone=sd1)
    original = with_lora(sd1, tmp_path / "original")
    assert from_png(picture, backbone=sd1, concepts=[original])[0].path is None


def test_pixels_that_differ_all_the_same_are_told_of(picture, sd1):
    edited = np.asarray(images.read(picture)).copy()
    edited[0, 0, 0] ^= 64
    images.write_png(picture, Image.fromarray(edited), images.read_metadata(picture))
    with pytest.warns(DifferentPictureWarning, match="up to 64 of 255"):
        from_png(picture, backbone=sd1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"seed": "many"}, "seed"), ({"size": [32]}, "size"), ({"concepts": [{"name": "rob"}]}, "concepts")],
)
def test_settings_that_cannot_be_used_say_which(picture, sd1, changes, message):
    images.write_png(picture, images.read(picture), {**images.read_metadata(picture), **changes})
    with pytest.raises(PictureMetadataError, match=message):
        from_png(picture, backbone=sd1)


def test_a_picture_without_settings_is_told_of(sd1, tmp_path):
    Image.new("RGB", (4, 4)).save(tmp_path / "a.png")
    with pytest.raises(PictureMetadataError):
        from_png(tmp_path / "a.png", backbone=sd1)


def test_what_a_later_version_adds_is_let_be(picture, sd1):
    images.write_png(picture, images.read(picture), {**images.read_metadata(picture), "mood": "blue"})
    with warnings.catch_warnings():
        warnings.simplefilter("error", LikewiseWarning)
        from_png(picture, backbone=sd1)
