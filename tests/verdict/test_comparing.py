"""Runs and LoRA files side by side, on a tiny model whose checkpoints are one number."""

import json
import shutil

import pytest
import torch

from likewise import checkpoint
from likewise.diffusion import lora, lora_formats
from likewise.errors import (
    LastCheckpointWarning,
    NothingToCompareError,
    TriggerCountError,
    TriggerError,
    UnlikeRunsWarning,
    WrongBaseError,
)
from likewise.verdict import compare, contestants
from likewise.verdict.contestants import Lora

QUICK = {
    "images": 2,
    "class_images": 1,
    "steps": 1,
    "prompts": ("{subject}", "{red subject} in the snow"),
    "quiet": True,
}


@pytest.fixture
def other(run, tmp_path):
    """A second run of the same photos, whose verdict chose step 5."""
    folder = shutil.copytree(run, tmp_path / "other")
    checkpoint.write_json(folder / "verdict.json", {"step": 5})
    about = checkpoint.read_json(folder / "config.json")
    checkpoint.write_json(folder / "config.json", {**about, "identifier": "vbk"})
    return folder


@pytest.fixture
def file(toybox, tmp_path):
    """A LoRA file that changes the U-Net; its header names a trigger."""
    made = lora.inject(toybox.unet, "unet", rank=2, alpha=2, targets=("to_q", "to_v"), seed=0)
    tensors = {name: torch.full_like(value, 0.05) for name, value in made.parameters().items()}
    made.remove()
    path = tmp_path / "foreign.safetensors"
    lora_formats.write(path, tensors, 2, {"modelspec.trigger_phrase": "sks"})
    return path


def test_runs_and_a_foreign_file_are_drawn_alike_and_ranked(run, other, file, toybox, colours, tmp_path):
    checkpoint.write_json(run / "verdict.json", {"step": 10})
    before = toybox.unet.conv_out.weight.detach().clone()
    found = compare([run, other], [(file, "a shiny sks")], backbone=toybox, out=tmp_path / "out", **QUICK)
    saved = json.loads((tmp_path / "out/comparison.json").read_text())
    assert saved == found.as_json() and found.best in ("run", "other", "foreign")
    rows = {row["label"]: row for row in saved["models"]}
    assert [(row["kind"], row["training_step"]) for row in rows.values()] == [("run", 10), ("run", 5), ("lora", None)]
    assert rows["run"]["asked"] == ["a qzx toy", "a red qzx toy in the snow"]
    assert rows["other"]["asked"] == ["a vbk toy", "a red vbk toy in the snow"]
    assert rows["foreign"]["asked"] == ["a shiny sks toy", "a red shiny sks toy in the snow"]
    assert colours.read == ["a toy", "a red toy in the snow"]
    assert {"best_less_this" in row for label, row in rows.items() if label != found.best} == {True}
    assert torch.equal(toybox.unet.conv_out.weight, before)
    page = (tmp_path / "out/report.html").read_text()
    assert page.count("<tr") >= 4 + 4 + 2 and "foreign" in page and "other, step 5" in page
    for other_label in rows:
        assert (other_label in found.sentences[0]) or any(other_label in one for one in found.sentences[1:])


def test_a_model_against_itself_differs_by_nothing(run, other, toybox, colours):
    about = checkpoint.read_json(other / "config.json")
    checkpoint.write_json(other / "config.json", {**about, "identifier": "qzx"})
    five = run / "checkpoints/000005"
    found = compare([five, other], backbone=toybox, **QUICK)
    assert found.folder == run / "comparison"
    less = next(row["best_less_this"] for row in found.data["models"] if "best_less_this" in row)
    assert all((one["value"], one["low"], one["high"]) == (0, 0, 0) for one in less.values())
    assert set(found.data["tied"]) == {"run", "other"} and "not beyond the noise" in found.sentences[0]


def test_a_run_without_a_verdict_takes_part_with_its_last_checkpoint_and_it_is_said(run, other):
    with pytest.warns(LastCheckpointWarning, match="step 10"):
        chosen = contestants.of_runs([run, other])
    assert [int(place.name) for _, place in chosen] == [10, 5]
    checkpoint.write_json(run / "concept/concept.json", {"provenance": {"step": 5}})
    assert contestants.of_runs([run])[0][1].name == "000005"


def test_runs_of_other_photos_are_warned_of_and_of_other_bases_refused(run, other):
    checkpoint.write_json(run / "verdict.json", {"step": 5})
    about = checkpoint.read_json(other / "config.json")
    checkpoint.write_json(other / "config.json", {**about, "photos_hash": "cd" * 32})
    with pytest.warns(UnlikeRunsWarning, match="other photos"):
        contestants.of_runs([run, other])
    checkpoint.write_json(other / "config.json", {**about, "base_hash": "00" * 32})
    with pytest.raises(WrongBaseError):
        contestants.of_runs([run, other])


@pytest.mark.parametrize(
    ("trigger", "asked"),
    [
        ("sks dog", "a sks dog"),
        ("sks", "a sks dog"),
        ("my pretty dog", "my pretty dog"),
        (None, "a sks dog"),
    ],
)
def test_a_trigger_says_the_noun_once_and_one_article(file, toybox, trigger, asked):
    found = contestants.contestants(toybox, [], [Lora(file, trigger)], "dog", ["{subject} at home"])
    assert found[0].model.asked == [f"{asked} at home"] and found[0].model.step == 1


def test_a_file_that_names_no_trigger_needs_one(file, toybox, tmp_path):
    tensors, _ = checkpoint.read_tensors(file)
    lora_formats.write(tmp_path / "mute.safetensors", tensors, 2)
    with pytest.raises(TriggerError, match="--trigger 'sks dog'"):
        contestants.contestants(toybox, [], [Lora(tmp_path / "mute.safetensors")], "dog", ["{subject}"])


def test_two_of_a_name_are_told_apart():
    assert contestants._labels(["a", "b", "a", "a"]) == ["a", "b", "a (2)", "a (3)"]


def test_one_model_alone_is_no_comparison(run, toybox, file):
    with pytest.raises(NothingToCompareError, match="1 taught model"):
        compare([run / "checkpoints/000005"], backbone=toybox, **QUICK)
    with pytest.raises(NothingToCompareError, match="--noun WORD"):
        compare([], [(file, None), (file, None)], backbone=toybox, **QUICK)


def test_triggers_go_with_their_files(tmp_path):
    from likewise.cli.verdict import _paired

    a, b = tmp_path / "a", tmp_path / "b"
    assert _paired([a, b], []) == [(a, None), (b, None)]
    assert _paired([a, b], ["x"]) == [(a, "x"), (b, "x")]
    assert _paired([a, b], ["x", "y"]) == [(a, "x"), (b, "y")]
    for files, triggers in (([], ["x"]), ([a], ["x", "y"])):
        with pytest.raises(TriggerCountError):
            _paired(files, triggers)
