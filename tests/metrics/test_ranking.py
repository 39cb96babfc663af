import numpy as np
import pytest

from likewise.errors import MeasureError
from likewise.metrics.ranking import auc, average_precision
from oracles import ranking as slow


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("levels", [2, 5, 1000])  # few levels: many ties
def test_both_equal_their_definitions(seed, levels):
    random = np.random.default_rng(seed)
    scores = random.integers(levels, size=30) / levels
    labels = random.random(30) < 0.4
    labels[:2] = [True, False]
    assert auc(scores, labels) == pytest.approx(slow.auc(scores, labels), abs=1e-12)
    assert average_precision(scores, labels) == pytest.approx(slow.average_precision(scores, labels), abs=1e-12)


def test_worked_by_hand():
    scores, labels = [0.9, 0.8, 0.7, 0.6], [1, 0, 1, 0]
    assert auc(scores, labels) == 0.75  # of 4 pairs only (0.7, 0.8) is the wrong way round
    assert average_precision(scores, labels) == pytest.approx((1 / 1 + 2 / 3) / 2)


def test_a_constant_score_is_chance():
    labels = np.array([1, 0, 0, 1, 0])
    assert auc(np.zeros(5), labels) == 0.5
    assert average_precision(np.zeros(5), labels) == 0.4


def test_order_of_tied_items_does_not_matter():
    scores, labels = np.array([1.0, 1, 1, 0, 0]), np.array([1, 0, 0, 1, 0])
    backwards = scores[::-1], labels[::-1]
    assert average_precision(scores, labels) == average_precision(*backwards)


@pytest.mark.parametrize("labels, message", [([0, 0], "no positive"), ([1, 1], "positives only")])
def test_one_kind_alone_cannot_be_ranked(labels, message):
    with pytest.raises(MeasureError, match=message):
        auc([0.1, 0.2], labels)


def test_scores_must_be_finite_and_match():
    with pytest.raises(MeasureError, match="not finite"):
        auc([np.nan, 0.2], [0, 1])
    with pytest.raises(MeasureError, match=r"\(2,\).*\(3,\)"):
        average_precision([0.1, 0.2], [0, 1, 1])
