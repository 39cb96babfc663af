"""Captions always name the subject; photos are encoded once, and stay with their captions."""

import pytest
import torch
from PIL import Image

from likewise import imageset
from likewise.dreambooth.config import Config
from likewise.dreambooth.data import caption, captions, prepare
from likewise.dreambooth.draw import draw
from likewise.dreambooth.learn import learn


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, "a zxq dog"),
        ("a dog on the beach", "a zxq dog on the beach"),
        ("My DOG and a dog", "My zxq dog and a dog"),
        ("a zxq dog asleep", "a zxq dog asleep"),
        ("<rex> asleep", "a zxq dog asleep"),
        ("a photo of <rex> dog on grass", "a photo of a zxq dog on grass"),
        ("<rex> and a dog, <rex> Dog", "a zxq dog and a dog, a zxq Dog"),
        ("hotdogs at night", "a zxq dog, hotdogs at night"),
        ("<My-Dog> and a dog", "<My-Dog> and a zxq dog"),
    ],
)
def test_a_caption_names_the_subject_before_its_noun(text, expected):
    assert caption(text, Config(), "zxq", "dog", "<rex>") == expected


def test_captions_that_had_to_be_changed_are_reported():
    final, changed = captions([None, "a dog", "a zxq dog", "<rex>"], Config(), "zxq", "dog", "<rex>")
    assert final == ("a zxq dog", "a zxq dog", "a zxq dog", "a zxq dog")
    assert changed == ["'a dog' -> 'a zxq dog'"]


def test_the_instance_prompt_is_a_setting():
    config = Config(instance_prompt="a photo of one {identifier} {noun}")
    assert caption(None, config, "zxq", "dog") == "a photo of one zxq dog"


@pytest.fixture
def photos(tmp_path):
    """Three photos, each of one colour."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for name, colour in {"a": "red", "b": "green", "c": "blue"}.items():
        Image.new("RGB", (40, 32), colour).save(folder / f"{name}.png")
    return folder


def prepared(backbone, folder, cache, **options):
    photos = imageset.load(folder).photos
    texts = tuple(f"a zxq dog {photo.path.stem}" for photo in photos)
    return prepare(backbone, photos, texts, Config(**{"prior": "none", **options}), "dog", cache=cache)


def test_photos_stay_with_their_captions_through_shuffled_epochs(load, photos, tmp_path):
    backbone = load("sd1")
    data = prepared(backbone, photos, tmp_path / "cache")
    alone = {text: backbone.encode_images(picture(photos, text)).mean[0] for text in data.captions}
    for n in range(9):
        batch = draw(data, Config(prior="none"), 0, n, 1000)
        row = data.captions.index(batch.prompts[0])
        assert (data.photos[0].mean[row] - alone[batch.prompts[0]]).abs().max() < 1e-5


def picture(folder, text):
    from likewise import images

    return images.to_tensor([images.cover(images.read(folder / f"{text[-1]}.png"), 32)])


@pytest.mark.parametrize("text", [False, True])
def test_cached_and_fresh_runs_have_the_same_losses(load, photos, tmp_path, text):
    losses = []
    for cache in (tmp_path / "cache", tmp_path / "cache", None):
        backbone = load("sd1")
        data = prepared(backbone, photos, cache, flip=True, train_text=text)
        config = Config(prior="none", flip=True, steps=3, lr=1e-3, train_text=text)
        losses.append([step.losses for step in learn(backbone, data, config, 0)])
    assert losses[0] == losses[1] == losses[2]


def test_editing_one_photo_encodes_that_one_anew(load, photos, tmp_path):
    backbone = load("sd1")
    before = prepared(backbone, photos, tmp_path / "cache")
    files = set((tmp_path / "cache").rglob("*.safetensors"))
    Image.new("RGB", (40, 32), "white").save(photos / "b.png")
    after = prepared(backbone, photos, tmp_path / "cache")
    assert len(set((tmp_path / "cache").rglob("*.safetensors")) - files) == 1
    same = [torch.equal(a, b) for a, b in zip(before.photos[0].mean, after.photos[0].mean, strict=True)]
    assert same == [True, False, True]
    assert before.hash != after.hash


def test_mirrored_photos_are_a_second_view(load, photos, tmp_path):
    data = prepared(load("sd1"), photos, None, flip=True)
    assert len(data.photos) == 2 and data.photos[0].mean.shape == data.photos[1].mean.shape


def test_a_share_of_the_captions_is_dropped_for_the_instance_prompt(load, photos, tmp_path):
    backbone = load("sd1")
    shots = imageset.load(photos).photos
    texts = tuple(f"a zxq dog in {photo.path.stem}" for photo in shots)
    config = Config(prior="none", caption_dropout=0.25, steps=2, rank=2, alpha=2)
    data = prepare(backbone, shots, texts, config, "dog", plain="a zxq dog")
    said = [draw(data, config, 0, n, 1000).prompts[0] for n in range(400)]
    assert 70 <= said.count("a zxq dog") <= 130 and set(said) == {*texts, "a zxq dog"}
    assert said == [
        prompt
        for n in range(0, 400, 4)
        for prompt in draw(data, config.model_copy(update={"batch": 4}), 0, n, 1000).prompts
    ]
    kept = [draw(data, Config(prior="none"), 0, n, 1000) for n in range(9)]
    dropped = [draw(data, config, 0, n, 1000) for n in range(9)]
    assert all((a.latents == b.latents).all() for a, b in zip(kept, dropped, strict=True))  # only the words change
    assert len(list(learn(backbone, data, config, 0))) == 2
