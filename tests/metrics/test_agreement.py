import numpy as np
import pytest

from likewise.errors import MeasureError
from likewise.metrics.agreement import cohen_kappa, two_afc


def test_2afc_earns_the_share_of_votes_that_went_its_way():
    first, second = [0.2, 0.9, 0.5], [0.8, 0.1, 0.5]  # nearer: first, second, neither
    votes = [0.25, 0.9, 1.0]
    assert two_afc(first, second, votes) == pytest.approx([0.75, 0.9, 0.5])


def test_a_perfect_metric_reaches_the_ceiling_of_the_people():
    random = np.random.default_rng(0)
    votes = random.random(50)
    scores = two_afc(votes, 1 - votes, votes)
    assert scores.mean() == pytest.approx(np.maximum(votes, 1 - votes).mean())


def test_kappa_worked_by_hand():
    first = ["yes"] * 25 + ["no"] * 25
    second = ["yes"] * 20 + ["no"] * 5 + ["yes"] * 10 + ["no"] * 15
    assert cohen_kappa(first, second) == pytest.approx(0.4)  # observed 0.7, expected 0.5


def test_kappa_of_independent_judges_is_about_0_and_of_one_judge_1():
    first, second = np.random.default_rng(1).integers(3, size=(2, 5000))
    assert abs(cohen_kappa(first, second)) < 0.03
    assert cohen_kappa(first, first) == 1.0


def test_judges_who_say_one_word_agree_by_chance():
    assert cohen_kappa([1, 1], [1, 1]) == 0.0


def test_votes_are_shares():
    with pytest.raises(MeasureError, match="outside"):
        two_afc([0.1], [0.2], [3])
    with pytest.raises(MeasureError, match="2 and 1 labels"):
        cohen_kappa([1, 2], [1])
