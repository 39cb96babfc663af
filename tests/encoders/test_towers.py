"""The towers as an encoder: rows of unit length that depend on nothing but their own picture or text."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from likewise import encoders
from likewise.diffusion import tiny
from likewise.diffusion.folder import Folder
from likewise.encoders.towers import LOGIT_SCALE_MAX, ImageTower, Towers, text_tower
from likewise.errors import BrokenFileError, PromptTooLongError
from likewise.seeds import initialising
from likewise.toybox import publish

IMAGE = {"widths": [8, 16], "blocks": 1, "dim": 12}
TEXTS = ["a dog", "a cat on the beach in the snow", "", "a red house", "one two three four five six seven"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Towers of random weights beside a tiny pipeline, as they are shipped."""
    parent = tmp_path_factory.mktemp("weights")
    pipeline = Folder(tiny.pipeline(parent / "toybox"))
    with initialising(0, "test"):
        towers = Towers(ImageTower(**IMAGE), pipeline.text_encoder(), 8)
    return publish.towers(parent / "towers", towers, IMAGE)


@pytest.fixture(scope="module")
def encoder(folder):
    return encoders.load(folder)


@pytest.fixture(scope="module")
def pictures():
    rng = np.random.default_rng(0)
    return [
        Image.fromarray(rng.integers(0, 255, (h, w, 3), dtype=np.uint8)) for h, w in [(40, 60), (128, 128), (90, 30)]
    ]


def test_it_reads_pictures_and_texts_into_one_space(encoder, pictures):
    assert isinstance(encoder, encoders.TextEncoder)
    for rows, count in ((encoder.embed(pictures), 3), (encoder.embed_texts(TEXTS), 5)):
        assert rows.shape == (count, 8) == (count, encoder.dimension) and rows.dtype == np.float32
        assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-6)
    assert encoder.embed([]).shape == encoder.embed_texts([]).shape == (0, 8)


def test_a_row_does_not_depend_on_its_company(encoder, pictures):
    together = encoder.embed_texts(TEXTS * 4)
    for index, text in enumerate(TEXTS):
        alone = encoder.embed_texts([text])[0]
        assert np.array_equal(alone, together[index]) and np.array_equal(alone, together[index + 15])
    assert np.array_equal(encoder.embed(pictures[2:])[0], encoder.embed(pictures * 4)[11])


def test_a_text_row_does_not_depend_on_its_padding():
    with initialising(0, "test"):
        towers = Towers(ImageTower((8,), 1, 12), text_tower(30, 12, 48, 2), 8).eval()
    ids = torch.tensor([[28, 3, 4, 29]])
    rows = []
    with torch.no_grad():
        for length in (4, 6, 12):
            padded = torch.full((1, length), 29)
            padded[:, :4] = ids
            rows.append(towers.embed_texts(padded))
    assert torch.allclose(rows[0], rows[1], atol=1e-6) and torch.allclose(rows[0], rows[2], atol=1e-6)


def test_a_text_that_is_too_long_is_refused(encoder):
    with pytest.raises(PromptTooLongError):
        encoder.embed_texts(["dog " * 80])


def test_the_hash_is_that_of_the_weights(encoder, folder):
    assert encoders.load(folder).hash == encoder.hash
    other = changed(encoder, 1.5)
    assert other.hash != encoder.hash


def changed(encoder, factor):
    """The same encoder with one weight changed."""
    from copy import deepcopy

    from likewise.encoders.toybox import ToyboxTowers

    towers = deepcopy(encoder.towers)
    towers.image_projection.weight.data[0, 0] *= factor
    return ToyboxTowers(towers, encoder.tokenizer)


def test_the_temperature_cannot_run_away():
    with initialising(0, "test"):
        towers = Towers(ImageTower((8,), 1, 12), text_tower(30, 12, 48, 1), 8)
    assert towers.scale.item() == pytest.approx(1 / 0.07, rel=1e-2)
    towers.log_scale.data.fill_(50.0)
    assert towers.scale.item() == LOGIT_SCALE_MAX


def test_towers_that_do_not_fit_their_config_are_refused(folder, tmp_path):
    import shutil

    parent = tmp_path / "weights"
    shutil.copytree(folder.parent, parent)
    config = json.loads((parent / "towers" / "config.json").read_text())
    config["image"]["widths"] = [8, 24]
    (parent / "towers" / "config.json").write_text(json.dumps(config))
    with pytest.raises(BrokenFileError, match="does not fit its config"):
        encoders.load(parent / "towers")
