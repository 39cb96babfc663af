"""The penalty is its definition, by interpolation and draw by draw, with its gradient."""

import time

import pytest
import torch
from torch.nn import functional as F

from likewise.dida.penalty import donors, groups, penalty
from likewise.errors import TooFewPairsError
from oracles import dida as slow


def test_the_case_worked_by_hand():
    p, y, s = torch.tensor([0.8, 0.4]).double(), torch.tensor([1.0, 0.0]), torch.tensor([0.5, 0.7]).double()
    found = penalty(torch.logit(p), y, s, torch.zeros(2, dtype=torch.int64), lambda rows: torch.tensor([[0], [1]]), 2)
    assert found.mean == pytest.approx(0.511939, abs=1e-6)
    assert 4 * found.variance == pytest.approx(0.026706, abs=1e-6)
    assert found.value.item() == pytest.approx(0.538646, abs=1e-6)


def problem(rng, pairs=24, low=0.5, high=0.7310):
    logits = 6 * torch.randn(pairs, generator=rng, dtype=torch.float64)
    labels = (torch.rand(pairs, generator=rng) < 0.5).double()
    scales = low + (high - low) * torch.rand(pairs, generator=rng, dtype=torch.float64)
    snapshot = torch.arange(pairs) * 4 // pairs
    source = torch.randint(5, (pairs,), generator=rng)
    return logits.requires_grad_(), labels, scales, snapshot, source


@pytest.mark.parametrize("form", ["reference", "paper"])
@pytest.mark.parametrize("kind", ["space-time", "distinct", "space", "time", "pairwise"])
@pytest.mark.parametrize("high", [0.7310, 0.99])
def test_every_intervention_equals_the_loops(kind, form, high, rng):
    logits, labels, scales, snapshot, source = problem(rng, low=0.5 if high < 0.9 else 0.01, high=high)
    group = groups(kind, snapshot, source)
    picks = donors(kind, group, 7, 0, 1)
    found = penalty(logits, labels, scales, group, picks, 7, form)
    (ours,) = torch.autograd.grad(found.value, logits)
    plain = slow.penalty(torch.sigmoid(logits), labels, scales[picks(range(7))][:, group], form)
    (theirs,) = torch.autograd.grad(plain, logits)
    assert found.value.item() == pytest.approx(plain.item(), abs=1e-8, rel=1e-9)
    torch.testing.assert_close(ours, theirs, atol=1e-8, rtol=1e-8)


def test_many_groups_are_gone_through_draw_by_draw_with_the_same_result(rng):
    logits, labels, scales, _, _ = problem(rng, pairs=130)
    group = torch.arange(130) // 2  # 65 groups: one too many to interpolate
    picks = donors("time", group, 5, 0, 1)
    found = penalty(logits, labels, scales, group, picks, 5)
    plain = slow.penalty(torch.sigmoid(logits), labels, scales[picks(range(5))][:, group])
    assert found.value.item() == pytest.approx(plain.item(), rel=1e-10)
    (ours,), (theirs,) = (torch.autograd.grad(one, logits) for one in (found.value, plain))
    torch.testing.assert_close(ours, theirs, atol=1e-9, rtol=1e-8)


def test_saturated_scores_stay_finite():
    logits = torch.tensor([-1000.0, 1000.0, 800.0, -800.0]).double().requires_grad_()
    labels, scales = torch.tensor([1.0, 0.0, 1.0, 0.0]), torch.full((4,), 0.6)
    group = torch.zeros(4, dtype=torch.int64)
    found = penalty(logits, labels, scales, group, donors("space-time", group, 3, 0, 1), 3)
    (slope,) = torch.autograd.grad(found.value, logits)
    assert torch.isfinite(found.value) and torch.isfinite(slope).all()
    assert found.mean <= 100


@pytest.mark.parametrize("kind", ["space-time", "space", "time", "pairwise"])
def test_donors_come_from_where_they_should_and_do_not_depend_on_the_chunk(kind, rng):
    _, _, _, snapshot, source = problem(rng, pairs=200)
    source = torch.arange(200) % 70
    group = groups(kind, snapshot, source)
    picks = donors(kind, group, 9, 0, 4)
    whole = picks(range(9))
    assert torch.equal(whole[3:5], picks(range(3, 5)))
    assert not torch.equal(whole, donors(kind, group, 9, 0, 5)(range(9)))
    if kind in ("space", "time"):
        assert torch.equal(group[whole], torch.arange(whole.shape[1]).expand(9, -1))
    if kind == "pairwise":
        assert torch.equal(whole.sort(1).values, torch.arange(200).expand(9, -1))


def test_distinct_donors_never_repeat_and_must_suffice():
    group = torch.zeros(6, dtype=torch.int64)
    assert donors("distinct", group, 6, 0, 1)(range(6)).flatten().sort().values.tolist() == list(range(6))
    with pytest.raises(TooFewPairsError, match=r"7 draws .* a step has 6(.*\n.*)--draws 6"):
        donors("distinct", group, 7, 0, 1)


@pytest.mark.slow
def test_a_thousand_draws_cost_a_twentieth_of_the_loop(rng):
    logits, labels, scales, snapshot, source = problem(rng, pairs=20_000)
    group, draws = groups("space-time", snapshot, source), 1000
    picks = donors("space-time", group, draws, 0, 1)
    p, chosen = torch.sigmoid(logits), scales[picks(range(draws))][:, 0]

    def loop():
        risks = torch.stack([F.binary_cross_entropy(s * p, labels) for s in chosen])
        return risks.mean() + (draws * risks).var()

    seconds, slopes = [], []
    for run in (lambda: penalty(logits, labels, scales, group, picks, draws).value, loop):
        began = time.process_time()
        slopes.append(torch.autograd.grad(run(), logits, retain_graph=True)[0])
        seconds.append(time.process_time() - began)
    torch.testing.assert_close(*slopes, rtol=1e-7, atol=1e-7)
    assert seconds[1] > 20 * seconds[0]
