"""The law by which late timesteps come oftener."""

import math

import numpy as np
import pytest
from made_words import data_for

from likewise import seeds
from likewise.textual_inversion import Config, timesteps
from likewise.textual_inversion.draw import draw


def test_the_weights_are_those_of_the_formula():
    slow = [(1 - 0.5 * math.cos(math.pi * t / 1000)) / 1000 for t in range(1000)]
    found = timesteps.weights(1000, 0.5)
    assert np.abs(found - slow).max() < 1e-12
    assert found.sum() == pytest.approx(0.9995, abs=1e-6) and found[-1] / found[0] == pytest.approx(3, abs=1e-4)


def test_a_million_draws_follow_the_law():
    drawn = timesteps.pick(seeds.numpy_stream(0, "law").random(1_000_000), 1000, 0.5)
    assert drawn.mean() == pytest.approx(600.9, abs=1)
    assert (drawn >= 500).mean() == pytest.approx(0.659, abs=0.002)
    assert (drawn < 200).mean() == pytest.approx(0.106, abs=0.002)
    assert (drawn >= 800).mean() == pytest.approx(0.294, abs=0.002)
    assert drawn.min() == 0 and drawn.max() == 999


def test_without_a_tilt_every_timestep_is_as_likely():
    drawn = timesteps.pick(seeds.numpy_stream(1, "law").random(1_000_000), 1000, 0.0)
    counts = np.bincount(drawn, minlength=1000)
    chi = ((counts - 1000) ** 2 / 1000).sum()
    assert abs(chi - 999) < 3.3 * math.sqrt(2 * 999)  # p > 0.001 by the normal limit of chi-square


def test_the_setting_moves_timesteps_and_nothing_else_of_a_sample(sd1):
    plain, tilted = Config(batch=16), Config(batch=16, timestep_alpha=0.5)
    data = data_for(sd1)
    before, after = (draw(data, one, 3, 100, 1000) for one in (plain, tilted))
    assert (before.noise == after.noise).all() and (before.latents == after.latents).all()
    assert before.prompts == after.prompts and (before.t != after.t).any()


def test_a_sample_has_its_timestep_in_any_batch(sd1):
    data = data_for(sd1)
    whole = draw(data, Config(batch=6, timestep_alpha=0.5), 3, 0, 1000).t
    parts = [draw(data, Config(batch=2, timestep_alpha=0.5), 3, first, 1000).t for first in (0, 2, 4)]
    assert whole.tolist() == [int(t) for part in parts for t in part]
