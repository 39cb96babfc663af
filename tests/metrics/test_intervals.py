import numpy as np
import pytest

from likewise.errors import MeasureError
from likewise.metrics.intervals import bootstrap, paired, wilson


def test_one_seed_gives_one_interval_and_another_seed_another():
    values = np.random.default_rng(0).random(20)
    assert bootstrap(values) == bootstrap(values)
    assert bootstrap(values, seed=1) != bootstrap(values)


def test_the_value_is_the_plain_statistic():
    values = [1.0, 2.0, 6.0]
    assert bootstrap(values).value == 3.0
    assert bootstrap(values, np.median).value == 2.0


def test_the_fast_mean_equals_the_resampled_statistic():
    values = np.random.default_rng(1).random(15)
    fast, slow = bootstrap(values), bootstrap(values, np.mean)
    assert (fast.low, fast.high) == pytest.approx((slow.low, slow.high), abs=1e-12)


def test_the_fast_mean_equals_it_with_groups_of_any_size():
    values, groups = np.random.default_rng(1).random(15), [0] * 1 + [1] * 5 + [2] * 2 + [3] * 7
    fast, slow = bootstrap(values, groups=groups), bootstrap(values, np.mean, groups=groups)
    assert (fast.low, fast.high) == pytest.approx((slow.low, slow.high), abs=1e-12)
    assert fast.count == 4


@pytest.mark.parametrize("method", ["percentile", "bca"])
def test_95_percent_of_intervals_hold_the_truth(method):
    random = np.random.default_rng(2)
    held = [bootstrap(random.normal(3, 1, 40), seed=i, method=method, draws=400).holds(3.0) for i in range(300)]
    assert 0.90 <= np.mean(held) <= 0.98  # 40 items: a little below nominal, as theory says


def test_copies_of_a_value_are_no_evidence_when_grouped():
    values = np.repeat(np.random.default_rng(3).random(8), 25)
    groups = np.repeat(np.arange(8), 25)
    naive, honest = bootstrap(values), bootstrap(values, groups=groups)
    assert honest.high - honest.low > 3 * (naive.high - naive.low)


def test_bca_leans_with_the_skew():
    values = np.random.default_rng(4).exponential(1, 30)
    plain, bca = bootstrap(values), bootstrap(values, method="bca")
    assert bca.low > plain.low and bca.high > plain.high


def test_one_item_has_no_width():
    found = bootstrap([0.4], method="bca")
    assert (found.low, found.high, found.count) == (0.4, 0.4, 1)


def test_pairing_removes_what_items_share():
    random = np.random.default_rng(5)
    hard = random.normal(0, 10, 30)  # how hard each item is, for both
    first, second = hard + 0.5 + random.normal(0, 0.1, 30), hard + random.normal(0, 0.1, 30)
    found = paired(first, second)
    assert found.holds(0.5) and found.low > 0.3
    assert bootstrap(first).holds(bootstrap(second).value)  # apart, the two cannot be told apart


def test_wilson_worked_by_hand():
    found = wilson(8, 10)  # Newcombe (1998), method 3
    assert (found.value, found.low, found.high) == pytest.approx((0.8, 0.4902, 0.9433), abs=1e-4)


def test_wilson_never_leaves_the_unit_interval():
    assert wilson(0, 5).low == 0.0 and wilson(0, 5).high > 0.3
    assert wilson(5, 5).high == 1.0 and wilson(5, 5).low < 0.7


def test_wilson_holds_the_truth():
    random = np.random.default_rng(6)
    held = [wilson(int(random.binomial(20, 0.1)), 20).holds(0.1) for _ in range(2000)]
    assert np.mean(held) > 0.93


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: bootstrap([]), "0 values"),
        (lambda: bootstrap([1.0], method="magic"), "'magic'"),
        (lambda: bootstrap([1.0, 2.0], groups=[1]), "2 values and 1 labels"),
        (lambda: paired([1.0], [1.0, 2.0]), "1 and 2 values"),
        (lambda: wilson(3, 2), "3 of 2"),
    ],
)
def test_messages_say_what_was_found(call, message):
    with pytest.raises(MeasureError, match=message):
        call()


@pytest.mark.parametrize("count", [2, 3, 5, 9, 10, 15])
def test_few_items_have_wide_intervals_that_hold_the_truth(count):
    random = np.random.default_rng(count)
    held = [paired(random.normal(size=count), np.zeros(count), seed=i, draws=400).holds(0.0) for i in range(400)]
    assert 0.92 <= np.mean(held) <= 0.98  # plain percentiles: 0.50, 0.75, 0.84, 0.89, 0.90, 0.91
