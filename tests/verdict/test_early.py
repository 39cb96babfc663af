"""Stopping early: the rule on its own, and a watched training that is cut and goes on."""

import shutil

import pytest
import torch
from PIL import Image

from likewise import checkpoint
from likewise.teach import teach
from likewise.training import State, Step
from likewise.tuning import preview
from likewise.verdict import Config, early
from likewise.verdict.early import Watch, best, verdict_of

TINY = Config(images=1, class_images=1, steps=1, prompts=("{subject}",))


def rows(worths, gains=None):
    gains = gains or worths
    return [{"step": 10 * n, "worth": w, "gain": g} for n, (w, g) in enumerate(zip(worths, gains, strict=True), 1)]


@pytest.mark.parametrize(
    ("worths", "stops"),
    [
        ([0.2, 0.3, 0.4, 0.5], False),
        ([0.2, 0.5, 0.4], False),  # one worse checkpoint is no trend
        ([0.2, 0.5, 0.4, 0.3], True),
        ([0.5, 0.4, 0.5, 0.5], True),  # an equal one is no better
        ([0.5, 0.4, 0.6], False),
        ([0.05, 0.01, 0.01, 0.0], False),  # nothing is learned yet
        ([], False),
    ],
)
def test_the_rule_is_patience_and_not_before_something_is_learned(worths, stops):
    said = verdict_of(rows(worths))
    assert bool(said) is stops
    if said:
        assert f"step {10 + 10 * worths.index(max(worths))}" in said


def test_a_patient_rule_waits_longer():
    worths = [0.5, 0.4, 0.4, 0.4]
    assert verdict_of(rows(worths), patience=3) and not verdict_of(rows(worths), patience=4)


def watch(toybox, run, since=0, **more):
    return Watch(toybox, run, lambda tensors: {}, every=5, last=12, since=since, config=TINY, **more)


def step(index):
    return Step(index, {"loss": float("inf")}, 0.1, lambda: State({}, {}))  # a loss that nobody should look at


def test_only_checkpoints_are_scored_and_training_draws_as_if_nobody_looked(run, toybox, colours):
    one = watch(toybox, run)
    before = torch.random.get_rng_state()
    assert [one(step(index)) for index in range(1, 11)] == [None] * 10
    assert torch.equal(torch.random.get_rng_state(), before)
    assert [row["step"] for row in one.events.read()] == [5, 10]
    for index in (11, 12):
        one(step(index))
    assert [row["step"] for row in one.events.read()] == [5, 10, 12]  # the last step has a checkpoint too
    assert set(one.events.read()[0]) == {"step", "worth", "gain", "fidelity", "drift", "copied"}


def test_a_resumed_watch_ends_in_the_same_scores(run, toybox, colours):
    one = watch(toybox, run)
    for index in (5, 10, 15):
        one(step(index))
    straight = (run / "scores.jsonl").read_bytes()
    again = watch(toybox, run, since=5)
    assert [row["step"] for row in again.events.read()] == [5]
    for index in (10, 15):
        again(step(index))
    assert (run / "scores.jsonl").read_bytes() == straight


def test_what_the_model_is_now_decides(run, toybox, colours):
    layer = toybox.unet.conv_out
    one = watch(toybox, run)
    first = one.score(5, {})
    before = layer.weight.data.clone()
    layer.weight.data = before * 3
    try:
        assert one.score(10, {}) != {**first, "step": 10}
    finally:
        layer.weight.data = before


def test_the_best_is_the_earliest_of_the_best(tmp_path):
    from likewise.records import Events

    assert best(tmp_path) is None
    log = Events(tmp_path / "scores.jsonl")
    for row in rows([0.3, 0.5, 0.5, 0.4]):
        log.append(row)
    log.close()
    assert best(tmp_path) == 20


def test_a_teaching_that_stops_keeps_the_best_and_a_resumed_one_stops_where_it_did(
    toybox, colours, tmp_path, monkeypatch
):
    blank = Image.new("RGB", (32, 32))
    monkeypatch.setattr(preview, "draw", lambda _, asked, *__, **___: [blank] * len(asked))
    monkeypatch.setattr(early, "CHEAP", TINY)
    monkeypatch.setattr(early, "verdict_of", lambda rows, patience: "enough" if len(rows) == 3 else None)
    photos, out = tmp_path / "rex", tmp_path / "run"
    photos.mkdir()
    for index, colour in enumerate(("red", "green", "blue")):
        Image.new("RGB", (130, 130), colour).save(photos / f"{index}.png")
    how = {"backbone": toybox, "out": out, "steps": 8, "rank": 2, "lr": 1e-2, "prior": "none", "batch": 1}
    how |= {"stop_early": True, "verdict": False, "install": False, "quiet": True}
    taught = teach(photos, "dog", **how)
    saved = [path.name for path in checkpoint.checkpoints(out / "checkpoints")]
    assert saved == ["000001", "000002", "000003"]
    assert taught.concept.card.provenance["step"] == best(out)
    scores, weights = (out / "scores.jsonl").read_bytes(), checkpoint.load_state(out / "checkpoints/000003")[0]
    for name in ("checkpoints/000003", "checkpoints/000002", "concept"):
        shutil.rmtree(out / name)
    again = teach(photos, "dog", resume=True, **how)
    assert (out / "scores.jsonl").read_bytes() == scores
    resumed = checkpoint.load_state(out / "checkpoints/000003")[0]
    assert all(torch.equal(weights[name], resumed[name]) for name in weights)
    assert again.concept.hash == taught.concept.hash
