"""Tiny models of every family, also in double precision."""

import sys
from pathlib import Path

import pytest
from fabric_made import run

from likewise import diffusion
from tiny_models import folders, sd1, sdxl, toybox

sys.path.insert(0, str(Path(__file__).parents[1] / "concept"))

__all__ = ["folders", "sd1", "sdxl", "toybox"]


@pytest.fixture(scope="module")
def sd2(folders):
    return diffusion.load(folders["sd2-v"])


@pytest.fixture(params=["toybox", "sd1", "sd2", "sdxl"])
def backbone(request, toybox, sd1, sd2, sdxl):
    """Every family."""
    return {"toybox": toybox, "sd1": sd1, "sd2": sd2, "sdxl": sdxl}[request.param]


@pytest.fixture
def double(backbone, monkeypatch):
    """The model with a U-Net in float64 that answers in float64; what it was afterwards."""
    before = {name: value.data for name, value in backbone.unet.named_parameters()}
    backbone.unet.double()
    monkeypatch.setattr(backbone, "predict", lambda noisy, t, text: run(backbone, noisy, t, text))
    decode = backbone.decode_latents
    monkeypatch.setattr(backbone, "decode_latents", lambda latents: decode(latents.float()))
    yield backbone
    backbone.unet.float()
    for name, value in backbone.unet.named_parameters():
        value.data = before[name]
