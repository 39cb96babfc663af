"""What is computed piece by piece is the whole: snapshots that come one by one, and links asked a few at a time."""

import numpy as np
import pytest
import torch
from evolving import random_snapshots

from likewise.dida import DIDA, sampling
from likewise.dida.attention import messages, past
from likewise.dida.config import Config
from likewise.dida.graph import build
from likewise.dida.learn import Task, learn
from likewise.dida.networks import embed, make
from likewise.dida.sampling import Sampler
from likewise.dida.splits import split
from likewise.dida.stream import Stream
from likewise.errors import (
    BadSettingError,
    FeatureError,
    NotFittedError,
    TimeTableFullError,
    UnknownDomainError,
    UnknownNodeError,
    UnstreamedModelError,
)

SMALL = {"width": 8, "heads": 2, "features": 6}
FEW = {**SMALL, "draws": 8, "epochs": 4, "min_epochs": 1, "validate_every": 2}
WAYS = ({}, {"batch": 3}, {"batch": 3, "fan_out": 1})
SWITCHES = [
    {},
    {"model": "attention"},
    {"only_invariant": True, "both_ways": False},
    {"variant_softmax": "paper", "time_code": "concat", "layers": 3},
    {"time_code": "none", "layers": 1},
]


def made(graph, **settings):
    return make(Config(**SMALL, **settings), graph, 0)


@pytest.mark.parametrize("settings", SWITCHES, ids=str)
@pytest.mark.parametrize("moving", [False, True])
def test_five_snapshots_that_come_one_by_one_are_a_full_recompute(settings, moving, rng):
    features = torch.randn(9, 12, 3, generator=rng) if moving else None
    graph = build(random_snapshots(9), 12, features=features)
    net = made(graph, **settings)
    stream = Stream(net)
    first = stream.through(graph.until(4))
    later = torch.stack([stream.advance(graph.until(t + 1)) for t in range(4, 9)])
    whole = net(past(graph, both_ways=net.config.both_ways), net.features_of(graph))[0]
    torch.testing.assert_close(torch.cat([first, later]), whole.detach(), atol=1e-6, rtol=0)


def test_empty_snapshots_pass_through_a_stream(ragged):
    net = made(ragged)
    whole = net(past(ragged, both_ways=True), None)[0].detach()
    torch.testing.assert_close(Stream(net).through(ragged), whole, atol=1e-6, rtol=0)


def test_a_stream_ends_where_the_time_table_does(ragged):
    net = made(ragged)
    for layer in net.layers:
        layer.table = torch.nn.Parameter(layer.table[:2])
    with pytest.raises(TimeTableFullError, match=r"knows 2 snapshots.* number 3"):
        Stream(net).through(ragged)


@pytest.mark.filterwarnings("ignore::likewise.errors.WeakForecastWarning")
def test_an_updated_model_forecasts_as_one_that_had_it_all(graph, tmp_path):
    model = DIDA(**FEW).fit(graph)
    split, fresh = model.split, [[("0", "1"), ("2", "3")], [("4", "7"), ("0", "1"), ("5", "2")]]
    for number, links in enumerate(fresh):
        model.update(links, label=f"week {number}")
    assert model.graph.labels[-2:] == ("week 0", "week 1") and len(model.graph) == 8
    assert (model.split.train, model.split.val, model.split.test) == (split.train, split.val, range(3, 7))
    whole = embed(model._network, model.graph)
    np.testing.assert_allclose(model.embed(), whole[-1].numpy(), atol=1e-6)
    model.save(tmp_path / "model")
    again = DIDA.load(tmp_path / "model")
    assert again.split == model.split
    assert [one.source for one in again.forecast(5)] == [one.source for one in model.forecast(5)]
    again.update([("1", "2")])
    model.update([("1", "2")])
    np.testing.assert_allclose(again.embed(), model.embed(), atol=1e-6)


@pytest.mark.filterwarnings("ignore::likewise.errors.WeakForecastWarning")
def test_updates_that_do_not_fit_are_told_and_change_nothing(graph, rng):
    with pytest.raises(NotFittedError, match="An update"):
        DIDA().update([("0", "1")])
    model = DIDA(**FEW).fit(graph)
    for how, error in (
        ({"links": [("0", "nobody")]}, UnknownNodeError),
        ({"links": [], "domain": "cup"}, UnknownDomainError),
        ({"links": [], "features": torch.ones(12, 2)}, FeatureError),
    ):
        with pytest.raises(error):
            model.update(**how)
    assert len(model.graph) == 6
    with pytest.raises(UnstreamedModelError, match="'gae' cannot be given"):
        DIDA(model="gae", **FEW).fit(graph).update([("0", "1")])


@pytest.mark.parametrize("settings", SWITCHES, ids=str)
@pytest.mark.parametrize("moving", [False, True])
def test_all_links_of_a_sample_are_the_full_batch(ragged, settings, moving, rng):
    features = torch.randn(4, 7, 3, generator=rng) if moving else None
    graph = build([ragged.links(t) for t in range(4)], 7, features=features)
    net = made(graph, **settings)
    cells = torch.arange(4 * 7)
    rows = Sampler(graph, both_ways=net.config.both_ways, fan_out=0).rows(cells, len(net.layers), 0)
    ours = sampling.parts(net, rows, graph.features)
    whole = net(past(graph, both_ways=net.config.both_ways), graph.features)
    for few, full in zip(ours, whole, strict=True):
        if full is not None:
            torch.testing.assert_close(few, full.flatten(0, 1), atol=1e-5, rtol=0)
    own, full = (torch.autograd.grad(one.square().sum(), net.enter.weight)[0] for one in (ours[0], whole[0]))
    torch.testing.assert_close(own, full, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("slots", [sampling.SLOTS, 30])
def test_no_sampled_link_is_later_than_who_asks(graph, slots, monkeypatch):
    monkeypatch.setattr(sampling, "SLOTS", slots)
    sampler = Sampler(graph, both_ways=True, fan_out=3)
    known = {(s, v, u) for v, u, s in zip(*(part.tolist() for part in messages(graph, both_ways=True)), strict=True)}
    cells = torch.arange(6 * 12)
    lower, top = (rows := sampler.rows(cells, 2, 0, "train", 1)).hops
    assert len(top.blocks) == (1 if slots > 6 * 12 * 3 else 8)
    assert [row for block in top.blocks for row in range(6 * 12)[block.rows]] == list(range(6 * 12))
    below = lower.times[lower.own] * 12 + rows.nodes[lower.own]  # cells of the rows between
    lowest = lower.times * 12 + rows.nodes
    for hop, asking, senders in ((top, cells, below), (lower, below, lowest)):
        there = torch.cat([block.since for block in hop.blocks]) == 0
        asked = senders[torch.cat([block.cells for block in hop.blocks])].view_as(there)
        assert there.shape[1] <= 3 and torch.equal(senders[hop.own], asking)
        assert (asked // 12 <= asking[:, None] // 12)[there].all()
        for row, cell in enumerate(asking.tolist()):
            assert all((one // 12, one % 12, cell % 12) in known for one in asked[row][there[row]].tolist())
        if hop is top:
            many = torch.bincount(messages(graph, both_ways=True)[1], minlength=12)
            assert torch.equal(there[5 * 12 :].sum(1), many.clamp(max=3))


def test_a_sample_never_takes_a_link_twice_when_the_past_divides_and_is_keyed(graph):
    sampler = Sampler(build([torch.tensor([[1, 2, 3, 4, 5, 6], [0] * 6])] * 2, 7), both_ways=False, fan_out=3)
    for draw in range(20):
        asked, there = sampler._asked(np.array([7]), np.random.default_rng(draw))
        assert there.all() and len(set(asked[0].tolist())) == 3
    cells = torch.tensor([70, 71])
    one, same, other = (Sampler(graph, both_ways=True, fan_out=2).rows(cells, 2, seed) for seed in (0, 0, 1))
    assert torch.equal(one.nodes, same.nodes)
    assert not torch.equal(one.nodes, other.nodes) or not torch.equal(one.times, other.times)


def test_validation_by_batches_is_exact_with_all_past_links_and_keyed_with_a_few(graph):
    net, cut = made(graph), split(len(graph), 1, 1)
    whole, batches, few = (Task(graph, cut, Config(**SMALL, **how), 0) for how in WAYS)
    assert batches.validate(net) == pytest.approx(whole.validate(net), abs=1e-6)
    (t, links, _), *_ = whole.trials
    read, again = few._batches(net), few._batches(net)
    assert torch.equal(read(t, links), again(t, links)), "a better validation must not be a luckier draw"
    assert not torch.allclose(read(t, links), whole._whole(net)(t, links), atol=1e-3)


@pytest.mark.filterwarnings("ignore::likewise.errors.WeakForecastWarning")
def test_learning_by_batches_resumes_to_the_same_bits_and_with_all_is_the_window(graph):
    config = Config(batch=9, fan_out=2, **FEW)
    states = [step.state() for step in learn(graph, config, 0)]
    *_, step = learn(graph, config, 0, resume=states[1])
    assert all(torch.equal(value, states[-1].tensors[name]) for name, value in step.state().tensors.items())
    whole, all_in_one = (next(learn(graph, Config(batch=batch, **FEW), 0)).losses for batch in (0, 10_000))
    assert all_in_one == pytest.approx(whole, rel=1e-4)
    model = DIDA(**{**FEW, "batch": 9, "fan_out": 2}).fit(graph)
    np.testing.assert_allclose(model.embed(), embed(model._network, graph)[-1].numpy(), atol=1e-6)


def test_batches_that_cannot_be_are_refused():
    for wrong, why in (
        ({"fan_out": 3}, "give batch as well"),
        ({"batch": 5, "model": "gae"}, "takes the whole window"),
    ):
        with pytest.raises(BadSettingError, match=why):
            DIDA(**wrong)
