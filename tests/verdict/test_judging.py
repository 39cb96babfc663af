import json
import shutil

import pytest
import torch
from PIL import Image

from likewise import checkpoint
from likewise.errors import (
    BadSettingError,
    BrokenFileError,
    NoCheckpointsError,
    NotARunError,
    NoTextEncoderWarning,
    SettingError,
    SkippedCheckpointWarning,
    UnknownNameError,
    UnknownSettingError,
    WrongBaseError,
)
from likewise.teach import teach
from likewise.tuning import preview
from likewise.verdict import Config, Verdict, runs, verdict

QUICK = {"images": 1, "class_images": 1, "steps": 1, "prompts": ("{subject}", "{subject} in the snow")}


def test_a_run_gets_a_checkpoint_reasons_and_two_files(run, toybox, colours):
    found = verdict(run, backbone=toybox, **QUICK)
    assert isinstance(found, Verdict) and found.step in (5, 10)
    assert found.checkpoint == run / f"checkpoints/{found.step:06d}" and found.checkpoint.is_dir()
    assert f"step {found.step}" in found.sentences[0].lower()
    saved = json.loads((run / "verdict.json").read_text())
    assert saved == found.as_json() and [row["step"] for row in saved["checkpoints"]] == [0, 5, 10]
    assert "<h1>" in (run / "report.html").read_text()


def test_the_text_encoder_never_sees_the_identifier(run, toybox, colours):
    found = verdict(run, backbone=toybox, **QUICK)
    assert colours.read == ["a toy", "a toy in the snow"] == found.data["meant"]
    assert found.data["asked"] == ["a qzx toy", "a qzx toy in the snow"]


def test_the_same_run_gets_the_same_verdict_and_the_model_is_left_as_it_was(run, toybox, colours):
    before = toybox.unet.conv_out.weight.detach().clone()
    first, second = (dict(verdict(run, backbone=toybox, **QUICK).data, seconds=None) for _ in range(2))
    assert first == second
    assert torch.equal(toybox.unet.conv_out.weight, before)


def test_nothing_but_training_differs_between_checkpoints(run, toybox, colours):
    """A checkpoint that changes nothing draws the bare noun just as the base model does."""
    place = checkpoint.numbered(run / "checkpoints", 5)
    checkpoint.save_state(place, {"bend": torch.tensor(1.0)}, {"step": 5})
    rows = {row["step"]: row for row in verdict(run, backbone=toybox, **QUICK).data["checkpoints"]}
    assert rows[5]["change"]["value"] == pytest.approx(0, abs=1e-6)
    assert rows[5]["pictures"]["plain"] == rows[0]["pictures"]["plain"]
    assert rows[10]["change"]["value"] > 0


def test_the_training_loss_is_never_read(run, toybox, colours):
    (run / "events.jsonl").write_text("this is no JSON, and nobody looks\n")
    assert verdict(run, backbone=toybox, **QUICK).step


def test_progress_counts_every_denoising_step(run, toybox, colours):
    seen = []
    verdict(run, backbone=toybox, progress=lambda done, total: seen.append((done, total)), **{**QUICK, "steps": 2})
    assert seen == [(done, 6) for done in range(1, 7)]


def test_without_towers_prompts_are_left_out_and_it_is_said(run, toybox, no_towers):
    with pytest.warns(NoTextEncoderWarning, match="likewise toybox learn"):
        found = verdict(run, backbone=toybox, **QUICK)
    assert found.data["checkpoints"][1]["prompt"] is None
    assert "was not measured" in found.why


def test_a_text_encoder_must_read_texts(run, toybox):
    with pytest.raises(SettingError, match="also reads texts"):
        verdict(run, backbone=toybox, text_encoder="efficientnet-lite0", **QUICK)


def test_a_damaged_checkpoint_is_left_out_and_named(run, toybox, colours):
    (run / "checkpoints/000010/state.safetensors").write_bytes(b"half")
    with pytest.warns(SkippedCheckpointWarning, match="000010"):
        found = verdict(run, backbone=toybox, **QUICK)
    assert found.step == 5


def test_a_run_without_whole_checkpoints_cannot_be_judged(run, toybox, colours):
    shutil.rmtree(run / "checkpoints")
    with pytest.raises(NoCheckpointsError, match="--resume"):
        verdict(run, backbone=toybox, **QUICK)
    assert not (run / "verdict.json").exists() and not (run / "report.html").exists()


def test_another_base_model_is_refused(run, toybox, colours):
    about = checkpoint.read_json(run / "config.json")
    checkpoint.write_json(run / "config.json", {**about, "base_hash": "00" * 32})
    with pytest.raises(WrongBaseError, match="000000000000"):
        verdict(run, backbone=toybox, **QUICK)


def test_a_folder_that_is_no_run_is_named(tmp_path):
    with pytest.raises(NotARunError, match="likewise teach"):
        verdict(tmp_path)
    (tmp_path / "config.json").write_text('{"noun": "dog"}')
    with pytest.raises(BrokenFileError, match="method, name, identifier"):
        verdict(tmp_path)


def test_an_unknown_method_is_named(run, toybox, colours):
    about = checkpoint.read_json(run / "config.json")
    checkpoint.write_json(run / "config.json", {**about, "method": "bendin"})
    with pytest.raises(UnknownNameError, match="'bending'"):
        verdict(run, backbone=toybox, **QUICK)


def test_settings_are_checked_before_anything_is_done(tmp_path):
    with pytest.raises(UnknownSettingError, match="'prefer'"):
        verdict(tmp_path, preferr="likeness")
    with pytest.raises(BadSettingError, match="subject"):
        verdict(tmp_path, prompts=("a dog",))


def test_every_setting_is_explained():
    assert [name for name, field in Config.model_fields.items() if not field.description] == []


@pytest.mark.parametrize(
    "count, most, kept", [(3, 6, [10, 20, 30]), (8, 4, [20, 40, 60, 80]), (5, 1, [50]), (7, 3, [20, 50, 70])]
)
def test_checkpoints_are_spread_evenly_and_the_last_is_among_them(run, count, most, kept):
    shutil.rmtree(run / "checkpoints")
    for index in range(1, count + 1):
        checkpoint.save_state(checkpoint.numbered(run / "checkpoints", 10 * index), {"bend": torch.ones(1)}, {})
    assert [int(place.name) for place in runs.read(run).checkpoints(most)] == kept


def test_the_words_of_the_run_are_used(run):
    about = checkpoint.read_json(run / "config.json")
    own = {"instance_prompt": "a cartoon {identifier} {noun}", "class_prompt": "a cartoon {noun}"}
    checkpoint.write_json(run / "config.json", {**about, "settings": own})
    found = runs.read(run)
    assert found.asked(["{subject} on the beach"]) == ["a cartoon qzx toy on the beach"]
    assert found.meant(["{subject} on the beach"]) == ["a cartoon toy on the beach"]
    assert found.bare == "a cartoon toy"


def test_copies_are_copies_of_what_was_taught_even_when_others_measure(run, toybox, colours):
    from synthetic import plain

    found = verdict(run, backbone=toybox, photos=[plain("red"), plain("red")], **QUICK)
    own = verdict(run, backbone=toybox, **QUICK)
    rows = [one.data["checkpoints"][1]["pictures"] for one in (found, own)]
    assert rows[0]["likeness"] != rows[1]["likeness"]
    assert rows[0]["nearest"] == rows[1]["nearest"] and rows[0]["photo"] == rows[1]["photo"]
    assert (found.data["held_out"], own.data["held_out"]) == (2, 0)
    assert "your held out photos and the others" in found.why and "among themselves" in own.why
    assert found.data["gauge"]["ceiling"] != own.data["gauge"]["ceiling"]  # of the held out ones to the others


def test_a_word_that_was_learned_whole_stands_without_its_noun(run):
    about = checkpoint.read_json(run / "config.json")
    for called in ("<bit>", ""):
        checkpoint.write_json(run / "config.json", {**about, "identifier": called})
        found = runs.read(run)
        assert found.asked(["{subject} in the snow", "{red subject}"]) == ["a <bit> in the snow", "a red <bit>"]
        assert found.meant(["{subject} in the snow", "{red subject}"]) == ["a toy in the snow", "a red toy"]


def test_a_learned_word_is_judged_with_the_vectors_of_each_checkpoint(toybox, colours, tmp_path, monkeypatch):
    monkeypatch.setattr(preview, "draw", lambda _, asked, *__, **___: [Image.new("RGB", (32, 32))] * len(asked))
    for index, colour in enumerate(("red", "green", "blue")):
        (tmp_path / "rex").mkdir(exist_ok=True)
        Image.new("RGB", (130, 130), colour).save(tmp_path / f"rex/{index}.png")
    how = {"steps": 2, "batch": 1, "lr": 0.1, "initializer": "dog", "method": "textual-inversion"}
    run = teach(tmp_path / "rex", "dog", backbone=toybox, out=tmp_path / "run", verdict=False, quiet=True, **how).run
    found = verdict(run, backbone=toybox, **QUICK)
    assert found.data["asked"] == ["a <rex>", "a <rex> in the snow"] and found.data["meant"][1] == "a dog in the snow"
    rows = [row["pictures"] for row in found.data["checkpoints"]]
    assert len(rows) == 3 and rows[1]["likeness"] != rows[2]["likeness"]
    assert rows[0]["plain"] == rows[1]["plain"] == rows[2]["plain"]  # the bare noun cannot drift
