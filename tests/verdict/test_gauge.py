import numpy as np
import pytest
from synthetic import GAUGE, Colours, noisy, plain, scores

from likewise.verdict.gauge import COPY_OVERLAP, SINGLE_NEAREST, gauge
from likewise.verdict.scores import Drawn, Judge

RED, GREEN, ORANGE = (200, 0, 0), (0, 200, 0), (200, 100, 0)


def made(photos, base=None, texts=("green", "green")):
    colours = Colours()
    judge = Judge(photos, list(texts), colours, colours)
    base = base or Drawn(0, [plain(GREEN)] * 4, [plain(GREEN)] * 2)
    return gauge(judge, judge.measure(base, base), seed=0, level=0.95)


def test_the_ends_are_a_noun_and_the_photos_among_themselves():
    found = made([plain(RED), plain(ORANGE), plain(RED)])
    to_red, to_green = np.cos(np.arctan(0.5)), np.sin(np.arctan(0.5))
    assert found.ceiling == pytest.approx((1 + 2 * to_red) / 3, abs=1e-6)  # the photos' pairs, none with itself
    assert found.floor == pytest.approx(to_green / 3, abs=1e-6)
    assert found.gain(np.array([found.floor, found.ceiling, 2.0])) == pytest.approx([0, 1, 1])


def test_a_lone_photo_is_as_alike_as_can_be():
    found = made([plain(RED)])
    assert found.ceiling == 1.0 and (found.copy_cosine, found.copy_overlap) == (SINGLE_NEAREST, COPY_OVERLAP)


def test_prompt_fidelity_runs_from_the_photos_to_the_base_model():
    found = made([plain(RED)] * 2)
    assert not found.prompt_ratio and found.prompt_ceiling == pytest.approx(1)
    assert found.fidelity(np.array([0.0, 0.5, 1.0])) == pytest.approx([0, 0.5, 1])


def test_where_the_base_model_heeds_prompts_no_better_than_the_photos_only_a_ratio_is_left():
    found = made([plain(RED)] * 2, Drawn(0, [plain(ORANGE)] * 4, [plain(GREEN)]), texts=("red", "red"))
    assert found.prompt_ratio
    half = found.prompt_ceiling / 2
    assert found.fidelity(np.array([half])) == pytest.approx([0.5])


def test_a_copy_is_closer_to_one_photo_than_any_two_photos_are():
    one = scores(1, 0.7, copied=0.25)
    assert GAUGE.copied(one).sum() == 3


def test_a_photo_that_is_there_twice_does_not_hide_copies():
    found = made([noisy(1), noisy(1), noisy(2)])
    assert found.copy_cosine < 1 - 1e-6
    photos = [noisy(1), noisy(1)]
    assert made(photos).copy_cosine == SINGLE_NEAREST


def test_photos_no_more_alike_than_any_noun_are_noticed():
    assert made([plain(RED), plain(GREEN)]).unlike
    assert not made([plain(RED), plain(RED)]).unlike
