"""The networks and objectives that DIDA is compared with are their papers', and see no future."""

import pytest
import torch
from evolving import RAGGED, edges, random_snapshots
from torch.nn import functional as F

from likewise.dida.config import Config
from likewise.dida.graph import build
from likewise.dida.learn import learn
from likewise.dida.networks import make, plan
from likewise.dida.rivals import RIVALS
from likewise.dida.robust import Robust
from oracles import dida_rivals as slow

ORACLES = {"gae": slow.gae, "gcn-gru": slow.gcn_gru, "evolvegcn": slow.evolvegcn, "dysat": slow.dysat}
SMALL = {"width": 8, "heads": 2, "features": 5}
FEW = {**SMALL, "epochs": 4, "min_epochs": 1, "validate_every": 2, "draws": 4}


def embedded(name, graph, seed=3):
    config = Config(model=name, **SMALL)
    net = make(config, graph, seed).double()
    return net, net(plan(config, graph), graph.features)[0]


@pytest.mark.parametrize("name", RIVALS)
def test_a_rival_equals_its_equations(name, ragged):
    net, fast = embedded(name, ragged)
    plain = ORACLES[name](net, [edges(pairs) for pairs in RAGGED], net.entered(None)[0])
    torch.testing.assert_close(fast, plain, atol=1e-6, rtol=0)  # adjacency is kept in single precision


@pytest.mark.parametrize("name", RIVALS)
def test_a_rival_sees_no_future(name, graph):
    _, whole = embedded(name, graph)
    _, other = embedded(name, build([*random_snapshots()[:4], *random_snapshots(2, seed=9)], 12))
    torch.testing.assert_close(whole[:4], other[:4], atol=1e-12, rtol=0)
    assert (whole[4:] - other[4:]).abs().max() > 1e-4


@pytest.mark.parametrize("name", RIVALS)
def test_a_rival_takes_moving_features_and_learns(name, graph, rng):
    moving = torch.randn(6, 12, 3, generator=rng)
    given = build([graph.links(t) for t in range(6)], 12, features=moving)
    start = make(Config(model=name, **FEW), given, 0).state_dict()
    *_, step = learn(given, Config(model=name, **FEW), 0)
    end = step.state().tensors
    assert {n for n, w in start.items() if torch.equal(w, end[f"weights/{n}"])} == set()
    assert "risk" not in step.losses


def problem(rng):
    logits = torch.randn(30, generator=rng, dtype=torch.float64).requires_grad_()
    labels = (torch.rand(30, generator=rng) < 0.5).double()
    return logits, labels, torch.arange(30) % 3


def test_invariant_risk_is_its_definition(rng):
    logits, labels, place = problem(rng)
    scale = torch.ones((), dtype=torch.float64, requires_grad=True)
    risks = [F.binary_cross_entropy_with_logits(scale * logits[place == e], labels[place == e]) for e in range(3)]
    slopes = [torch.autograd.grad(risk, scale, create_graph=True)[0] for risk in risks]
    plain = sum(risks) / 3 + 7.0 * sum(slope**2 for slope in slopes) / 3
    found = Robust("irm", 7.0, 3)(logits, labels, place)
    assert found.item() == pytest.approx(plain.item())
    (ours,), (theirs,) = (torch.autograd.grad(one, logits) for one in (found, plain))
    torch.testing.assert_close(ours, theirs)


def test_risk_extrapolation_is_its_definition(rng):
    logits, labels, place = problem(rng)
    risks = [F.binary_cross_entropy_with_logits(logits[place == e], labels[place == e]).item() for e in range(3)]
    mean = sum(risks) / 3
    variance = sum((risk - mean) ** 2 for risk in risks) / 3
    assert Robust("vrex", 5.0, 3)(logits, labels, place).item() == pytest.approx(mean + 5 * variance)
    assert Robust("mean", 5.0, 3)(logits, labels, place).item() == pytest.approx(mean)


def test_the_worst_group_gains_weight_by_its_risk(rng):
    logits, labels, place = problem(rng)
    risks = torch.stack(
        [F.binary_cross_entropy_with_logits(logits[place == e], labels[place == e]).detach() for e in range(3)]
    )
    robust = Robust("groupdro", 0.5, 3)
    shares = torch.full((3,), 1 / 3, dtype=torch.float64)
    for _ in range(2):
        shares = shares * torch.exp(0.5 * risks)
        shares = shares / shares.sum()
        found = robust(logits, labels, place)
        assert found.item() == pytest.approx(float((shares * risks).sum()), rel=1e-6)
    assert int(robust.shares.argmax()) == int(risks.argmax())


def test_a_loss_in_double_precision_is_not_rounded(rng):
    logits, labels, place = problem(rng)
    for kind in ("mean", "irm", "vrex", "groupdro"):
        found = [Robust(kind, 0.5, 3)(logits, given, place) for given in (labels, labels.float())]
        assert found[0].dtype == torch.float64 and found[0].item() == found[1].item()


def test_an_environment_without_pairs_does_not_count(rng):
    logits, labels, place = problem(rng)
    for kind in ("irm", "vrex", "groupdro"):
        few, more = (Robust(kind, 1.0, count)(logits, labels, place).item() for count in (3, 5))
        assert few == pytest.approx(more if kind != "groupdro" else more * 5 / 3)


def test_the_weights_of_groups_are_part_of_a_resumed_run(graph):
    config = Config(objective="groupdro", **FEW)
    states = [step.state() for step in learn(graph, config, 0)]
    *_, step = learn(graph, config, 0, resume=states[1])
    assert all(torch.equal(value, states[-1].tensors[name]) for name, value in step.state().tensors.items())
    assert not torch.equal(states[0].tensors["weights/shares"], states[-1].tensors["weights/shares"])
