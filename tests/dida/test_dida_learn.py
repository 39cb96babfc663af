"""Learning gets better, is the same bits each time and after a resume, stops when told, and leaves a whole folder."""

import warnings
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from evolving import random_snapshots

from likewise import training
from likewise.dida import DIDA, Config, EdgeBank, shift
from likewise.dida.calibration import fit
from likewise.dida.graph import build
from likewise.dida.leakage import features
from likewise.dida.learn import Task, best, learn, stopping
from likewise.dida.measures import measure, surprise, trials
from likewise.dida.model import score
from likewise.dida.networks import make
from likewise.dida.splits import split
from likewise.errors import (
    BrokenCheckpointError,
    ForecasterFolderError,
    MeasureError,
    NonFiniteLossError,
    NotFittedError,
    NothingToLearnError,
    ResumeMismatchError,
    UnknownNodeError,
    UnmeasuredPartWarning,
    WeakForecastWarning,
)
from oracles import ranking

FROZEN = [1.10841, 0.831808, 0.735157]
SMALL = {"width": 8, "heads": 2, "features": 6, "draws": 8, "epochs": 6, "min_epochs": 2, "validate_every": 2}
KINDS = [{}, {"model": "attention"}, {"variant_decoder": "trained", "penalty": "paper", "intervention": "pairwise"}]


def config(**more):
    return Config(**{**SMALL, **more})


def last(graph, settings, seed=0, **more):
    *_, step = learn(graph, settings, seed, **more)
    return step


@pytest.fixture(scope="module")
def groups():
    """Two groups that link within themselves: easy to learn."""
    return shift.world(0, nodes=60, snapshots=7, groups=2, links=150)


@pytest.mark.parametrize("switches", [*KINDS, {"dropout": 0.3, "skip": True}], ids=str)
def test_a_run_that_was_resumed_ends_in_the_same_bits(graph, switches):
    settings = config(**switches)
    whole = [step.state() for step in learn(graph, settings, 0)]
    gone_on = last(graph, settings, resume=whole[2]).state()
    assert gone_on.data == whole[-1].data
    assert gone_on.tensors.keys() == whole[-1].tensors.keys()
    assert all(torch.equal(gone_on.tensors[name], value) for name, value in whole[-1].tensors.items())


def test_the_seed_decides(graph):
    first, again, other = (last(graph, config(), seed).losses["loss"] for seed in (0, 0, 1))
    assert first == again != other


def test_another_graph_or_setting_cannot_be_resumed(graph, ragged):
    state = last(graph, config()).state()
    with pytest.raises(ResumeMismatchError, match="graph was another"):
        next(learn(build(random_snapshots(seed=5), 12), config(), 0, resume=state))
    with pytest.raises(ResumeMismatchError, match="lr was"):
        next(learn(graph, config(lr=0.5), 0, resume=state))


def test_only_what_should_learn_learns(graph):
    start = {name: weight.clone() for name, weight in make(config(), graph, 0).state_dict().items()}
    for decoder in ("frozen", "trained"):
        end = last(graph, config(variant_decoder=decoder, feature_mask=True)).state().tensors
        moved = {name for name, value in start.items() if not torch.equal(value, end[f"weights/{name}"])}
        assert any(name.startswith("variant") for name in moved) == (decoder == "trained")
        assert {"feature", "enter.weight", "layers.0.table", "layers.1.mask"} <= moved
        assert "layers.0.gate" not in moved


def test_nothing_after_the_window_reaches_the_gradient(graph):
    snapshots = [graph.links(t) for t in range(6)]
    other = build([*snapshots[:3], *random_snapshots(3, seed=7)], 12)
    cut = split(6, 1, 2)
    assert cut.window == 2
    losses = [Task(g, cut, config(), 0).gradients(make(config(), g, 0), 1) for g in (graph, other)]
    assert losses[0] == losses[1]


def test_the_loss_is_the_sum_that_it_says(graph):
    found = next(learn(graph, config(strength=0.1), 0)).losses
    whole = found["task"] + 0.1 * (found["risk"] + 8**2 * found["risk_variance"])
    assert found["loss"] == pytest.approx(whole, rel=1e-5)
    assert next(learn(graph, config(strength=0), 0)).losses.keys() == {"loss", "task", "val_auc", "stale"}


def test_these_losses_were_those_of_the_first_run():
    graph = shift.world(3, nodes=40, snapshots=6, links=60)
    losses = [step.losses["loss"] for step in learn(graph, config(epochs=3, strength=0.1, moving_features="newest"), 0)]
    assert losses == pytest.approx(FROZEN, rel=1e-4)


def test_learning_beats_chance(groups):
    step = last(groups, config(epochs=40, test_snapshots=1, validate_every=5))
    assert step.state().data["best"]["val_auc"] > 0.65


def test_the_early_stop_waits_for_both():
    stop = stopping(Config(min_epochs=200, patience=50))
    at = lambda index, stale: stop(SimpleNamespace(index=index, losses={"stale": stale}))  # noqa: E731
    assert at(200, 180) is None and at(201, 50) is None
    assert at(201, 51) == "no better validation for 51 steps"


def test_a_history_without_links_is_told():
    empty = torch.empty(2, 0, dtype=torch.int64)
    links = random_snapshots(1)[0]
    with pytest.raises(NothingToLearnError, match="training window"):
        next(learn(build([links, empty, links, links], 12), config(test_snapshots=0, val_snapshots=2), 0))
    with pytest.raises(NothingToLearnError, match="validation"):
        next(learn(build([links, links, links, empty], 12), config(test_snapshots=0), 0))


def test_training_that_leaves_the_finite_numbers_is_told(graph, tmp_path):
    for out in (None, tmp_path / "run"):
        with pytest.raises(NonFiniteLossError, match="val_auc is nan"):
            DIDA(**SMALL, lr=1e30).fit(graph, out=out)
    assert not (tmp_path / "run" / "model").exists()


def test_the_best_weights_are_kept_apart(graph):
    states = [step.state() for step in learn(graph, config(), 0)]
    step = states[-1].data["best"]["step"]
    kept, then = best(states[-1]), states[step - 1].tensors
    assert all(torch.equal(value, then[f"weights/{name}"]) for name, value in kept.items())


# measures


def test_figures_are_their_definitions(graph):
    rounds = trials(graph, [3, 4], seed=0, rivals=20)
    random = np.random.default_rng(0)
    table = random.integers(5, size=(12, 12)).astype(float)
    table = table + table.T
    scorer = lambda t, pairs: table[pairs[0], pairs[1]] + t * 0.0  # noqa: E731
    found = measure(graph, rounds, {"one": scorer, "bank": EdgeBank(graph)})
    aucs, ranks = [], []
    for one in rounds:
        both = torch.cat([one.links, one.others], dim=1)
        labels = [1] * one.links.shape[1] + [0] * one.others.shape[1]
        aucs.append(ranking.auc(scorer(0, both).tolist(), labels))
        for (u, v), rivals in zip(one.links.T.tolist(), one.rivals.tolist(), strict=True):
            real = [table[u, r] for r in rivals if r >= 0]
            ranks.append(1 + sum((r > table[u, v]) + 0.5 * (r == table[u, v]) for r in real))
    assert found["one"]["auc"]["value"] == pytest.approx(np.mean(aucs), abs=1e-12)
    assert [row["auc"] for row in found["one"]["by_time"]] == pytest.approx(aucs)
    assert found["one"]["mrr"]["value"] == pytest.approx(np.mean([1 / r for r in ranks]))
    assert found["one"]["hits@3"]["value"] == pytest.approx(np.mean([r <= 3 for r in ranks]))
    over = found["one"]["auc"]["value"] - found["bank"]["auc"]["value"]
    assert found["one"]["auc_over_bank"]["value"] == pytest.approx(over)
    assert found["one"]["auc"]["low"] <= found["one"]["auc"]["value"] <= found["one"]["auc"]["high"]


def test_rivals_are_never_links_of_the_source(graph):
    (one,) = trials(graph, [2], seed=0, rivals=30)
    linked = {frozenset(pair) for pair in graph.links(3).T.tolist()}
    for (u, _), rivals in zip(one.links.T.tolist(), one.rivals.tolist(), strict=True):
        assert all(r != u and frozenset((u, r)) not in linked for r in rivals if r >= 0)


def test_empty_snapshots_are_skipped_and_none_at_all_is_told(ragged):
    assert [one.t for one in trials(ragged, [0, 1, 2])] == [1, 2]
    with pytest.raises(MeasureError, match="no link"):
        measure(ragged, trials(ragged, [0]), {"bank": EdgeBank(ragged)})


def test_memory_remembers_what_it_should(ragged):
    pairs = torch.tensor([[0, 1, 5], [1, 5, 0]])
    assert EdgeBank(ragged)(1, pairs).tolist() == [1, 0, 0]
    assert EdgeBank(ragged)(2, pairs).tolist() == [1, 1, 0]
    assert EdgeBank(ragged, window=1)(1, pairs).tolist() == [0, 0, 0]


def test_surprise_is_the_share_of_new_pairs(ragged):
    rounds = trials(ragged, [2])
    assert surprise(ragged, rounds) == pytest.approx(2 / 4)  # (0, 2) and (2, 3) are new


def test_features_made_from_the_future_are_suspect():
    graph = shift.world(0, nodes=120, snapshots=6, links=300)
    leaky = shift.leak(graph, strength=0.8, test_snapshots=1, seed=0)
    bare = build([leaky.links(t) for t in range(5)], 120, features=leaky.features[..., 16:])
    assert [row["suspect"] for row in features(bare, [1, 2])] == [True, True]
    assert [row["suspect"] for row in features(graph, [1, 2])] == [False, False]


def test_calibration_recovers_what_made_the_links():
    random = np.random.default_rng(0)
    logits = random.standard_normal(200_000)
    truth = 1 / (1 + np.exp(-(1.5 * logits - 3)))
    linked = random.random(len(logits)) < truth
    sample = logits[~linked][::10]
    found = fit(logits[linked], sample, (~linked).sum() / len(sample))
    assert (found.slope, found.shift) == pytest.approx((1.5, -3), abs=0.05)
    assert found(logits).mean() == pytest.approx(linked.mean(), rel=0.01)
    turned = fit(-logits[linked], -sample, 10.0)
    assert turned.slope == 0  # worse than chance: all alike, never turned round


# the forecaster


@pytest.fixture(scope="module")
def fitted(groups):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", WeakForecastWarning)  # so short a training need not beat memory
        return DIDA(**SMALL).fit(groups)


@pytest.mark.filterwarnings("ignore::likewise.errors.WeakForecastWarning")
def test_a_run_on_disk_is_the_run_in_memory_and_loads_again(groups, tmp_path, fitted):
    run = DIDA(**SMALL).fit(groups, out=tmp_path / "run")
    loaded = DIDA.load(tmp_path / "run")
    assert np.array_equal(loaded.embed(), run.embed()) and np.array_equal(run.embed(), fitted.embed())
    assert loaded.forecast(5) == run.forecast(5) == fitted.forecast(5)
    assert (loaded.calibration, loaded.validation, loaded.config) == (run.calibration, run.validation, run.config)
    (tmp_path / "run" / "model" / "weights.safetensors").write_bytes(b"damaged")
    with pytest.raises(BrokenCheckpointError, match="weights"):
        DIDA.load(tmp_path / "run")


@pytest.mark.filterwarnings("ignore::likewise.errors.WeakForecastWarning")
def test_a_run_that_was_killed_goes_on_to_the_same_end(groups, tmp_path, monkeypatch, fitted):
    real = training.checkpoint.save_state
    saved = []

    def save(folder, *rest):
        real(folder, *rest)
        saved.append(folder)
        if len(saved) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(training.checkpoint, "save_state", save)
    with pytest.raises(KeyboardInterrupt):
        DIDA(**SMALL).fit(groups, out=tmp_path / "run")
    done = DIDA(**SMALL).fit(groups, out=tmp_path / "run", resume=True)
    assert np.array_equal(done.embed(), fitted.embed())


def test_a_forecast_is_the_ranking_of_all_pairs(fitted):
    graph, parts = fitted.graph, torch.from_numpy(fitted.embed())
    pairs = torch.combinations(torch.arange(graph.size)).T
    logits = score(parts, pairs).numpy()
    found = fitted.forecast(7)
    assert [one.probability for one in found] == pytest.approx(np.sort(fitted.calibration(logits))[::-1][:7], rel=1e-5)
    assert fitted.score([(one.source, one.target) for one in found]) == pytest.approx([o.probability for o in found])
    known = {frozenset(pair) for pair in graph.edges.T.tolist()}
    ids = [frozenset((graph.nodes.index(o.source), graph.nodes.index(o.target))) for o in found]
    assert [one.before > 0 for one in found] == [pair in known for pair in ids]
    assert all(one.before == 0 for one in fitted.forecast(7, new=True))
    mine = fitted.forecast(5, source="3")
    assert {one.source for one in mine} == {"3"} and len({one.target for one in mine}) == 5


def test_a_report_holds_what_was_asked(fitted):
    report = fitted.evaluate(kinds=["auto", "historical", "inductive"])
    assert report["period"] == "test" and report["snapshots"] == ["snapshot 5", "snapshot 6"]
    assert set(report["by_negatives"]) == {"auto", "historical", "inductive"}
    assert report["leakage"]["future_changes_past"] < 1e-4
    assert report["calibration"]["links"] == report["links"]
    assert 0 <= report["surprise"] <= 1


@pytest.mark.filterwarnings("ignore::likewise.errors.WeakForecastWarning")
def test_held_out_domains_are_the_shift(graph):
    domain = [torch.arange(graph.links(t).shape[1]) % 2 for t in range(6)]
    parted = build([graph.links(t) for t in range(6)], 12, domains=domain)
    model = DIDA(**SMALL).fit(parted, held=["domain 1"])
    alone = DIDA(**SMALL).fit(parted.without(["domain 1"]))
    assert all(
        torch.equal(a, b) for a, b in zip(*(m._network.state_dict().values() for m in (model, alone)), strict=True)
    )
    report = model.evaluate()
    assert report["held_out"] == ["domain 1"] and report["links"] > 0 and report["shift"]["links"] > 0
    assert list(report["shift"]["by_negatives"]["auto"]["dida"]["by_domain"]) == ["domain 1"]


@pytest.mark.filterwarnings("ignore::likewise.errors.WeakForecastWarning")
def test_a_part_of_the_report_without_links_is_left_out_and_told(graph):
    sizes = [graph.links(t).shape[1] for t in range(6)]

    def fitted_without(name, *domains):
        parted = build([graph.links(t) for t in range(6)], 12, domains=list(domains))
        with pytest.warns(UnmeasuredPartWarning, match="Hold out other domains"):
            return DIDA(**SMALL).fit(parted, held=[name]).evaluate()

    mixed, ones = ([torch.arange(size) % 2 for size in sizes], [torch.ones(size).long() for size in sizes])
    gone = fitted_without("domain 0", *mixed[:3], *ones[3:])
    assert "shift" not in gone and gone["links"] > 0 and "No link of domain 0" in gone["unmeasured"][0]
    alone = fitted_without("domain 1", *mixed[:4], *ones[4:])
    assert alone["by_negatives"] == {} and alone["shift"]["links"] > 0 and "held out" in alone["unmeasured"][0]


@pytest.mark.filterwarnings("ignore::likewise.errors.WeakForecastWarning")
def test_bipartite_graphs_are_forecast_across(rng):
    made = [
        torch.stack([torch.randint(4, (9,), generator=rng), torch.randint(4, 9, (9,), generator=rng)]) for _ in range(5)
    ]
    graph = build(made, 9)
    model = DIDA(**{**SMALL, "test_snapshots": 1}).fit(graph)
    assert all(int(one.source) < 4 <= int(one.target) for one in model.forecast(50))
    assert {one.source for one in model.forecast(3, source="2")} == {"2"}


def test_asking_too_early_or_for_strangers_is_told(fitted, tmp_path):
    for ask in (lambda: DIDA().forecast(), lambda: DIDA().save(tmp_path / "x"), lambda: DIDA().graph):
        with pytest.raises(NotFittedError, match="call fit"):
            ask()
    with pytest.raises(UnknownNodeError, match="no node 'atlantis'"):
        fitted.forecast(source="atlantis")
    with pytest.raises(ForecasterFolderError, match="no learned model"):
        DIDA.load(tmp_path)
