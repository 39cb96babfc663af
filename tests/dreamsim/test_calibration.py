import numpy as np
import pytest
from made_metrics import metric, pictures

from likewise.dreamsim import calibration, jnd
from likewise.dreamsim.calibration import SameCurve
from likewise.dreamsim.evaluating import evaluate, soft_average_precision
from likewise.dreamsim.jnd import Pair
from likewise.dreamsim.measuring import pair_distances
from likewise.errors import MeasureError


def choices(count, temperature, seed=0, votes=1):
    """Gaps, and the share of `votes` people who chose the right one."""
    random = np.random.default_rng(seed)
    gaps = random.normal(0, 0.2, count)
    return gaps, random.binomial(votes, 1 / (1 + np.exp(-gaps / temperature))) / votes


def test_the_temperature_behind_the_choices_is_found():
    gaps, shares = choices(4000, 0.08)
    assert calibration.fit_temperature(gaps, shares) == pytest.approx(0.08, rel=0.1)


def test_temperature_scaling_lowers_the_calibration_error_on_held_out_choices():
    gaps, shares = choices(4000, 0.15, votes=5)
    fitted = calibration.fit_temperature(gaps[:2000], shares[:2000])
    errors = [
        calibration.calibration_error(1 / (1 + np.exp(-gaps[2000:] / temperature)), shares[2000:])
        for temperature in (0.03, fitted)
    ]
    assert errors[1] < 0.02 < errors[0]


def test_the_likelihood_is_that_at_the_best_temperature_whatever_the_scale_of_distances():
    gaps, shares = choices(400, 0.08)
    best = calibration.fit_temperature(gaps, shares)
    right = 1 / (1 + np.exp(-gaps / best))
    expected = np.where(shares == 1, np.log(right), np.log(1 - right)).sum()
    assert calibration.likelihood(gaps, shares) == pytest.approx(expected)
    assert calibration.likelihood(gaps * 7, shares) == pytest.approx(expected)
    assert calibration.likelihood(gaps, shares) > calibration.likelihood(gaps + choices(400, 1, seed=1)[0], shares)


def test_distances_that_are_always_right_have_a_likelihood_too():
    gaps = np.array([0.1, 0.2, -0.3, 1.0])
    assert calibration.likelihood(gaps, (gaps > 0).astype(float)) == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize("sign", [0, -1])
def test_distances_that_say_nothing_or_the_opposite_are_worth_chance(sign):
    gaps, shares = choices(400, 0.08)
    assert calibration.likelihood(sign * gaps, shares) == pytest.approx(400 * np.log(0.5))


def test_votes_weigh():
    gaps, shares = np.array([0.1, 0.1]), np.array([1.0, 0.0])
    assert calibration.fit_temperature(gaps, shares, np.array([3, 1])) == pytest.approx(0.1 / np.log(3), rel=1e-6)


@pytest.mark.parametrize(
    ("gaps", "shares", "told"),
    [([0, 0], [1, 0], "all equal"), ([0.1, 0.2], [0, 0], "against"), ([0.1], [2], "outside"), ([], [], "one of each")],
)  # fmt: skip
def test_what_cannot_be_calibrated_is_told(gaps, shares, told):
    with pytest.raises(MeasureError, match=told):
        calibration.fit_temperature(np.array(gaps), np.array(shares))


CURVE = SameCurve(0.3, 0.05, 0.06)


def seen(count=3000, seed=0, votes=3, curve=CURVE):
    random = np.random.default_rng(seed)
    distances = random.uniform(0, 0.7, count)
    return distances, random.binomial(votes, curve(distances)) / votes


def test_the_curve_behind_the_answers_is_found_lapses_too():
    found = calibration.fit_same(*seen())
    assert found.midpoint == pytest.approx(0.3, abs=0.01)
    assert found.width == pytest.approx(0.05, rel=0.15) and found.lapse == pytest.approx(0.06, abs=0.02)


def test_a_threshold_is_where_the_curve_passes_and_has_an_interval():
    curve = SameCurve(0.3, 0.05, 0.1)
    assert curve(curve.threshold(0.5)) == pytest.approx(0.5)
    assert curve.threshold(0.95) == -np.inf
    (found,) = calibration.thresholds(*seen(400))
    assert found.low < SameCurve(0.3, 0.05, 0.06).threshold(0.5) < found.high and found.high - found.low < 0.1


def test_votes_that_contradict_the_distances_give_no_curve():
    distances, shares = seen()
    with pytest.raises(MeasureError, match="fewer with distance"):
        calibration.fit_same(distances, 1 - shares)


def test_a_metric_that_people_contradict_is_scored_without_a_threshold(tmp_path):
    model, names = metric(), [f"{number}.png" for number in range(8)]
    for name, one in zip(names, pictures(8), strict=True):
        one.save(tmp_path / name)
    asked = [(first, second) for first in names[:4] for second in names[4:]]
    far = pair_distances(model, asked, tmp_path)
    votes = [(4, 1) if value > np.median(far) else (1, 4) for value in far]
    jnd.write(tmp_path, [Pair(*one, *given, None) for one, given in zip(asked, votes, strict=True)])
    found = evaluate(model, tmp_path, "jnd")
    assert found["half_say_same_at"] is None and found["average_precision"]["value"] < 0.7


def test_pairs_of_one_group_count_as_one_in_a_thresholds_interval():
    distances, shares = seen(60)
    copies = [np.repeat(one, 5) for one in (distances, shares)]
    (alone,) = calibration.thresholds(distances, shares)
    (found,) = calibration.thresholds(*copies, groups=np.repeat(np.arange(60), 5))
    (blind,) = calibration.thresholds(*copies)
    assert found.count == 60 and (found.low, found.high) == pytest.approx((alone.low, alone.high), abs=1e-6)
    assert blind.high - blind.low < 0.7 * (found.high - found.low)


def test_a_curve_needs_both_answers():
    with pytest.raises(MeasureError, match="that look the same"):
        calibration.fit_same(np.array([0.1, 0.2]), np.array([1.0, 1.0]))


def test_conformal_sets_hold_the_answer_as_often_as_they_promise():
    covered = []
    for seed in range(20):
        gaps, right = choices(1400, 0.1, seed)
        margin = calibration.conformal(gaps[:400], right[:400], 0.9)
        covered.append(np.mean(np.where(right[400:] == 1, gaps[400:] >= -margin, gaps[400:] <= margin)))
    assert 0.87 <= np.mean(covered) <= 0.93
    assert calibration.conformal([0.1], [1], 0.9) == float("inf")


@pytest.mark.parametrize(
    ("same", "score"), [((1, 1, 0, 1, 0, 0), 0.916667), ((1, 1, 0, 1 / 3, 2 / 3, 0), 0.866667), ((1, 1), 1.0)]
)
def test_average_precision_of_same_by_hand(same, score):
    distances = np.arange(1, len(same) + 1) / 10
    order = np.random.default_rng(0).permutation(len(same))
    found = soft_average_precision(distances[order], np.array(same)[order])
    assert found == pytest.approx(score, abs=1e-6)
    with pytest.raises(MeasureError, match="above 0"):
        soft_average_precision([0.1, 0.2], [0, 0])
