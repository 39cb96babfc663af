"""Two tiny models, latents to learn from, and a way to run a few steps."""

import pytest
import torch

from likewise import diffusion
from likewise.diffusion import tiny
from likewise.diffusion.backbone import Moments
from likewise.dreambooth.config import Config
from likewise.dreambooth.draw import Data
from likewise.dreambooth.learn import learn
from short_runs import follow


@pytest.fixture(scope="session")
def folders(tmp_path_factory):
    """Tiny pipelines, each made when first asked for: "sd1", or "sdxl v_prediction" for another prediction type."""
    place = tmp_path_factory.mktemp("tiny")

    class Folders(dict):
        def __missing__(self, name):
            family, _, prediction = name.partition(" ")
            self[name] = tiny.pipeline(place / name, family, prediction=prediction or None)
            return self[name]

    return Folders()


@pytest.fixture
def load(folders):
    """A fresh model: training in full changes it."""
    return lambda family="toybox": diffusion.load(folders[family])


@pytest.fixture(scope="session")
def data_for():
    """Random latents for a model: three photos and four class images."""

    def build(backbone, classes=4, photos=3):
        rng = torch.Generator().manual_seed(7)

        def moments(count):
            shape = backbone.facts.latent_shape(count)
            spread = torch.randn(shape, generator=rng) - 3 if backbone.facts.family != "toybox" else None
            sizes = torch.randint(64, (count, 6), generator=rng).float() if backbone.facts.sized else None
            return Moments(torch.randn(shape, generator=rng), spread, sizes)

        captions = ("a zxq dog", "a photo of a zxq dog", "a zxq dog in the snow")[:photos]
        return Data((moments(photos),), captions, "a dog", (moments(classes),) if classes else (), hash="data")

    return build


@pytest.fixture
def run(load, data_for):
    """run(family, seed, resume, until, **settings) -> (steps, last state, model) of a short training."""

    def short(family="toybox", seed=0, resume=None, until=None, backbone=None, data=None, **options):
        backbone = backbone or load(family)
        data = data or data_for(backbone)
        config = Config(**{"steps": 4, "lr": 1e-3, "text_lr": 1e-4, **options})
        steps, state = follow(learn(backbone, data, config, seed, resume=resume), until or config.steps)
        return steps, state, backbone

    return short
