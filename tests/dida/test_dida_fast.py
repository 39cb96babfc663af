"""What makes it fast changes nothing: still features, short windows, one pass over links; and the authors' names."""

import statistics
import time

import pytest
import torch
from evolving import edges, random_snapshots

from likewise.dida import attention, authors, blending, pieces, sampling
from likewise.dida.attention import past
from likewise.dida.config import Config
from likewise.dida.graph import build
from likewise.dida.learn import Task
from likewise.dida.networks import embed, make
from likewise.dida.sampling import Sampler
from likewise.dida.splits import split
from likewise.dida.stream import Stream
from likewise.dida.weights import LastLayer
from likewise.errors import AuthorsWeightsError
from oracles import dida as slow

SMALL = {"width": 8, "heads": 2, "features": 5}
HUB = [[(v, 0) for v in range(1, 9)] + [(9, 1), (9, 1)], [], [(0, 2), (3, 0), (5, 5 + 1)]]


@pytest.mark.parametrize("code", ["add", "concat", "none"])
def test_still_features_are_those_that_happen_not_to_move(code, rng):
    still = torch.randn(12, 5, generator=rng, dtype=torch.float64)
    snapshots = random_snapshots()
    graphs = [build(snapshots, 12, features=one) for one in (still, still.expand(6, -1, -1))]
    net = make(Config(**SMALL, time_code=code), graphs[0], 0).double()
    found = [net(past(graph, both_ways=True), graph.features) for graph in graphs]
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, atol=1e-12, rtol=0)


@pytest.mark.parametrize("snapshots", [HUB, HUB[:1], [[], HUB[0]]], ids=["hub", "one snapshot", "begins empty"])
@pytest.mark.parametrize("most", [0, blending.MOST], ids=["products of matrices", "nodes side by side"])
def test_blocks_an_index_samples_a_stream_and_the_loops_agree(snapshots, most, monkeypatch):
    monkeypatch.setattr(blending, "MOST", most)
    graph = build([edges(pairs) for pairs in snapshots], 11)
    net = make(Config(**SMALL), graph, 0).double()
    plain = slow.model(net, [graph.links(t) for t in range(len(graph))], None, net.config)[0].detach()
    blocks = net(past(graph, both_ways=True), None)[0].detach()
    cells = torch.arange(len(graph) * graph.size)
    sampled = sampling.parts(net, Sampler(graph, both_ways=True, fan_out=0).rows(cells, 2, 0), None)[0].detach()
    last, rows = LastLayer(net, graph), []
    for t in range(len(graph)):
        found = last.weights(t)
        spread = found.invariant.repeat_interleave(4, dim=1) * found.value
        sums = torch.zeros(11, 8, dtype=torch.float64).index_add(0, found.target, spread)
        rows.append(last.layer.finish(sums, last.x[t]).detach())
    ways = (blocks, sampled.unflatten(0, blocks.shape[:2]), Stream(net).through(graph), torch.stack(rows))
    for way in ways:
        torch.testing.assert_close(way, plain, atol=1e-10, rtol=0)


@pytest.mark.parametrize("variant", ["reference", "paper", None])
@pytest.mark.parametrize("apart", [False, True])
@pytest.mark.parametrize("way", [blending.Narrow, blending.Wide])
@pytest.mark.parametrize("shape", [(7, 5, 4, 3), (3, 1, 1, 2), (4, 2, 6, 1)], ids=str)
def test_both_layouts_have_the_sums_and_gradients_of_the_formula(shape, way, apart, variant, rng, monkeypatch):
    monkeypatch.setattr(blending, "layout", lambda *_: way)
    nodes, times, links, width = shape
    since = torch.randint(times + 1, (nodes, links), generator=rng)
    since[0] = times  # a node whose links never come
    moments, sizes = torch.arange(times), (times, links, links)
    q, k, v = (torch.randn(nodes, 2, n, width, generator=rng, dtype=torch.float64, requires_grad=True) for n in sizes)
    there = since[:, None, None] <= moments[:, None]
    logits = (q @ k.mT / width**0.5).masked_fill(~there, -torch.inf)
    weights = logits.softmax(-1).nan_to_num()
    plain = [weights @ v]
    if variant:
        against = -weights if variant == "reference" else -(q @ k.mT / width**0.5)
        plain.append(against.masked_fill(~there, -torch.inf).softmax(-1).nan_to_num() @ v)
    made = blending.make(*(x.detach() for x in (q, k, v)), since, moments, variant)
    fast = [part for part in blending.sums(made) if part is not None]
    slopes = [torch.randn(part.shape, generator=rng, dtype=torch.float64) for part in plain]
    used = slopes[:1] if apart else slopes
    found = blending.slopes(made, slopes[0], None if apart or not variant else slopes[1], variant)
    assert not plain[0][0].any()
    wanted = torch.autograd.grad(plain[: len(used)], (q, k, v), used)
    for one, other in zip([*fast, *found], [*plain, *wanted], strict=True):
        torch.testing.assert_close(one, other, atol=1e-12, rtol=1e-12)


@pytest.mark.parametrize("apart", [False, True])
def test_what_is_kept_for_the_gradient_changes_no_bit(ragged, apart, rng, monkeypatch):
    plan, found = past(ragged, both_ways=True), []
    sizes = ((4, 7, 8), (len(plan.sender), 8), (len(plan.sender), 8))
    given = [torch.randn(*size, generator=rng, requires_grad=True) for size in sizes]
    for kept in (attention.KEPT, 300, 0):
        monkeypatch.setattr(attention, "KEPT", kept)
        own, other = attention.attend(*given, plan.blocks, 2, variant="reference", apart=apart)
        loss = own.square().sum() + (0 if apart else other.pow(3).sum())
        assert other.requires_grad != apart
        found.append(torch.autograd.grad(loss, given))
    assert all(torch.equal(a, b) for rest in found[1:] for a, b in zip(found[0], rest, strict=True))


def test_what_comes_later_changes_not_a_bit_of_a_stream(graph):
    net = make(Config(**SMALL), graph, 0)
    other = build([*random_snapshots()[:4], *random_snapshots(2, seed=9)], 12)
    found = [Stream(net).through(one) for one in (graph, other)]
    assert torch.equal(found[0][:4], found[1][:4])
    assert not torch.equal(found[0][4:], found[1][4:])


def test_a_window_has_the_gradients_of_the_whole_history(graph):
    config, cut = Config(**SMALL, draws=8, strength=0.1), split(6, 1, 2)
    net = make(config, graph, 0).double()
    task = Task(graph, cut, config, 0)
    short = task.gradients(net, 1)
    slopes = {name: weight.grad.clone() for name, weight in net.named_parameters() if weight.grad is not None}
    net.zero_grad()
    task.past, task.window = past(graph, both_ways=True), graph
    whole = task.gradients(net, 1)
    assert whole == pytest.approx(short, abs=1e-10)
    for name, weight in net.named_parameters():
        if name in slopes:
            torch.testing.assert_close(weight.grad, slopes[name], atol=1e-10, rtol=1e-8)


def test_features_that_move_are_read_as_their_mean_so_far_and_still_ones_as_they_are(rng):
    snapshots, moving = random_snapshots(), torch.randn(6, 12, 5, generator=rng)
    graph, still = build(snapshots, 12, features=moving), build(snapshots, 12, features=moving[0])
    settled = make(Config(**SMALL), graph, 0)
    assert torch.allclose(settled.features_of(graph)[3], moving[:4].mean(0), atol=1e-6)
    assert torch.equal(settled.features_of(graph.until(4)), settled.features_of(graph)[:4])
    assert torch.equal(settled.features_of(still), moving[0])
    assert make(Config(**SMALL), build(snapshots, 12), 0).features_of(build(snapshots, 12)) is None
    newest = make(Config(**SMALL, moving_features="newest"), graph, 0)
    assert torch.equal(newest.features_of(graph), moving)
    torch.testing.assert_close(Stream(settled).through(graph), embed(settled, graph), atol=1e-5, rtol=0)
    assert not torch.allclose(embed(settled, graph)[3], embed(newest, graph)[3], atol=1e-2)


def test_a_layer_in_pieces_has_the_parts_and_gradients_of_one_at_once(graph, monkeypatch):
    found = []
    for numbers in (1 << 30, 64):
        monkeypatch.setattr(pieces, "NUMBERS", numbers)
        net = make(Config(**SMALL, feature_mask=True, skip=True), graph, 0).double()
        parts = net(past(graph, both_ways=True), None)
        parts[0].square().sum().backward()
        slopes = [weight.grad for weight in net.parameters() if weight.grad is not None]
        with torch.no_grad():
            again = net(past(graph, both_ways=True), None)
        found.append([*parts, *again, *slopes])
    for whole, pieced in zip(*found, strict=True):
        torch.testing.assert_close(pieced, whole, atol=1e-10, rtol=1e-10)


def held(times):
    """Bytes that a forward pass keeps for the gradient."""
    links = [pairs % 60 for pairs in random_snapshots(times, size=60, links=800)]
    graph = build(links, 60)
    net, kept = make(Config(**SMALL), graph, 0), {}

    def keep(tensor):
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        made = net(past(graph, both_ways=True), None)
    assert made[0].requires_grad
    return sum(kept.values())


def test_memory_grows_as_the_links_do_and_not_with_links_times_snapshots():
    sizes = [held(times) for times in (8, 16, 32)]
    assert sizes[1] <= 2.3 * sizes[0] and sizes[2] <= 2.3 * sizes[1]


def test_the_authors_weights_load_strictly_and_come_back(graph):
    config = Config(**SMALL, both_ways=False)
    net = make(config, graph, 0)
    weights = authors.named(net)
    assert {"feat", "linear.weight", "layers.0.time_emb.emb.weight", "ss_decoder.lins.1.bias"} <= weights.keys()
    full = weights | {"fmask": torch.ones(5), "layers.0.update_linear.weight": torch.ones(8, 8)}
    again = authors.load(full, config, graph)
    plan = past(graph, both_ways=False)
    assert torch.equal(again(plan, None)[0], net(plan, None)[0])
    assert {name: value.tolist() for name, value in authors.named(again).items()} == {
        name: value.tolist() for name, value in weights.items()
    }


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"layers.0.q_linear.bias": None}, "missing: layers.0.q_linear.bias"),
        ({"layers.7.q_linear.bias": torch.ones(8)}, "unknown: layers.7.q_linear.bias"),
        ({"linear.weight": torch.ones(8, 9)}, r"another shape: linear.weight is \(8, 9\), not \(8, 5\)"),
    ],
)
def test_weights_of_another_network_are_told(graph, change, told):
    config = Config(**SMALL)
    weights = authors.named(make(config, graph, 0)) | change
    with pytest.raises(AuthorsWeightsError, match=told):
        authors.load({name: value for name, value in weights.items() if value is not None}, config, graph)


@pytest.mark.slow
def test_it_is_three_times_as_fast_as_the_definition_read_literally():
    times, size = 16, 5000
    graph = build(random_snapshots(times, size=size, links=10_000), size)
    net = make(Config(both_ways=False, feature_mask=True), graph, 0)
    plan, snapshots = past(graph, both_ways=False), [graph.links(t) for t in range(times)]
    torch.set_num_threads(1)
    ratios = []
    for _ in range(4):
        seconds = []
        for run in (lambda: net(plan, None), lambda: slow.literal(net, snapshots, 4)):
            run()
            began = time.process_time()
            run()[0].square().mean().backward()
            seconds.append(time.process_time() - began)
        ratios.append(seconds[1] / seconds[0])
    assert statistics.median(ratios[1:]) > 3, ratios  # the first also asks the system for memory
