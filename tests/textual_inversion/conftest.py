"""Tiny models, and a way to run a few steps."""

import sys
from pathlib import Path

import pytest

from likewise.textual_inversion import Config
from likewise.textual_inversion.learn import learn
from short_runs import follow
from tiny_models import folders, sd1, sdxl, toybox

sys.path.insert(0, str(Path(__file__).parent))

from made_words import data_for

__all__ = ["folders", "sd1", "sdxl", "toybox"]


@pytest.fixture
def run(sd1):
    """run(backbone, seed, resume, until, data, **settings) -> (steps, last state) of a short training."""

    def short(backbone=sd1, seed=0, resume=None, until=None, data=None, **options):
        config = Config(**{"steps": 4, "lr": 1e-2, **options})
        data = data or data_for(backbone, config.vectors)
        return follow(learn(backbone, data, config, seed, resume=resume), until or config.steps)

    return short
