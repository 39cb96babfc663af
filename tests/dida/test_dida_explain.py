"""What is said about a forecast is true: weights add up to the sums, an effect is the change without the link."""

import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest
import torch
from evolving import RAGGED, edges

from likewise.dida.attention import attend, past
from likewise.dida.changes import PERIODS, changes
from likewise.dida.chart import Curve, curves, square
from likewise.dida.config import Config
from likewise.dida.evaluation import scorer
from likewise.dida.explain import carriers
from likewise.dida.graph import build
from likewise.dida.networks import make
from likewise.dida.picturing import draw, drawings
from likewise.dida.splits import split
from likewise.dida.weights import LastLayer


def network(graph, **settings):
    return make(Config(width=8, features=5, heads=2, **settings), graph, 3).double()


@pytest.mark.parametrize("form", ["reference", "paper"])
@pytest.mark.parametrize("both_ways", [True, False])
def test_the_weights_of_the_index_give_the_sums_of_the_blocks(ragged, form, both_ways):
    net = network(ragged, variant_softmax=form, both_ways=both_ways)
    last, plan = LastLayer(net, ragged), past(ragged, both_ways=both_ways)
    query, key, value = net.layers[-1].ask(net.before_last(plan, None), plan)
    own, other = (one[:, plan.place] for one in attend(query, key, value, plan.blocks, 2, variant=form))
    for t in range(4):
        found = last.weights(t)
        for weights, sums in ((found.invariant, own[t]), (found.variant, other[t])):
            whole = torch.zeros(7, 8, dtype=torch.float64)
            whole = whole.index_add(0, found.target, weights.repeat_interleave(4, dim=1) * found.value)
            torch.testing.assert_close(whole, sums, atol=1e-12, rtol=0)
            total = torch.zeros(7, 2, dtype=torch.float64).index_add(0, found.target, weights)
            assert torch.allclose(total[found.target], torch.ones(()).double(), atol=1e-12)


def test_an_effect_is_the_change_without_the_link():
    net = network(build([edges(pairs) for pairs in RAGGED], 7), layers=1, both_ways=False)
    graph = build([edges(pairs) for pairs in RAGGED], 7)
    logit, own, found = carriers(net, graph, (1, 3), 3)
    parts = net(past(graph, both_ways=False), None)[0][3].detach()
    assert logit == pytest.approx(float(parts[1] @ parts[3]))
    assert len(found) == 5 + 1 + 2 + 1  # to node 1: five, none, one, two; to node 3: the one of (2, 3)
    fewer = build([edges([pair for pair in pairs if pair != (5, 1)]) for pairs in RAGGED], 7)
    left = net(past(fewer, both_ways=False), None)[0][3].detach()
    effect = next(one.effect for one in found if one.other == "5")
    assert effect == pytest.approx(logit - float(left[1] @ left[3]), abs=1e-10)
    bare = net(past(build([edges([])] * 4, 7), both_ways=False), None)[0][3].detach()
    assert own == pytest.approx(float(bare[1] @ bare[3]))
    assert [abs(one.effect) for one in found] == sorted((abs(one.effect) for one in found), reverse=True)


def test_plain_attention_has_no_variant_weights(ragged):
    _, _, found = carriers(network(ragged, model="attention"), ragged, (1, 3), 3)
    assert all(one.variant is None for one in found)
    assert sum(one.invariant for one in found if one.end == "1") == pytest.approx(1)


@pytest.fixture
def report(graph):
    net = network(graph).float()
    parts = net(past(graph, both_ways=True), None)[0].detach()
    return changes(net, graph, parts, split(6, 1, 2), scorer(parts))


def test_a_shift_report_adds_up(graph, report):
    assert [row["period"] for row in report["by_time"]] == ["training", "training", "validation", "test", "test"]
    assert all(sum(row) == pytest.approx(1, abs=1e-5) for row in report["attention"])
    assert all(row[t + 1 :] == [0] * (5 - t) for t, row in enumerate(report["attention"]))
    first = report["by_time"][0]
    assert first["drift"] == 0 and 0 < first["new_pairs"] <= 1 and first["mix"] == 0
    assert set(report["by_period"]) == set(PERIODS)
    (domain,) = report["by_domain"].values()
    shares = [domain[f"{kind}_share"] for kind in ("links", "invariant", "variant")]
    assert shares == pytest.approx([1, 1, 1], abs=1e-5)
    assert [row["auc"] for row in report["by_time"]] == pytest.approx([one["value"] for one in domain["auc"]])


def test_a_domain_that_comes_up_only_in_the_test_changes_the_mix():
    pairs = [edges([(0, 1), (1, 2), (2, 3), (3, 4)])] * 6
    late = [torch.zeros(4, dtype=torch.int64)] * 5 + [torch.tensor([0, 0, 1, 1])]
    graph = build(pairs, 8, domains=late)
    net = network(graph).float()
    parts = net(past(graph, both_ways=True), None)[0].detach()
    rows = changes(net, graph, parts, split(6, 1, 1), scorer(parts))["by_time"]
    assert [row["mix"] for row in rows] == pytest.approx([0, 0, 0, 0, 0.5])
    assert [row["new_pairs"] for row in rows] == [0] * 5


def test_drawings_are_files_that_a_browser_can_read(report, tmp_path):
    found = draw(report, tmp_path / "new")
    assert [path.name for path in found] == ["auc.svg", "attention.svg", "drift.svg"]
    assert all(ET.parse(path).getroot().tag.endswith("svg") for path in found)
    again = [path.read_bytes() for path in found]
    assert [path.read_bytes() for path in draw(report, tmp_path / "new")] == again


def test_points_stand_at_their_snapshots_whatever_those_are_called(graph):
    alike = replace(graph, labels=("same",) * 6)
    net = network(alike).float()
    parts = net(past(alike, both_ways=True), None)[0].detach()
    found = drawings(changes(net, alike, parts, split(6, 1, 2), scorer(parts)))["auc.svg"]
    dots = [one.get("cx") for one in ET.fromstring(found).iter() if one.tag.endswith("circle")]
    assert len(set(dots)) == 5


def test_names_from_a_file_never_become_markup():
    for text in (
        curves("t", [Curve("<script>&", [(0, 0.1), (1, 0.2)]), Curve("b", [(0, 0.3)])], ["<b>", '"x"'], since=1),
        square("<t>", [[1.0, 0.0], [0.5, 0.5]], ["<b>", "c"]),
    ):
        assert "<script>" not in text and "<b>" not in text and ET.fromstring(text) is not None


def test_one_level_and_no_shares_can_be_drawn_too():
    assert ET.fromstring(curves("flat", [Curve("one", [(0, 0.5)])], ["now"])) is not None
    assert ET.fromstring(square("none", [[0.0]], ["now"])) is not None
