"""SDXL is told each picture's own size and crop: a class image is never told of as the photo beside it."""

import dataclasses

import pytest
import torch
from PIL import Image

from likewise.diffusion.latents import LatentCache
from likewise.dreambooth.config import Config
from likewise.dreambooth.draw import Data, draw
from likewise.dreambooth.loss import loss
from likewise.dreambooth.prior import ClassImage


@pytest.fixture(scope="module")
def told(folders, tmp_path_factory):
    """A tiny SDXL, and data of two photos of odd sizes and a class image of the native one."""
    from likewise import diffusion

    place, backbone = tmp_path_factory.mktemp("pictures"), diffusion.load(folders["sdxl"])
    for name, size in (("wide", (96, 48)), ("small", (20, 30)), ("class", (32, 32))):
        Image.effect_noise(size, 80).convert("RGB").save(place / f"{name}.png")
    cache = LatentCache(None, backbone)
    photos, classes = (
        cache.moments([ClassImage(place / f"{name}.png") for name in names])
        for names in (("wide", "small"), ("class",))
    )
    return backbone, Data((photos,), ("a zxq dog", "the zxq dog"), "a dog", (classes,), hash="data")


def test_row_04_class_images_are_told_of_their_own_sizes_not_the_photos(told):
    backbone, data = told
    batch = draw(data, Config(batch=2), 0, 0, 1000)
    own = {"a zxq dog": [48, 96, 0, 16, 32, 32], "the zxq dog": [30, 20, 8, 0, 32, 32], "a dog": [32, 32, 0, 0, 32, 32]}
    assert [row.tolist() for row in batch.sizes] == [own[prompt] for prompt in batch.prompts]
    assert [row.tolist() for half in batch.halves() for row in half.sizes] == [own[p] for p in batch.prompts]
    text = backbone.encode_text(batch.prompts)
    with torch.no_grad():
        right = loss(backbone, batch, text, Config(batch=2))
        mixed = loss(backbone, dataclasses.replace(batch, sizes=batch.sizes[:2].repeat(2, 1)), text, Config(batch=2))
    assert right["photos"] == mixed["photos"] and right["prior"] != mixed["prior"]


def test_the_teacher_is_told_of_the_photos_that_it_sees(told):
    backbone, data = told
    config, asked = Config(prior="teacher"), []
    batch = draw(data, config, 0, 0, 1000)

    def teacher(noisy, t, sizes):
        asked.append(sizes)
        return torch.zeros_like(noisy)

    loss(backbone, batch, backbone.encode_text(batch.prompts), config, teacher)
    assert torch.equal(asked[0], batch.sizes[1:])
