"""The score: by hand, by a slow oracle, and what it must not depend on."""

import numpy as np
import pytest
from made_trees import Judge, Planted, photos
from PIL import Image

from likewise import images
from likewise.concept_tree import consistency
from likewise.errors import MeasureError, MixedEncodersError, NoAgreementError
from likewise.metrics.neighbours import Embedding
from oracles.concept_tree import slow_score, slow_spearman

LEFT = np.array([[1.0, 0, 0], [0.8, 0.6, 0], [0, 1, 0]])
RIGHT = np.array([[0.0, 0, 1], [0, 0.6, 0.8], [0.6, 0, 0.8]])


def rows(values, encoder="e"):
    return Embedding(np.asarray(values, dtype=np.float64), encoder)


def test_pictures_that_are_all_equal_score_two():
    same = rows([[0.6, 0.8]] * 4)
    assert consistency.score(same, same).value == pytest.approx(2, abs=1e-12)


def test_tight_and_orthogonal_words_score_three():
    left, right = rows([[1.0, 0]] * 3), rows([[0, 1.0]] * 5)
    assert consistency.score(left, right).value == pytest.approx(3, abs=1e-12)


def test_three_and_three_pictures_by_hand():
    found = consistency.score(rows(LEFT), rows(RIGHT))
    assert found.left == pytest.approx((0.8 + 0 + 0.6) / 3, abs=1e-12)
    assert found.right == pytest.approx((0.8 + 0.8 + 0.64) / 3, abs=1e-12)
    assert found.between == pytest.approx((0 + 0 + 0.6 + 0 + 0.36 + 0.48 + 0 + 0.6 + 0) / 9, abs=1e-12)
    assert found.value == pytest.approx(found.left * 2 + found.right - found.between, abs=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_the_score_is_the_papers_pair_by_pair(seed):
    rng = np.random.default_rng(seed)
    left, right = rng.standard_normal((5, 7)), rng.standard_normal((4, 7))
    assert consistency.score(rows(left), rows(right)).value == pytest.approx(slow_score(left, right), abs=1e-12)


def test_neither_the_order_of_pictures_nor_of_words_matters():
    rng = np.random.default_rng(0)
    left, right = rng.standard_normal((6, 5)), rng.standard_normal((6, 5))
    found = consistency.score(rows(left), rows(right)).value
    assert consistency.score(rows(left[::-1]), rows(right[[3, 0, 5, 1, 2, 4]])).value == pytest.approx(found, abs=1e-12)
    assert consistency.score(rows(right), rows(left)).value == pytest.approx(found, abs=1e-12)


def test_a_picture_is_not_compared_with_itself_but_with_its_twin_of_the_other_word():
    noisy = rows([[1.0, 0], [0, 1.0]])
    assert consistency.within(noisy) == pytest.approx(0, abs=1e-12)  # 0.5 if each counted as alike to itself
    assert consistency.across(noisy, noisy) == pytest.approx(0.5, abs=1e-12)
    assert consistency.across(noisy, noisy, same_noise=False) == pytest.approx(0, abs=1e-12)


def test_the_largest_score_wins_and_of_equal_ones_the_first_seed():
    scores = [consistency.Score(left, 0.5, 0.2, "e") for left in (0.6, 0.9, 0.9, 0.1)]
    assert consistency.best(scores) == 1


def test_scores_of_two_encoders_are_never_compared():
    with pytest.raises(MeasureError, match="scores of 2 encoders"):
        consistency.best([consistency.Score(0.5, 0.5, 0.2, "clip"), consistency.Score(0.5, 0.5, 0.2, "dreamsim")])
    with pytest.raises(MixedEncodersError):
        consistency.score(rows(LEFT, "clip"), rows(RIGHT, "dreamsim"))


def test_encoders_of_any_kind_judge_through_one_interface(tmp_path):
    folder = photos(tmp_path)
    pictures = [images.read(path) for path in sorted(folder.iterdir())]
    clip, dreamsim = Judge("clip", 1), Judge("dreamsim", 2)
    found = [consistency.measure(one, pictures[:2], pictures[1:]) for one in (clip, dreamsim)]
    assert found[0].encoder != found[1].encoder and found[0].value != found[1].value
    with pytest.raises(MeasureError):
        consistency.best(found)


def test_the_most_central_are_those_of_the_largest_mean_cosine():
    values = np.random.default_rng(4).standard_normal((40, 6))
    unit = values / np.linalg.norm(values, axis=1, keepdims=True)
    means = [sum(float(a @ b) for b in unit) / 40 for a in unit]
    slow = sorted(range(40), key=lambda index: -means[index])[:10]
    assert consistency.central(rows(values), 10) == slow == consistency.central(rows(values), 10)


def test_equally_central_pictures_keep_their_order():
    assert consistency.central(rows([[1.0, 0]] * 4), 2) == [0, 1]


@pytest.mark.parametrize("second", [[1, 2, 3, 4], [4, 3, 2, 1], [2, 1, 1, 5], [1, 1, 1, 2]])
def test_agreement_is_spearmans(second):
    first = [0.1, 0.4, 0.2, 0.9]
    assert consistency.agreement(first, second) == pytest.approx(slow_spearman(first, second), abs=1e-12)


def test_agreement_of_one_thing_is_an_error_and_of_all_alike_is_none():
    with pytest.raises(NoAgreementError, match="at least two"):
        consistency.agreement([1.0], [1.0])
    assert consistency.agreement([1, 2, 3], [5, 5, 5]) == 0


def test_a_set_of_one_picture_has_no_consistency():
    with pytest.raises(MeasureError, match="at least two"):
        consistency.within(rows([[1.0, 0]]))


def test_a_planted_encoder_is_believed():
    left, right = Image.new("RGB", (2, 2), (1, 0, 0)), Image.new("RGB", (2, 2), (2, 0, 0))
    told = Planted({1: np.array([1.0, 0, 0]), 2: np.array([0, 1.0, 0])})
    assert consistency.measure(told, [left] * 3, [right] * 3).value == pytest.approx(3)
