"""What nodes are: the file, the penalty by its definition, learning, memory beside it, and nothing of the future."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from likewise.dida import DIDA, classifying, cut, read
from likewise.dida.classes import LastSeen, read_classes
from likewise.dida.classifying import macro_f1, penalty
from likewise.dida.config import Config
from likewise.dida.graph import build
from likewise.dida.learn import learn
from likewise.dida.penalty import combined, donors, groups
from likewise.dida.robust import Robust
from likewise.errors import BadRowsError, NothingToLearnError, SkippedRowsWarning, TaskError, WeakClassesWarning

QUICK = {"task": "classes", "epochs": 40, "min_epochs": 40, "draws": 8}


@pytest.fixture(scope="module")
def clubs():
    """60 nodes of 3 kinds that link within their kind four times in five; the last 20 have classes at the end alone."""
    rng, nodes, times = torch.Generator().manual_seed(0), 60, 9
    kind, snapshots = torch.arange(nodes) % 3, []
    for _ in range(times):
        source = torch.randint(nodes, (150,), generator=rng)
        near = torch.randint(nodes // 3, (150,), generator=rng) * 3 + kind[source]
        far = torch.rand(150, generator=rng) < 0.2
        target = torch.where(far, torch.randint(nodes, (150,), generator=rng), near)
        snapshots.append(torch.stack([source, target])[:, source != target])
    classes = kind.repeat(times, 1)
    classes[:6, 40:] = -1
    return build(snapshots, nodes, classes=classes)


@pytest.mark.parametrize("form", ["reference", "paper"])
@pytest.mark.parametrize("kind", ["space-time", "distinct", "space", "time", "pairwise"])
def test_the_penalty_and_its_gradient_are_the_definitions(kind, form, rng):
    logits = torch.randn(20, 4, generator=rng, dtype=torch.float64, requires_grad=True)
    labels, scales = torch.randint(4, (20,), generator=rng), torch.rand(20, 4, generator=rng, dtype=torch.float64)
    group = groups(kind, torch.arange(20) // 5, torch.randint(6, (20,), generator=rng))
    picks = donors(kind, group, 7, 0, 1)
    found = penalty(logits, labels, scales, group, picks, 7, form)
    risks = torch.stack([F.cross_entropy(scales[picks(range(7))[i, group]] * logits, labels) for i in range(7)])
    plain = combined(risks, form)
    assert found.value.item() == pytest.approx(plain.item(), rel=1e-12)
    ours, theirs = (torch.autograd.grad(value, logits)[0] for value in (found.value, plain))
    assert (ours - theirs).abs().max() < 1e-12
    assert found.mean == pytest.approx(risks.mean().item()) and found.variance == pytest.approx(risks.var().item())


def test_irm_of_classes_is_the_slope_by_a_factor_of_the_logits(rng):
    logits, labels = torch.randn(12, 3, generator=rng).double(), torch.randint(3, (12,), generator=rng)
    place, factor = torch.arange(12) % 2, torch.ones((), dtype=torch.float64, requires_grad=True)
    found = Robust("irm", 2.0, 2).classes(logits, labels, place)
    risks = [F.cross_entropy(factor * logits[place == e], labels[place == e]) for e in (0, 1)]
    slopes = [torch.autograd.grad(risk, factor, retain_graph=True)[0] for risk in risks]
    assert found.item() == pytest.approx(((sum(risks) + 2 * sum(s * s for s in slopes)) / 2).item(), rel=1e-6)


def test_classes_are_learned_of_nodes_whose_class_was_never_known(clubs):
    hidden = replace(clubs, classes=clubs.classes.clone())
    hidden.classes[6, 50:] = hidden.classes[7:, :50] = -1  # the test asks for nodes never known before
    model = DIDA(**QUICK).fit(hidden)
    report = model.evaluate()
    assert (
        (report["nodes"], report["known"]) == (10, 20)
        and report["dida"]["accuracy"]["low"] > 0.6
        and report["over_memory"]["low"] > 0
    )
    assert report["dida"]["macro_f1"] > max(0.6, report["last seen"]["macro_f1"])
    guess = {one.node: one for one in model.classify()}
    assert guess["0"].known == "class 0" and 1 / 3 <= guess["0"].probability <= 1
    right = [int(node) % 3 == int(one.kind[-1]) for node, one in guess.items() if int(node) >= 50]
    assert np.mean(right) > 0.6


@pytest.mark.filterwarnings("ignore::likewise.errors.WeakClassesWarning")
def test_a_node_in_more_snapshots_is_no_further_node(clubs):
    model = DIDA(**{**QUICK, "epochs": 1, "min_epochs": 1}).fit(clubs)
    found = [classifying.report("dida", model._reader(), clubs, times, 0) for times in ([7], [7, 8])]
    assert [one["dida"]["accuracy"]["count"] for one in found] == [60, 60]
    assert [one["over_memory"]["count"] for one in found] == [60, 60]
    assert [(one["nodes"], one["known"]) for one in found] == [(60, 60), (60, 120)]


@pytest.mark.parametrize("model", ["attention", "gae", "gcn-gru", "evolvegcn", "dysat"])
def test_every_model_learns_classes(clubs, model):
    losses = [step.losses["loss"] for step in learn(clubs, Config(**{**QUICK, "model": model}), 0)]
    assert losses[-1] < 0.9 * losses[0]


def test_what_comes_after_training_is_not_looked_at(clubs):
    config = Config(**{**QUICK, "epochs": 3, "min_epochs": 1, "test_snapshots": 2})
    other = replace(clubs, classes=clubs.classes.clone())
    other.classes[6:] = (other.classes[6:] + 1) % 3  # of validation and test
    ends = [list(learn(graph, config, 0))[-1].state().tensors for graph in (clubs, other)]
    assert all(torch.equal(value, ends[1][name]) for name, value in ends[0].items() if name.startswith("weights/"))


def test_a_killed_run_ends_with_the_same_bits(clubs):
    config = Config(**{**QUICK, "epochs": 6, "min_epochs": 1})
    whole = [step.state() for step in learn(clubs, config, 0)]
    again = [step.state() for step in learn(clubs, config, 0, resume=whole[2])]
    assert all(torch.equal(value, again[-1].tensors[name]) for name, value in whole[-1].tensors.items())


@pytest.mark.filterwarnings("ignore::likewise.errors.WeakForecastWarning")
def test_a_saved_forecaster_tells_the_same(clubs, tmp_path):
    model = DIDA(**QUICK).fit(clubs)
    model.save(tmp_path / "kept")
    assert DIDA.load(tmp_path / "kept").classify() == model.classify()
    with pytest.raises(TaskError, match="links were asked for"):
        model.forecast()
    with pytest.raises(TaskError, match="classes were asked for"):
        DIDA(epochs=2, min_epochs=1, draws=2).fit(clubs).classify()


def test_memory_is_the_newest_class_before_and_then_the_commonest():
    classes = torch.tensor([[0, -1, 1, -1], [2, -1, 1, -1], [1, 1, 1, 1]])
    graph = build([torch.tensor([[0, 1], [2, 3]])] * 3, 4, classes=classes)
    assert LastSeen(graph)(2, np.arange(4)).tolist() == [2, 1, 1, 1]
    assert LastSeen(graph)(0, np.arange(4)).tolist() == [0, 0, 0, 0]


def test_macro_f1_by_hand():
    assert macro_f1(np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1])) == pytest.approx((2 / 3 + 4 / 5) / 2)


def test_a_model_no_better_than_memory_is_told(clubs):
    known = replace(clubs, classes=(torch.arange(60) % 3).repeat(9, 1))
    with pytest.warns(WeakClassesWarning, match="never known"):
        DIDA(**{**QUICK, "epochs": 1, "min_epochs": 1}).fit(known)


def test_nothing_to_learn_is_told(graph, clubs):
    with pytest.raises(NothingToLearnError, match="--classes"):
        DIDA(**QUICK).fit(graph)
    with pytest.raises(NothingToLearnError, match="fewer than two"):
        DIDA(**QUICK).fit(replace(clubs, classes=torch.where(clubs.classes > 0, -1, clubs.classes)))
    late = replace(clubs, classes=clubs.classes.clone())
    late.classes[6] = -1
    with pytest.raises(NothingToLearnError, match="choose by"):
        DIDA(**QUICK).fit(late)


LINKS = "source,target,time\na,b,2020-01-05\nb,c,2020-02-05\na,c,2021-03-01\nc,d,2022-07-01\n"


@pytest.fixture
def years(tmp_path):
    (tmp_path / "links.csv").write_text(LINKS)
    return cut(read(tmp_path / "links.csv"), every="year")


def test_a_class_without_a_time_holds_where_the_node_has_links(years, tmp_path):
    (tmp_path / "classes.csv").write_text("node,class\na,red\nd,blue\n")
    graph = read_classes(tmp_path / "classes.csv", years)
    assert graph.kinds == ("blue", "red")
    place = {name: years.nodes.index(name) for name in "abcd"}
    assert graph.classes[:, place["a"]].tolist() == [1, 1, -1] and graph.classes[:, place["d"]].tolist() == [-1, -1, 0]
    assert (graph.classes[:, [place["b"], place["c"]]] == -1).all()


@pytest.mark.parametrize("every", ["year", "quarter", "month", "week", "day", 100.0])
def test_a_class_with_a_time_is_of_the_snapshot_that_it_falls_in(tmp_path, every):
    (tmp_path / "links.csv").write_text(LINKS)
    graph = cut(read(tmp_path / "links.csv"), every=every)
    (tmp_path / "classes.csv").write_text("node,class,when\na,red,2020-01-05\nb,blue,2021-03-01\nc,red,2022-07-01\n")
    found = read_classes(tmp_path / "classes.csv", graph, time="when")
    where = {graph.nodes[node]: int(t) for t, node in torch.nonzero(found.classes >= 0)}
    own = {graph.nodes[int(graph.edges[0, e])]: int(graph.snapshot_of[e]) for e in (2, 3)}
    assert where == {"a": 0, "b": own["a"], "c": own["c"]}
    assert len(graph.opens) == len(graph) + 1 and list(graph.opens) == sorted(graph.opens)


def test_snapshots_by_count_know_their_times(tmp_path):
    (tmp_path / "links.csv").write_text(LINKS)
    graph = cut(read(tmp_path / "links.csv"), count=2)
    assert [graph.snapshot_at(moment) for moment in (graph.opens[0] - 1, *graph.opens)] == [None, 0, 1, None]


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ("x,red,2020-01-01", "line 2, column node: found 'x', which has no link"),
        ("a,,2020-01-01", "line 2, column class: found nothing"),
        ("a,red,1999-01-01", "line 2, column when: found '1999-01-01', needed a time within"),
        ("a,red,soon", "line 2, column when: found 'soon'"),
        ("a,red,2020-01-01\na,blue,2020-02-01", "line 3, column class: found 'blue', and 'red' before"),
    ],
)
def test_a_bad_row_of_classes_is_told_by_line_and_column(years, tmp_path, rows, told):
    (tmp_path / "classes.csv").write_text(f"node,class,when\n{rows}\n")
    with pytest.raises(BadRowsError) as caught:
        read_classes(tmp_path / "classes.csv", years, time="when")
    assert told in str(caught.value)
    with (tmp_path / "classes.csv").open("a") as file:
        file.write("b,red,2021-03-01\n")
    with pytest.warns(SkippedRowsWarning, match="1 of"):
        graph = read_classes(tmp_path / "classes.csv", years, time="when", skip_bad_rows=True)
    assert graph.classes[1, graph.numbers["b"]] == graph.kinds.index("red")


def test_hours_begin_where_they_should(tmp_path):
    (tmp_path / "links.csv").write_text("source,target,time\na,b,2020-01-01T10:59\nb,c,2020-01-01T11:00\n")
    graph = cut(read(tmp_path / "links.csv"), every="hour")
    assert [datetime.fromtimestamp(moment, UTC).hour for moment in graph.opens] == [10, 11, 12]
