import colorsys
import json
import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch
from made_metrics import CLIP, SMALL, branch, ensemble, pictures
from PIL import Image, ImageDraw

from likewise import checkpoint, dreamsim, seeds
from likewise.dreamsim import (
    evaluating,
    fitting,
    heads,
    learn,
    losses,
    measuring,
    networks,
    questions,
    seen,
    splits,
    triplets,
    tuning,
)
from likewise.dreamsim.config import Config
from likewise.dreamsim.ensemble import Ensemble
from likewise.dreamsim.learn import Student
from likewise.dreamsim.lora import Adapters
from likewise.dreamsim.metric import Metric
from likewise.dreamsim.store import Store
from likewise.dreamsim.triplets import Triplet
from likewise.encoders.vit import Shape, ViT
from likewise.errors import (
    BadSettingError,
    FewGroupsWarning,
    HeadMismatchError,
    NoHeldOutWarning,
    NoJudgementsError,
    NothingLearnedWarning,
    NothingToLearnError,
    SeenTripletsWarning,
    SplitError,
    UnvotedWarning,
    WorseMetricWarning,
)
from likewise.metrics.agreement import two_afc
from likewise.metrics.intervals import bootstrap

NO_GAIN = pytest.mark.filterwarnings(  # random votes teach nothing, and 6 references leave one to measure on
    "ignore::likewise.errors.WorseMetricWarning",
    "ignore::likewise.errors.NothingLearnedWarning",
    "ignore::likewise.errors.FewGroupsWarning",
)


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Saved metrics name their networks: the same small ones are built again."""
    monkeypatch.setitem(networks.TRANSFORMERS, "dino_vitb16", networks.Architecture(SMALL))
    clip = networks.Architecture(CLIP, networks.OPENAI, ("embedding",))
    monkeypatch.setitem(networks.TRANSFORMERS, "clip_vitb16", clip)


def metric():
    return Metric(ensemble(), "small")


@pytest.fixture
def data(tmp_path):
    """12 pictures, 20 triplets about 6 references, votes at random."""
    folder = tmp_path / "data"
    folder.mkdir()
    for number, one in enumerate(pictures(12)):
        one.save(folder / f"{number}.png")
    random = np.random.default_rng(0)
    made = []
    for number in range(20):
        left, right = random.permutation(np.arange(6, 12))[:2]
        votes = random.integers(0, 7)
        made.append(Triplet(f"{number % 6}.png", f"{left}.png", f"{right}.png", int(votes), int(6 - votes), None))
    triplets.write(folder, made)
    return folder


@pytest.mark.parametrize(
    ("left", "right", "share", "loss"),
    [(0.30, 0.20, 1, 0), (0.30, 0.28, 1, 0.03), (0.20, 0.30, 1, 0.15), (0.20, 0.30, 0, 0), (0.25, 0.25, 1, 0.05),
     (0.20, 0.30, 0.5, 0), (0.30, 0.20, 0.5, 0.15)],
)  # fmt: skip
def test_the_hinge_by_hand_a_tie_counting_as_left(left, right, share, loss):
    found = losses.hinge(*(torch.tensor([value], dtype=torch.float64) for value in (left, right, share)))
    assert found.item() == pytest.approx(loss, abs=1e-9)


def test_the_hinge_is_a_mean_over_the_batch():
    left, right, share = torch.tensor([[0.3, 0.2], [0.28, 0.3], [1.0, 1.0]]).double()
    assert losses.hinge(left, right, share).item() == pytest.approx((0.03 + 0.15) / 2)


def test_the_votes_loss_is_the_cross_entropy_of_every_vote():
    left, right = torch.tensor([0.3, 0.1]).double(), torch.tensor([0.2, 0.4]).double()
    counts = torch.tensor([[1.0, 3.0], [2.0, 0.0]]).double()
    first, second = (1 / (1 + np.exp(-gap / 0.1)) for gap in (0.1, -0.3))
    by_hand = -(np.log(1 - first) + 3 * np.log(first) + 2 * np.log(1 - second)) / 6
    assert losses.votes(left, right, counts, 0.1).item() == pytest.approx(by_hand)


def test_two_afc_by_hand():
    each = two_afc([0.3, 0.3, 0.2, 0.4], [0.2, 0.5, 0.2, 0.1], [1, 1, 0, 0.25])
    assert each.tolist() == [1, 0, 0.5, 0.25] and each.mean() == 0.4375


def students(data, part, **options):
    config = Config.of({"part": part, "batch": 4, "epochs": 2, "hidden": 8, "rank": 2, **options})
    model = ensemble()
    asked = questions.of(triplets.read(data))
    store = Store(model, [data / name for name in asked.pictures], deep=part == "lora")
    store.fill(None, "")
    return Student(model, store, config, 0, "origin"), asked, config


def test_a_step_of_lora_changes_adapters_and_no_weight_of_the_base(data):
    student, asked, config = students(data, "lora")
    base = {name: value.clone() for name, value in student.ensemble.state_dict().items()}
    before = [value.clone() for value in student.distances(asked)]
    untuned = Metric(ensemble(), "base")
    first = untuned.triplet(*([data / one] for one in ("0.png", "6.png", "7.png")))
    assert np.all(np.isfinite(first))
    steps = learn.learn(student, asked, asked[[]], config, 0)
    next(steps), next(steps)
    assert all(torch.equal(base[name], value) for name, value in student.ensemble.state_dict().items())
    assert any(parameter.abs().max() > 0 for name, parameter in student.named_parameters().items() if "up" in name)
    assert all(".lora_" in name for name in student.named_parameters())
    assert (student.distances(asked)[0] - before[0]).abs().max() > 0


@pytest.mark.parametrize("made", [ensemble, lambda: dreamsim.load().model], ids=["transformers", "embedded"])
def test_inputs_of_adapters_are_dropped_while_they_learn_and_never_else(made):
    model, images = made().requires_grad_(False), torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    live = Adapters(model, 2, 2.0, 0.5, seed=0)
    plain = model(images)
    for name, parameter in live.named_parameters().items():
        parameter.data.add_(0.1 if name.endswith("up") else 0)
    moved = model(images)
    with live.learning():
        dropped = model(images)
    assert (moved - plain).abs().max() > 1e-4 and (dropped - moved).abs().max() > 1e-4
    assert torch.equal(model(images), moved)


@NO_GAIN
def test_the_embedded_metric_learns_by_adapters(data, tmp_path):
    how = {"part": "lora", "rank": 2, "batch": 8, "epochs": 1, "out": tmp_path / "run"}
    made = tuning.tune(data, metric=dreamsim.load(), **how)
    assert made.metric.hash != dreamsim.load().hash
    assert dreamsim.load(tmp_path / "run").hash == made.metric.hash


@pytest.mark.filterwarnings("ignore::likewise.errors.FewGroupsWarning")
@pytest.mark.parametrize("part", ["linear", "mlp", "lora"])
def test_votes_that_teach_nothing_leave_the_metric_as_it_was(data, monkeypatch, part):
    monkeypatch.setattr(tuning, "EVIDENCE", 1e9)
    with pytest.warns(NothingLearnedWarning, match="stays as it was"):
        made = tuning.tune(data, metric=metric(), part=part, epochs=3, batch=4)
    assert made.report["learned"] is False and made.report["step"] == 0
    assert made.report["gain_by_vote"]["value"] == 0 and made.report["mcnemar"] == 1
    some = pictures(3)
    assert np.allclose(made.metric.embed(some), metric().embed(some), atol=1e-6)


@pytest.mark.filterwarnings("ignore::likewise.errors.FewGroupsWarning", "ignore::likewise.errors.WorseMetricWarning")
def test_where_nothing_is_chosen_what_was_learned_is_kept(data, monkeypatch):
    monkeypatch.setattr(tuning, "EVIDENCE", 1e9)
    made = tuning.tune(data, metric=metric(), epochs=3, batch=4, choose=False)
    assert made.report["learned"] is True
    some = pictures(3)
    assert not np.allclose(made.metric.embed(some), metric().embed(some), atol=1e-6)


def test_adapters_start_without_effect(data):
    student, asked, _ = students(data, "lora")
    model = ensemble()
    rows = model(student.store._read(torch.arange(len(asked.pictures))))
    expected = losses.distances(rows, torch.from_numpy(asked.places))
    assert torch.allclose(student.distances(asked)[0], expected[0], atol=1e-6)


def test_a_vit_b_of_rank_16_trains_589824_numbers():
    with torch.device("meta"):
        network = ViT(Shape())
    one = branch()
    one.network = network
    live = Adapters(Ensemble([one]), 16, 8.0, 0.3, seed=0)
    assert sum(parameter.numel() for parameter in live.named_parameters().values()) == 589_824
    assert len(live.named_parameters()) == 24 and not any("last" in name for name in live.named_parameters())


def test_only_the_head_learns_and_it_starts_as_the_identity(data):
    student, asked, config = students(data, "mlp")
    features = torch.randn(3, 40, generator=torch.Generator().manual_seed(1))
    assert torch.equal(student.ensemble.head(features), features)
    assert sorted(student.named_parameters()) == ["fc1.bias", "fc1.weight", "fc2.bias", "fc2.weight"]
    next(learn.learn(student, asked, asked[[]], config, 0))
    assert all(p.grad is None for b in student.ensemble.branches for p in b.parameters())
    assert student.ensemble.head.fc2.weight.abs().max() > 0


def test_the_head_of_the_paper_has_1837312_weights():
    with torch.device("meta"):
        assert sum(parameter.numel() for parameter in heads.MLP(1792).parameters()) == 1_837_312


@pytest.mark.parametrize("part", ["linear", "mlp"])
def test_a_head_that_was_tuned_is_tuned_on_and_never_replaced(data, part):
    first, asked, config = students(data, part)
    with torch.no_grad():
        for parameter in first.named_parameters().values():
            parameter.add_(0.3)
    model = first.ensemble.requires_grad_(False)
    before = first.distances(asked)
    again = Student(model, first.store, config, 1, "origin")
    assert torch.equal(again.distances(asked)[0], before[0])
    next(learn.learn(again, asked, asked[[]], config, 0))
    assert not torch.equal(again.distances(asked)[0], before[0])
    other = Config.of({"part": "mlp", "hidden": 9})
    with pytest.raises(HeadMismatchError, match=f"--part {part}"):
        Student(model, first.store, other, 1, "origin")


def test_reweighting_starts_without_effect_and_scales_features():
    head = heads.Reweighting(3)
    assert torch.equal(head(torch.ones(3)), torch.ones(3))
    head.log_weight.data[1] = np.log(2)
    assert head(torch.ones(3)).tolist() == pytest.approx([1, 2, 1])


def test_one_pass_over_a_batch_equals_separate_calls_with_the_same_gradients(data):
    student, asked, config = students(data, "mlp")
    with seeds.initialising(0, "x"):
        torch.nn.init.normal_(student.ensemble.head.fc2.weight, std=0.1)
    found = learn._loss(student, asked, config)[0]
    found.backward()
    together = [parameter.grad.clone() for parameter in student.named_parameters().values()]
    for parameter in student.named_parameters().values():
        parameter.grad = None
    separate = []
    for row, share in zip(asked.places, asked.shares, strict=True):
        rows = [student.rows(torch.tensor([number])) for number in row]
        left, right = (1 - (rows[0] * one).sum(1) for one in rows[1:])
        separate.append(losses.hinge(left, right, torch.tensor([share]).to(left)))
    alone = torch.stack(separate).mean()
    alone.backward()
    assert alone.item() == pytest.approx(found.item(), abs=1e-6)
    for one, parameter in zip(together, student.named_parameters().values(), strict=True):
        assert torch.allclose(one, parameter.grad, atol=1e-6)


@NO_GAIN
@pytest.mark.parametrize("part", ["linear", "mlp", "lora"])
def test_a_resumed_run_ends_in_the_same_bits(data, tmp_path, part):
    options = {"part": part, "batch": 4, "epochs": 3, "hidden": 8, "rank": 2, "dropout": 0.3}

    def tuned(out, stop=None, **more):
        if stop is None:
            return tuning.tune(data, metric=metric(), out=out, **options, **more)
        real = learn.learn
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(learn, "learn", lambda *a, **k: killed(real(*a, **k), stop))
            with pytest.raises(KeyboardInterrupt):
                tuning.tune(data, metric=metric(), out=out, **options, **more)

    whole = tuned(tmp_path / "whole")
    tuned(tmp_path / "cut", stop=6)
    again = tuned(tmp_path / "cut", resume=True)
    assert again.metric.hash == whole.metric.hash and again.report == whole.report
    assert (tmp_path / "cut" / "events.jsonl").read_bytes() == (tmp_path / "whole" / "events.jsonl").read_bytes()
    loaded = dreamsim.load(tmp_path / "cut")
    assert loaded.hash == whole.metric.hash and loaded.calibration.temperature == whole.metric.calibration.temperature


def killed(steps, after):
    for step in steps:
        if step.index > after:
            raise KeyboardInterrupt
        yield step


@NO_GAIN
def test_tuning_leaves_the_metric_it_started_from_alone_and_reports_both(data, tmp_path):
    start = metric()
    before = checkpoint.hash_tensors(start.model.state_dict())
    made = tuning.tune(data, metric=start, part="lora", rank=2, batch=8, epochs=1, out=tmp_path / "run")
    assert checkpoint.hash_tensors(start.model.state_dict()) == before
    report = json.loads((tmp_path / "run" / "report.json").read_text())
    assert report == json.loads(json.dumps(made.report))
    assert {"before", "after", "gain_by_vote", "mcnemar", "settings"} <= report.keys()
    assert sum(report["triplets"].values()) == 20


@NO_GAIN
def test_a_tuned_metric_is_scored_and_calibrated_only_on_what_it_has_not_met(data, tmp_path):
    made = tuning.tune(data, metric=metric(), part="linear", batch=8, epochs=1, out=tmp_path / "run")
    counts = made.report["triplets"]
    loaded = dreamsim.load(tmp_path / "run")
    some = triplets.read(data)
    nearer = np.less(*measuring.distances(loaded, questions.of(some), data))  # judged again meanwhile
    votes = [{"votes_left": 5 if left else 1, "votes_right": 1 if left else 5} for left in nearer]
    triplets.write(data, [replace(one, **given) for one, given in zip(some, votes, strict=True)])
    with pytest.warns(SeenTripletsWarning, match=f"{20 - counts['test']} of 20 triplets are left out of the score"):
        assert evaluating.evaluate(loaded, data)["triplets"] == counts["test"]
    with pytest.warns(SeenTripletsWarning, match="of the calibration"):
        calibrated, about = fitting.fitted(loaded, data)
    assert about["triplets"] == counts["val"] and calibrated.about[seen.KEY] == loaded.about[seen.KEY]
    assert evaluating.evaluate(metric(), data)["triplets"] == 20
    # another split of the same triplets, whose only test reference was learned from before
    with pytest.warns(SeenTripletsWarning), pytest.warns(NoHeldOutWarning, match="new to the metric"):
        again = tuning.tune(data, metric=loaded, part="lora", rank=2, batch=8, epochs=1, seed=1)
    assert len(again.metric.about[seen.KEY]) == 2
    met = [one for one in triplets.read(data) if one.reference in {"0.png", "1.png", "2.png", "3.png", "4.png"}]
    triplets.write(data, [replace(one, split="train") for one in met])
    with pytest.raises(NoJudgementsError, match="'test'"):
        evaluating.evaluate(metric(), data)


@NO_GAIN
def test_questions_without_votes_are_left_out_and_counted(data):
    some = triplets.read(data)
    bare = [replace(one, votes_left=0, votes_right=0) for one in some[:5]]
    triplets.write(data, [*bare, *some[5:]])
    with pytest.warns(UnvotedWarning, match="5 of 20"):
        assert evaluating.evaluate(metric(), data)["triplets"] == 15
    with pytest.warns(UnvotedWarning):
        made = tuning.tune(data, metric=metric(), part="linear", batch=8, epochs=1)
    assert sum(made.report["triplets"].values()) == 15
    triplets.write(data, bare)
    with pytest.raises(NoJudgementsError, match="judge"):
        evaluating.evaluate(metric(), data)


def test_one_group_has_no_interval_and_few_are_told():
    asked = questions.of([Triplet("a", f"b{n}", "c", 1, 2, None, "apple") for n in range(6)])
    gaps = (np.linspace(0.1, 0.6, 6), np.full(6, 0.3))
    report = measuring.report(gaps, asked)
    for name in ("two_afc", "by_vote", "ceiling_people"):
        assert report[name]["low"] is report[name]["high"] is None
    assert "no interval: 1 group" in measuring.said(report)
    with pytest.warns(FewGroupsWarning, match=r"1 group\(s\).*more categories"):
        measuring.warn_few(asked)


def test_votes_are_weighed_and_their_interval_is_that_of_every_single_vote():
    random = np.random.default_rng(0)
    made = [Triplet(f"{n % 5}", f"b{n}", "c", *map(int, random.integers(1, 5, 2)), None) for n in range(30)]
    asked, gaps = questions.of(made), tuple(random.random((2, 30)))
    found = measuring.by_vote(gaps, asked)
    each, votes = two_afc(*gaps, asked.shares), asked.votes.sum(1)
    assert found.value == pytest.approx((each * votes).sum() / votes.sum())
    assert found == bootstrap(np.repeat(each, votes), groups=np.repeat([int(one) for one in asked.units], votes))


def test_splits_keep_references_whole_and_are_stable():
    some = [Triplet(f"{n % 9}.png", "a.png", "b.png", 1, 0, None) for n in range(40)]
    given = splits.assign(some, 0.2, 0.2, seed=3)
    of = {}
    for one in given:
        of.setdefault(one.reference, set()).add(one.split)
    assert all(len(parts) == 1 for parts in of.values()) and {"train", "val", "test"} == set.union(*of.values())
    assert given == splits.assign(some, 0.2, 0.2, seed=3) != splits.assign(some, 0.2, 0.2, seed=4)
    assert splits.assign(given) == given
    with pytest.raises(SplitError, match="with a split and triplets without"):
        splits.assign([given[0], some[0]])
    with pytest.raises(SplitError, match="at least 3"):
        splits.assign(some[:2])
    numbers = splits.folds([one.unit for one in some], 3)
    assert all(len({numbers[i] for i, one in enumerate(some) if one.unit == unit}) == 1 for unit in of)


def test_few_votes_and_split_votes_can_be_left_out():
    some = questions.of([Triplet("a", "b", "c", *votes, None) for votes in ((6, 0), (3, 3), (2, 0))])
    assert tuning.kept(some, Config(least_votes=6)).tolist() == [0, 1]
    assert tuning.kept(some, Config(unanimous=True)).tolist() == [0, 2]


def test_nothing_to_learn_and_settings_that_cannot_be_are_told(data):
    with pytest.raises(NothingToLearnError, match="fewer"):
        tuning.tune(data, metric=metric(), least_votes=100)
    with pytest.raises(BadSettingError, match="margin"):
        tuning.tune(data, metric=metric(), margin=0)


def test_parts_have_the_papers_settings():
    mlp, lora = Config.of({"part": "mlp"}), Config.of({"part": "lora"})
    assert (mlp.batch, mlp.epochs, mlp.lr, mlp.hidden, mlp.margin) == (512, 20, 3e-4, 512, 0.05)
    assert (lora.batch, lora.epochs, lora.rank, lora.alpha, lora.dropout) == (32, 8, 16, 32, 0.2)
    assert learn.BETAS == (0.5, 0.999)


def test_mcnemar_counts_only_what_differs():
    asked = questions.of([Triplet("a", "b", "c", 0, 1, None)] * 10)
    wrong, right = (np.zeros(10), np.ones(10)), (np.ones(10), np.zeros(10))
    assert measuring.mcnemar(wrong, right, asked) == pytest.approx(2 / 2**10)
    assert measuring.mcnemar(right, right, asked) == 1


def test_the_store_on_disk_is_the_store_in_memory(data, tmp_path):
    model, paths = ensemble(), [data / f"{number}.png" for number in range(5)]
    first, second = Store(model, paths), Store(model, paths)
    first.fill(tmp_path / "kept", "key")
    second.fill(tmp_path / "kept", "key")
    assert len(list((tmp_path / "kept").iterdir())) == 1
    numbers = torch.tensor([3, 0])
    assert torch.equal(first.features(numbers), second.features(numbers))


def test_the_cut_networks_give_the_features_of_the_whole(data):
    model = dreamsim.load().model
    store = Store(model, [data / "0.png", data / "1.png"], deep=True)
    store.fill(None, "")
    whole = Store(model, store.paths)
    whole.fill(None, "")
    numbers = torch.tensor([0, 1])
    assert torch.allclose(store.features(numbers), whole.features(numbers), atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_tuning_recovers_a_simulated_observer_and_shuffled_votes_teach_nothing(tmp_path, seed):
    """Discs and boxes of any hue, place and count; the observer weighs hue and count far above shape and place."""
    folder = observed(tmp_path / "data", seed)
    options = {"part": "mlp", "epochs": 60, "batch": 128, "lr": 1e-3, "hidden": 128, "seed": seed}
    made = tuning.tune(folder, **options)
    assert made.report["gain_by_vote"]["value"] > 0.05 and made.report["gain_by_vote"]["low"] > 0
    given = triplets.read(folder)
    order = np.random.default_rng(seed).permutation(sum(one.split != "test" for one in given))
    others = [one for one in given if one.split != "test"]
    mixed = [
        Triplet(one.reference, one.left, one.right, others[k].votes_left, others[k].votes_right, one.split)
        for one, k in zip(others, order, strict=True)
    ]
    triplets.write(folder, [*mixed, *(one for one in given if one.split == "test")])
    with warnings.catch_warnings():
        for category in (WorseMetricWarning, NothingLearnedWarning):
            warnings.simplefilter("ignore", category)
        shuffled = tuning.tune(folder, **options)
    assert shuffled.report["gain_by_vote"]["value"] < 0.02


def observed(folder, seed, train=800, test=400):
    """Triplets with the votes of an observer, split by reference."""
    folder.mkdir()
    random = np.random.default_rng(seed)
    facts = []
    for number in range(300):
        hue, x, y = random.random(), *random.integers(8, 40, 2)
        count, box = int(random.integers(1, 5)), bool(random.integers(2))
        facts.append((hue, x / 64, y / 64, count, box))
        image = Image.new("RGB", (64, 64), "white")
        colour = tuple(int(255 * part) for part in colorsys.hsv_to_rgb(hue, 0.8, 0.9))
        for place in range(count):
            dx, dy = (place % 2) * 14, (place // 2) * 14
            draw = ImageDraw.Draw(image)
            (draw.rectangle if box else draw.ellipse)((x + dx - 6, y + dy - 6, x + dx + 6, y + dy + 6), fill=colour)
        image.save(folder / f"{number}.png")

    def apart(one, other):
        hue = abs(one[0] - other[0])
        return 3 * min(hue, 1 - hue) + 0.4 * abs(one[3] - other[3]) + 0.05 * (one[4] != other[4])

    made = []
    for number in range(train + test):
        reference = int(random.integers(200) if number < train else random.integers(200, 300))
        pool = np.arange(200) if number < train else np.arange(200, 300)
        left, right = (int(one) for one in random.permutation(pool[pool != reference])[:2])
        nearer = apart(facts[reference], facts[right]) < apart(facts[reference], facts[left])
        split = "test" if number >= train else "val" if reference >= 180 else "train"
        made.append(Triplet(f"{reference}.png", f"{left}.png", f"{right}.png", int(not nearer), int(nearer), split))
    triplets.write(folder, made)
    return folder
