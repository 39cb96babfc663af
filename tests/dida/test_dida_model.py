"""The padded attention is the definition, for every switch, with its gradients."""

import itertools

import pytest
import torch
from evolving import RAGGED, edges, random_snapshots

from likewise.dida.attention import attend, past
from likewise.dida.config import Config
from likewise.dida.graph import build
from likewise.dida.model import sinusoids
from likewise.dida.networks import make
from oracles import dida as slow

SWITCHES = [
    {"heads": heads, "time_code": code, "variant_softmax": form, "skip": odd, "norm": not odd, "feature_mask": not odd}
    for heads, code, form, odd in itertools.product(
        (1, 2, 4), ("add", "concat", "none"), ("reference", "paper"), (0, 1)
    )
]


def both(graph, features=None, seed=3, **settings):
    """The parts by the library and by the oracle, in float64."""
    config = Config(width=8, features=5, **settings)
    net = make(config, graph, seed).double()
    snapshots = [graph.links(t) for t in range(len(graph))]
    fast = net(past(graph, both_ways=config.both_ways), features)
    return net, fast, slow.model(net, snapshots, features, config)


@pytest.mark.parametrize("settings", SWITCHES, ids=lambda s: "-".join(map(str, s.values())))
def test_a_network_equals_the_loops(ragged, settings):
    _, fast, plain = both(ragged, **settings, layers=1)
    torch.testing.assert_close(fast[0], plain[0], atol=1e-10, rtol=0)
    torch.testing.assert_close(fast[1], plain[1], atol=1e-10, rtol=0)


@pytest.mark.parametrize(
    "settings", [{}, {"only_invariant": True}, {"both_ways": False}, {"model": "attention"}], ids=str
)
@pytest.mark.parametrize("moving", [False, True])
def test_layers_stack_as_the_loops_do(ragged, settings, moving, rng):
    features = torch.randn(4, 7, 6, generator=rng, dtype=torch.float64) if moving else None
    graph = build([edges(pairs) for pairs in RAGGED], 7, features=features)
    _, fast, plain = both(graph, features, **settings)
    torch.testing.assert_close(fast[0], plain[0], atol=1e-10, rtol=0)
    if fast[1] is not None:
        torch.testing.assert_close(fast[1], plain[1], atol=1e-10, rtol=0)


def test_every_gradient_equals_that_of_the_loops(ragged):
    net, fast, plain = both(ragged, skip=True, feature_mask=True)
    fast[0].square().sum().backward()
    ours = {name: weight.grad for name, weight in net.named_parameters()}
    net.zero_grad(set_to_none=True)
    plain[0].square().sum().backward()
    theirs = {name: weight.grad for name, weight in net.named_parameters()}
    dead = {name for name, grad in ours.items() if grad is None}
    assert (
        dead == {name for name, grad in theirs.items() if grad is None} == {n for n in ours if n.startswith("variant")}
    )
    for name in ours.keys() - dead:
        torch.testing.assert_close(ours[name], theirs[name], atol=1e-9, rtol=1e-9)
    assert ours["layers.0.table"][:4].abs().sum() > 0


def test_single_precision_is_close(ragged):
    config = Config(width=8, features=5)
    net = make(config, ragged, 3)
    single = net(past(ragged, both_ways=True), None)[0]
    double = net.double()(past(ragged, both_ways=True), None)[0]
    torch.testing.assert_close(single.double(), double, atol=2e-5, rtol=0)


def weights(logits, form):
    """The weights that one node gives its neighbours: values are unit vectors, so the sums are the weights."""
    count = len(logits)
    star = build([edges([(v + 1, 0) for v in range(count)])], count + 1)
    plan = past(star, both_ways=False)
    key = torch.zeros(count, count, dtype=torch.float64)
    key[:, 0] = torch.tensor(logits, dtype=torch.float64) * count**0.5
    query = torch.zeros(1, count + 1, count, dtype=torch.float64)
    query[..., 0] = 1
    own, other = attend(query, key, torch.eye(count, dtype=torch.float64), plan.blocks, 1, variant=form)
    centre = int(plan.place[0])
    return own[0, centre].tolist(), other[0, centre].tolist()


def test_the_weights_of_a_case_worked_by_hand():
    own, reference = weights([0.0, 1.0986122886681098], "reference")
    assert own == pytest.approx([0.25, 0.75])
    assert reference == pytest.approx([0.622459, 0.377541], abs=1e-6)
    assert weights([0.0, 1.0986122886681098], "paper")[1] == pytest.approx([0.75, 0.25])


@pytest.mark.parametrize("form", ["reference", "paper"])
def test_weights_sum_to_one_and_a_single_neighbour_takes_all(form):
    assert weights([2.5], form) == ([1.0], [1.0])
    own, other = weights([3.0, -2.0, 40.0, 0.0], form)
    assert sum(own) == pytest.approx(1) and sum(other) == pytest.approx(1)
    if form == "reference":
        assert max(other) / min(other) <= 2.7182818285


def test_what_comes_later_changes_nothing_before_it(graph):
    config = Config()
    net = make(config, graph, 0)
    changed = [*random_snapshots()[:4], *random_snapshots(2, seed=9)]
    whole = net(past(graph, both_ways=True), None)[0]
    other = net(past(build(changed, 12), both_ways=True), None)[0]
    short = net(past(graph.until(4), both_ways=True), None)[0]
    torch.testing.assert_close(whole[:4], other[:4], atol=1e-6, rtol=0)
    torch.testing.assert_close(whole[:4], short, atol=1e-6, rtol=0)
    assert (whole[4:] - other[4:]).abs().max() > 1e-3


def test_nodes_without_a_past_get_the_parts_of_no_neighbours(ragged):
    _net, fast, _ = both(ragged)
    alone = fast[1][:, 6]  # no link at all
    assert torch.equal(alone[0], alone[3])
    assert torch.equal(fast[1][0, 5], alone[0])  # its first link is in snapshot 2


def test_a_graph_without_links_has_parts_too():
    _net, fast, plain = both(build([edges([])] * 2, 3))
    torch.testing.assert_close(fast[0], plain[0], atol=1e-12, rtol=0)


def test_a_hub_has_a_block_of_its_own_and_all_links_are_in_one_block():
    hub = [(v, 0) for v in range(1, 41)] + [(v, v + 1) for v in range(1, 40)]
    plan = past(build([edges(hub)], 41), both_ways=True)
    assert [block.rows.start for block in plan.blocks] == [0, *(block.rows.stop for block in plan.blocks[:-1])]
    assert plan.blocks[-1].rows.stop == 41 and sorted(plan.order.tolist()) == list(range(41))
    assert sum(int((block.since == 0).sum()) for block in plan.blocks) == 2 * len(hub)
    assert plan.order[0] == 0 and plan.blocks[0].since.shape == (1, 40)


def test_the_time_table_is_the_sinusoids():
    table = sinusoids(3, 4)
    one = torch.tensor([1.0]).sin().item() / 2
    assert table[0].tolist() == [0.0, 0.5, 0.0, 0.5]
    assert table[1, 0].item() == pytest.approx(one)
    assert table[2, 3].item() == pytest.approx(torch.tensor(0.02).cos().item() / 2)


def test_the_seed_makes_the_weights(graph):
    first, second, other = (make(Config(), graph, seed).state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not torch.equal(first["enter.weight"], other["enter.weight"])
