"""Class images: exactly as many as asked for, always the same ones, and never another model's."""

import pytest

from likewise import images
from likewise.dreambooth import prior
from likewise.dreambooth.config import Config
from likewise.errors import ClassImagesMismatchError

FAST = {"class_steps": 1, "class_guidance": 1.0}


@pytest.fixture
def want(load):
    return prior.wanted(load("sd1"), Config(**FAST), "dog")


def contents(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.png"))}


def test_a_folder_topped_up_equals_one_filled_at_once(load, want, tmp_path):
    backbone = load("sd1")
    assert list(prior.make(backbone, want, tmp_path / "once", 6)) == [0, 4, 6]
    assert list(prior.make(backbone, want, tmp_path / "twice", 3)) == [0, 3]
    assert list(prior.make(backbone, want, tmp_path / "twice", 6)) == [3, 6]
    once = contents(tmp_path / "once")
    assert list(once) == [f"{index:06d}.png" for index in range(6)]
    assert once == contents(tmp_path / "twice")
    assert len(set(once.values())) == 6
    assert list(prior.make(backbone, want, tmp_path / "twice", 6)) == [6]


def test_only_pictures_that_decode_count(load, want, tmp_path):
    backbone = load("sd1")
    list(prior.make(backbone, want, tmp_path, 2))
    before = contents(tmp_path)
    (tmp_path / "000001.png").write_bytes(b"half a picture")
    list(prior.make(backbone, want, tmp_path, 2))
    assert contents(tmp_path) == before


def test_images_are_of_the_native_size_and_say_their_prompt(load, want, tmp_path):
    list(prior.make(load("sd1"), want, tmp_path, 1))
    picture = prior.listed(tmp_path, 1)[0].path
    assert images.read(picture).size == (32, 32)
    assert images.read_metadata(picture)["prompt"] == "a dog"


def test_every_other_image_is_somewhere(load, tmp_path):
    want = prior.wanted(load("sd1"), Config(class_places=True, **FAST), "dog")
    list(prior.make(load("sd1"), want, tmp_path, 4))
    said = [images.read_metadata(picture.path)["prompt"] for picture in prior.listed(tmp_path, 4)]
    assert said == ["a dog", "a dog on a red background", "a dog", "a dog on an orange background"]
    list(prior.make(load("sd1"), want, tmp_path, 4))  # its own folder, read back from JSON, is not refused


@pytest.mark.parametrize(
    "change", [{"class_seed": 1}, {"class_steps": 2}, {"class_prompt": "one {noun}"}, {"class_places": True}]
)
def test_a_folder_of_other_images_is_refused_and_left_alone(load, want, tmp_path, change):
    backbone = load("sd1")
    list(prior.make(backbone, want, tmp_path, 1))
    before = contents(tmp_path)
    other = prior.wanted(backbone, Config(**{**FAST, **change}), "dog")
    assert other.fingerprint != want.fingerprint
    with pytest.raises(ClassImagesMismatchError, match=next(iter(change)).removeprefix("class_")):
        list(prior.make(backbone, other, tmp_path, 1))
    assert contents(tmp_path) == before


def test_another_base_model_or_noun_is_another_folder(load):
    config = Config(**FAST)
    names = {
        prior.wanted(load(family), config, noun).fingerprint for family in ("sd1", "toybox") for noun in ("a", "b")
    }
    assert len(names) == 4


def test_a_folder_with_pictures_of_unknown_origin_is_refused(load, want, tmp_path):
    (tmp_path / "mine.png").write_bytes(b"")
    with pytest.raises(ClassImagesMismatchError, match="does not say what made them"):
        list(prior.make(load("sd1"), want, tmp_path, 1))
