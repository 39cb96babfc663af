"""Agreement equals published examples and plain loops; intervals cover; the noise ceiling is what it says."""

import numpy as np
import pytest

from likewise import seeds
from likewise.dreamsim import agreement
from likewise.errors import MeasureError

# Fleiss (1971), as worked in the usual example: 10 subjects, 14 raters, 5 categories.
FLEISS = [
    [0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
    [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7],
]  # fmt: skip

# Krippendorff (2011), section C: 4 observers, 12 units, 5 values, gaps; nominal .743, ordinal .815, interval .849.
KRIPPENDORFF = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3],
    [None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None],
]


def counted(table, values=(1, 2, 3, 4, 5)):
    return [[sum(row[unit] == value for row in table) for value in values] for unit in range(len(table[0]))]


def slow_alpha(table, apart):
    """Every ordered pair of values within each unit, and of all paired values: the definition."""
    units = [[row[i] for row in table if row[i] is not None] for i in range(len(table[0]))]
    units = [unit for unit in units if len(unit) > 1]
    everything = [value for unit in units for value in unit]
    observed = sum(
        apart(a, b) / (len(unit) - 1)
        for unit in units
        for i, a in enumerate(unit)
        for j, b in enumerate(unit)
        if i != j
    ) / len(everything)
    n = len(everything)
    expected = sum(apart(a, b) for i, a in enumerate(everything) for j, b in enumerate(everything) if i != j)
    return 1 - observed / (expected / (n * (n - 1)))


def test_fleiss_kappa_equals_the_published_example():
    """Acceptance check 18, kappa: 0.20993070442195522 by the example's own fractions."""
    assert agreement.fleiss_kappa(FLEISS) == pytest.approx(0.20993070442195522, abs=1e-12)


@pytest.mark.parametrize(
    ("scale", "apart", "published"),
    [("nominal", lambda a, b: float(a != b), 0.743), ("interval", lambda a, b: float(a - b) ** 2, 0.849)],
)
def test_krippendorff_alpha_equals_the_published_example(scale, apart, published):
    """Acceptance check 18, alpha: the published three digits, and the definition pair by pair to 1e-12."""
    found = agreement.krippendorff_alpha(counted(KRIPPENDORFF), scale)
    assert found == pytest.approx(slow_alpha(KRIPPENDORFF, apart), abs=1e-12)
    assert round(found, 3) == published


def test_ordinal_alpha_equals_the_published_example():
    assert round(agreement.krippendorff_alpha(counted(KRIPPENDORFF), "ordinal"), 3) == 0.815


def test_percent_agreement_is_the_chance_that_two_raters_agree():
    assert agreement.percent([[3, 1], [2, 2]]) == pytest.approx((3 / 6 + 2 / 6) / 2)


@pytest.mark.parametrize("measure", [agreement.fleiss_kappa, agreement.krippendorff_alpha])
def test_full_agreement_is_one_and_one_answer_throughout_shows_nothing(measure):
    assert measure([[3, 0], [0, 3]]) == 1
    assert measure([[3, 0], [3, 0]]) == 0


def test_the_ceiling_guesses_each_vote_from_the_others():
    """(3, 1): three lefts are guessed by 2:1, the right by 3:0; (1, 1): each is guessed wrong by the other."""
    assert agreement.ceiling([[3, 1]]).value == 3 / 4
    assert agreement.ceiling([[1, 1], [0, 5]]).value == 0.5
    assert agreement.ceiling([[2, 1]]).value == pytest.approx((2 * 0.5 + 0) / 3)


def test_the_ceiling_stays_below_the_best_metric_and_the_majority_above():
    rng = seeds.numpy_stream(0, "ceiling")
    truth = rng.beta(0.5, 0.5, 3000)
    right = rng.binomial(7, truth)
    counts = np.stack([7 - right, right], 1)
    best = np.maximum(truth, 1 - truth).mean()  # a metric that knows each triplet's true share
    assert agreement.ceiling(counts).value < best < agreement.majority(counts)
    assert agreement.majority(counts, by_vote=True) == pytest.approx(agreement.majority(counts))


@pytest.mark.parametrize("measure", [agreement.fleiss_kappa, agreement.krippendorff_alpha])
def test_bootstrap_intervals_hold_the_truth_about_as_often_as_they_say(measure):
    """Acceptance check 18, coverage: 90 to 98 % of nominal 95 % intervals hold the agreement of the population."""
    rng = seeds.numpy_stream(0, "coverage")

    def sample(size):
        right = rng.binomial(5, np.where(rng.random(size) < 0.5, 0.85, 0.2))
        return np.stack([5 - right, right], 1)

    truth = measure(sample(400_000))
    held = [agreement.with_interval(measure, sample(100), seed=i, draws=120).holds(truth) for i in range(80)]
    assert 0.90 <= np.mean(held) <= 0.98


def test_items_with_one_vote_say_nothing():
    assert agreement.fleiss_kappa([*FLEISS, [1, 0, 0, 0, 0]]) == agreement.fleiss_kappa(FLEISS)
    with pytest.raises(MeasureError, match="two raters"):
        agreement.percent([[1, 0], [0, 1]])
    with pytest.raises(MeasureError, match="two votes"):
        agreement.ceiling([[1, 0]])
    with pytest.raises(MeasureError, match=r"\(N, 2\)"):
        agreement.ceiling([[1, 0, 3]])
