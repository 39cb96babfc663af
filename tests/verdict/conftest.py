"""A tiny base model, a run folder on it, and a method whose checkpoints are one number: how far the model is bent."""

import sys
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from PIL import Image
from synthetic import Colours

from likewise import checkpoint, encoders, images, registry
from likewise.encoders import loading
from likewise.errors import EncoderMissingError
from tiny_models import folders, toybox  # noqa: F401


@contextmanager
def applied(backbone, tensors, settings):
    """The checkpoint's number scales the U-Net's last layer while inside."""
    layer = backbone.unet.conv_out
    before = layer.weight.data.clone()
    layer.weight.data = before * tensors["bend"]
    try:
        yield
    finally:
        layer.weight.data = before


@pytest.fixture
def method(monkeypatch):
    """Registers the method above as "bending"."""
    monkeypatch.setitem(sys.modules, "bending", sys.modules[__name__])
    bending = registry.Method("bending.config:Config", "bending.learn:learn", "Bends the model.", lesson="bending")
    monkeypatch.setattr(registry, "METHODS", {"bending": bending})


@pytest.fixture
def run(tmp_path, toybox, method):  # noqa: F811
    """A run with two checkpoints, of steps 5 and 10, and three photos."""
    folder = tmp_path / "run"
    words = {"method": "bending", "name": "bit", "noun": "toy", "identifier": "qzx", "backbone": "toybox"}
    facts = {"base_hash": toybox.hash, "photos_hash": "ab" * 32}
    checkpoint.write_json(folder / "config.json", {"format": 1, **words, **facts, "seed": 0, "settings": {}})
    for index in range(3):
        values = np.random.default_rng(index).integers(0, 256, (8, 8, 3), dtype=np.uint8)
        photo = Image.fromarray(values).resize((150, 130), Image.Resampling.BICUBIC)
        images.write_png(folder / "photos" / f"{index:03d}.png", photo)
    for step in (5, 10):
        place = checkpoint.numbered(folder / "checkpoints", step)
        checkpoint.save_state(place, {"bend": torch.tensor(1 + step / 20)}, {"step": step})
    return folder


@pytest.fixture
def colours(monkeypatch):
    """Every encoder is the one that reads colours; it remembers the texts it was asked to read."""
    one = Colours()
    monkeypatch.setattr(encoders, "load", lambda name, **_: one)
    return one


@pytest.fixture
def no_towers(monkeypatch):
    """The embedded text and image towers are not there."""
    real = loading.load

    def load(name, **options):
        if name == "toybox":
            raise EncoderMissingError(name)
        return real(name, **options)

    monkeypatch.setattr(encoders, "load", load)
