"""Fixtures: tiny random models, written once a session and loaded once a test module."""

import pytest

from likewise import diffusion
from likewise.diffusion import tiny


@pytest.fixture(scope="session")
def folders(tmp_path_factory):
    """family -> model folder."""
    parent = tmp_path_factory.mktemp("models")
    return {family: tiny.pipeline(parent / family, family) for family in tiny.FAMILIES}


@pytest.fixture(scope="module")
def toybox(folders):
    """A tiny model with AutoencoderTiny and v-prediction, 128 px."""
    return diffusion.load(folders["toybox"])


@pytest.fixture(scope="module")
def sd1(folders):
    """A tiny model with AutoencoderKL and epsilon prediction, 32 px."""
    return diffusion.load(folders["sd1"])


@pytest.fixture(scope="module")
def sdxl(folders):
    """A tiny model with two text towers, pooled prompts and sizes, 32 px."""
    return diffusion.load(folders["sdxl"])


@pytest.fixture(params=["toybox", "sd1"])
def backbone(request, toybox, sd1):
    """Each of the two that differ least."""
    return {"toybox": toybox, "sd1": sd1}[request.param]
