"""Acceptance check 9: which pairs each rule changes, against a brute force and against the published code.

tests/fixtures/clip_help_simclr.json holds losses and gradients of the published code (PKU-ML/CLIP-Help-SimCLR,
models/losses.py: NTXent, _newp, _dfp, _dfn, _den with tau 0.1, in float64 on the CPU) for rows and teacher features
drawn as `recorded_batch` draws them.
"""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from likewise.contrastive.losses import ntxent_loss
from likewise.contrastive.rules import RULES, SHARES, guide
from likewise.errors import SettingError, TeacherRowsError, UnknownNameError
from oracles import contrastive as oracle

RECORDED = json.loads((Path(__file__).parents[1] / "fixtures" / "clip_help_simclr.json").read_text())
IMAGES = 64
COUNT = 2 * IMAGES


def recorded_batch(images, key, noise=0.4):
    random = np.random.Generator(np.random.Philox(key=key))
    rows = random.standard_normal((2 * images, 24))
    base = random.standard_normal((images, 12))
    teacher = np.concatenate([base + noise * random.standard_normal(base.shape) for _ in range(2)])
    return torch.tensor(rows, requires_grad=True), torch.tensor(
        teacher / np.linalg.norm(teacher, axis=1, keepdims=True)
    )


@pytest.fixture
def batch():
    return recorded_batch(IMAGES, 1)


def loss(rows, teacher, rules, mode="exact"):
    pairs = guide(teacher, 2, rules, mode=mode)
    return ntxent_loss(rows.unflatten(0, (2, -1)), 0.1, pairs)


def base_keep():
    return ~torch.eye(COUNT, dtype=torch.bool)


def partner():
    return (torch.arange(COUNT) + IMAGES) % COUNT


@pytest.mark.parametrize("one", RECORDED, ids=lambda one: f"{one['rule']}-{one['images']}-{one['key']}")
def test_check_9_reference_counts_give_the_loss_and_gradient_of_the_published_code(one):
    rows, teacher = recorded_batch(one["images"], one["key"])
    rules = [] if one["rule"] == "none" else [one["rule"]]
    if one["rule"] == "add-new-positive":
        assert rules[0] in RULES
    found = loss(rows, teacher, rules, "reference")
    slope = torch.autograd.grad(found, rows)[0]
    assert found.item() == pytest.approx(one["loss"], abs=1e-12)
    assert slope.norm().item() == pytest.approx(one["gradient_norm"], abs=1e-12)
    assert slope[0, :3].tolist() == pytest.approx(one["gradient_first"], abs=1e-12)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("key", [3, 4])
def test_check_9_reference_counts_equal_a_clean_derivation_of_the_released_rules(rule, key):
    rows, teacher = recorded_batch(IMAGES, key)
    assert loss(rows, teacher, [rule], "reference").item() == pytest.approx(
        oracle.released(rule, rows, teacher, 0.1).item(), abs=1e-12
    )


@pytest.mark.parametrize(("mode", "each"), [("exact", 6), ("reference", 4)])
def test_check_9_drop_false_negative_drops_the_most_alike_of_each_row(mode, each):
    _, teacher = recorded_batch(
        IMAGES, 1, noise=0.05
    )  # every partner is among the nearest, which count too in 'reference'
    keep = guide(teacher, 2, ["drop-false-negative"], mode=mode).keep
    gone = base_keep() & ~keep
    assert gone.sum(1).tolist() == [each] * COUNT and not gone[torch.arange(COUNT), partner()].any()
    for i, likeness in enumerate((teacher @ teacher.T).tolist()):
        others = sorted((j for j in range(COUNT) if j not in (i, int(partner()[i]))), key=lambda j: (-likeness[j], j))
        assert set(gone[i].nonzero().flatten().tolist()) == set(others[:each])


@pytest.mark.parametrize("mode", ["exact", "reference"])
def test_check_9_drop_easy_negative_drops_the_12_least_alike_of_each_row(batch, mode):
    _, teacher = batch
    gone = base_keep() & ~guide(teacher, 2, ["drop-easy-negative"], mode=mode).keep
    assert not gone[torch.arange(COUNT), partner()].any()
    for i, likeness in enumerate((teacher @ teacher.T).tolist()):
        others = sorted((j for j in range(COUNT) if j not in (i, int(partner()[i]))), key=lambda j: (likeness[j], j))
        assert set(gone[i].nonzero().flatten().tolist()) == set(others[:12])


def test_check_9_add_new_positive_adds_one_pair_a_row_never_self_nor_own(batch):
    _, teacher = batch
    pairs = guide(teacher, 2, ["add-new-positive"])
    extra = pairs.index[:, 1]
    assert pairs.index.shape == (COUNT, 2) and torch.equal(pairs.index[:, 0], partner())
    assert not (extra == torch.arange(COUNT)).any() and not (extra == partner()).any()
    for i, likeness in enumerate((teacher @ teacher.T).tolist()):
        others = [j for j in range(COUNT) if j not in (i, int(partner()[i]))]
        assert int(extra[i]) == max(others, key=lambda j: (likeness[j], -j))
    assert pairs.weight.sum().item() == pytest.approx(1) and (pairs.weight == 1 / (2 * COUNT)).all()


def test_check_9_drop_false_positive_acts_here_and_not_in_the_published_code(batch):
    rows, teacher = batch
    pairs = guide(teacher, 2, ["drop-false-positive"])
    gone = (pairs.weight[:, 0] == 0).nonzero().flatten().tolist()
    agreement = (teacher * teacher[partner()]).sum(1).tolist()
    assert gone == sorted(sorted(range(COUNT), key=lambda i: (agreement[i], i))[: int(0.1 * COUNT)])
    assert pairs.weight.sum().item() == pytest.approx(1)
    plain, ours, theirs = (
        loss(rows, teacher, rules, mode)
        for rules, mode in (
            ([], "exact"),
            (["drop-false-positive"], "exact"),
            (["drop-false-positive"], "reference"),
        )
    )
    assert ours.item() != plain.item() and theirs.item() == plain.item()
    slopes = [torch.autograd.grad(one, rows)[0] for one in (plain, theirs)]
    assert torch.equal(*slopes)


@pytest.mark.parametrize("rule", RULES)
def test_check_9_a_share_of_zero_is_the_baseline_bit_for_bit(batch, rule):
    rows, teacher = batch
    assert loss(rows, teacher, {rule: 0.0}).item() == loss(rows, teacher, []).item()
    assert loss(rows, teacher, []).item() == pytest.approx(
        ntxent_loss(rows.unflatten(0, (2, -1)), 0.1).item(), abs=1e-14
    )


def test_check_9_ties_go_by_index():
    teacher = torch.ones(20, 1, dtype=torch.float64)
    pairs = guide(teacher, 2, {"drop-false-negative": 0.1})
    eye = torch.eye(20, dtype=torch.bool)
    assert (~pairs.keep & ~eye)[5].nonzero().flatten().tolist() == [0, 1]
    assert (~pairs.keep & ~eye)[0].nonzero().flatten().tolist() == [1, 2]
    assert guide(teacher, 2, ["drop-false-positive"]).weight[:, 0].nonzero().flatten().tolist() == list(range(2, 20))
    assert guide(teacher, 2, ["add-new-positive"]).index[:3, 1].tolist() == [1, 0, 0]


def test_small_batches_change_nothing_where_the_published_code_stops_with_an_index_error():
    teacher = torch.eye(8, dtype=torch.float64)
    eye = torch.eye(8, dtype=torch.bool)
    for mode in ("exact", "reference"):
        keep = guide(teacher, 2, ["drop-false-negative", "drop-easy-negative", "drop-false-positive"], mode=mode).keep
        assert torch.equal(keep, ~eye)


def test_rules_combine_and_what_one_made_a_positive_no_other_drops(batch):
    rows, teacher = batch
    every = list(SHARES)
    pairs = guide(teacher, 2, every)
    extra, silent = pairs.index[:, 1], pairs.weight[:, 0] == 0
    assert pairs.keep[torch.arange(COUNT), extra].all()
    assert torch.equal(pairs.keep[torch.arange(COUNT), partner()], ~silent)
    assert pairs.weight.sum().item() == pytest.approx(1) and pairs.weight[:, 0].sum().item() == pytest.approx(0.5)
    plain, lean = (ntxent_loss(rows.unflatten(0, (2, -1)), 0.1, pairs, chunk) for chunk in (None, 17))
    slopes = [torch.autograd.grad(one, rows)[0] for one in (plain, lean)]
    assert torch.allclose(*slopes, rtol=0, atol=1e-12) and torch.isfinite(slopes[0]).all()


@pytest.mark.parametrize("rule", RULES)
def test_any_number_of_views_may_be_guided(rule, rng):
    teacher = torch.randn(36, 5, generator=rng, dtype=torch.float64)
    teacher = teacher / teacher.norm(dim=1, keepdim=True)
    pairs = guide(teacher, 3, {rule: 0.2})
    assert pairs.weight.sum().item() == pytest.approx(1)
    assert pairs.index.shape[1] == (3 if rule == "add-new-positive" else 2)
    assert torch.isfinite(ntxent_loss(torch.randn(3, 12, 4, generator=rng, dtype=torch.float64), 0.1, pairs))


def test_some_rows_get_what_they_get_among_all(batch):
    _, teacher = batch
    every, some = guide(teacher, 2, list(SHARES)), torch.tensor([3, 70, 127])
    here = guide(teacher, 2, list(SHARES), rows=some)
    assert torch.equal(here.index, every.index[some]) and torch.equal(here.keep, every.keep[some])
    assert torch.equal(here.weight, every.weight[some])


def test_what_does_not_fit_is_told():
    teacher = torch.eye(4)
    with pytest.raises(UnknownNameError, match="drop-false-negative"):
        guide(teacher, 2, ["drop-false-negatives"])
    with pytest.raises(TeacherRowsError, match="2 views"):
        guide(torch.eye(5), 2, [])
    with pytest.raises(SettingError, match="below 1"):
        guide(teacher, 2, {"drop-false-positive": 1.0})
