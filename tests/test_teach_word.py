"""teach by Textual Inversion, end to end on tiny models: a word that pictures are drawn of, and resuming."""

import json
import shutil
import warnings

import pytest
import torch

from likewise import checkpoint, diffusion, imagine
from likewise.concept import Concept, library
from likewise.diffusion import tiny
from likewise.errors import (
    CaptionWarning,
    HeadWordWarning,
    InitializerError,
    PoolingWarning,
    PromptTooLongError,
    ResumeMismatchError,
    UnknownConceptError,
)
from likewise.teach import teach
from likewise.textual_inversion import export
from likewise.verdict import runs
from short_runs import again, left_alone, no_pictures, photos

__all__ = ["again", "no_pictures", "photos"]

FAST = {"method": "textual-inversion", "steps": 4, "lr": 1e-2, "vectors": 2, "verdict": False, "quiet": True}
FILE = "concept/learned_embeds.safetensors"


@pytest.fixture(scope="module")
def bases(tmp_path_factory):
    place = tmp_path_factory.mktemp("models")
    return {family: tiny.pipeline(place / family, family) for family in ("sd1", "sdxl")}


@pytest.fixture(scope="module")
def finished(bases, tmp_path_factory):
    """A run that was left alone, of the settings in FAST."""
    return left_alone(bases["sd1"], tmp_path_factory.mktemp("finished"), FAST)


@pytest.fixture
def learn(photos, bases, tmp_path):
    """learn(out, **options): teach with few steps."""

    def run(out="run", **options):
        return teach(photos, "dog", backbone=bases["sd1"], out=tmp_path / out, **{**FAST, **options})

    return run


def learned(run, step=4):
    return checkpoint.load_state(run / "checkpoints" / f"{step:06d}")


def same_run(first, second):
    one, two = learned(first)[0], learned(second)[0]
    assert one.keys() == two.keys() and all(torch.equal(one[name], two[name]) for name in one)
    assert (first / "events.jsonl").read_bytes() == (second / "events.jsonl").read_bytes()
    return (first / FILE).read_bytes() == (second / FILE).read_bytes()


def test_a_run_leaves_a_word_and_says_how_it_was_learned(finished):
    card, run = finished.concept.card, finished.run
    assert (card.placeholder, card.noun, card.identifier, card.method) == ("<my-dog>", "dog", None, "textual-inversion")
    assert (card.config["vectors"], card.config["lr"], card.provenance["step"]) == (2, 1e-2, 4)
    assert sorted(path.name for path in (run / "samples").iterdir()) == [f"{n:06d}.png" for n in range(5)]
    rows = checkpoint.read_tensors(run / FILE)[0]
    assert torch.equal(rows["<my-dog>"], learned(run)[0]["weights/0/<my-dog>/0"])
    assert sum(path.stat().st_size for path in (run / "checkpoints/000004").glob("*.safetensors")) < 4000
    said = [json.loads(line) for line in (run / "events.jsonl").read_text().splitlines()]
    assert {"loss", "grad_norm", "moved", "length"} <= said[0]["losses"].keys()


def test_pictures_are_drawn_of_the_word_and_it_changes_them(finished, bases):
    backbone, look = diffusion.load(bases["sd1"]), {"n": 1, "steps": 2, "guidance": 1.0}
    drawn = imagine("a <my-dog> on the beach", concepts=[finished.run], backbone=backbone, **look)[0]
    plain = imagine("a dog on the beach", backbone=backbone, **look)[0]
    assert drawn.metadata["expanded"] == "a <my-dog> on the beach"
    assert drawn.image.tobytes() != plain.image.tobytes()


def test_the_concept_is_the_word_of_its_checkpoint(finished, bases):
    backbone, tensors = diffusion.load(bases["sd1"]), learned(finished.run)[0]
    with (
        export.applied(backbone, tensors, {}) as at_checkpoint,
        Concept.load(finished.run).apply(backbone) as as_concept,
    ):
        texts = [backbone.encode_text(["a <my-dog>"], words).embeds for words in (at_checkpoint, as_concept)]
    assert torch.equal(*texts)


def test_the_verdict_asks_for_the_word_and_means_the_noun(finished):
    run = runs.read(finished.run)
    assert run.asked(["{subject} on the beach"]) == ["a <my-dog> on the beach"]
    assert run.meant(["{subject} on the beach"]) == ["a dog on the beach"]


def test_previews_and_folders_do_not_change_the_result(finished, learn):
    assert same_run(finished.run, learn("other").run)  # without previews, from another folder


@pytest.mark.parametrize("kept", [0, 2])
def test_a_run_that_was_cut_goes_on_to_the_same_bytes(finished, again, learn, kept):
    shutil.rmtree(again / "concept")
    for step in range(kept + 1, 5):
        shutil.rmtree(again / "checkpoints" / f"{step:06d}")
    assert learn(resume=True).concept.name == "my-dog"
    assert same_run(finished.run, again)
    assert library().names() == ["my-dog"]


def test_resuming_with_another_start_is_refused(again, learn):
    with pytest.raises(ResumeMismatchError, match=r"settings\.initializer was None and is 'cat'"):
        learn(resume=True, initializer="cat")


def test_resuming_by_another_method_is_refused_by_its_name(photos, bases, again):
    with pytest.raises(ResumeMismatchError, match="method was 'textual-inversion' and is 'dreambooth'"):
        teach(photos, "dog", backbone=bases["sd1"], out=again, resume=True, quiet=True)


def test_a_noun_of_several_tokens_starts_at_its_last_word_and_says_so(photos, bases, tmp_path):
    how = {**FAST, "backbone": bases["sd1"], "steps": 1, "vectors": 1, "install": False}
    with pytest.warns(HeadWordWarning, match="'dog', the last word of 'red dog'"):
        headed = teach(photos, "red dog", out=tmp_path / "headed", **how).run
    with warnings.catch_warnings():
        warnings.simplefilter("error", HeadWordWarning)
        teach(photos, "red dog", out=tmp_path / "each-its-own", **{**how, "vectors": 2})
        asked = teach(photos, "red dog", out=tmp_path / "asked", initializer="dog", **how).run
    one, other = learned(headed, 1)[0], learned(asked, 1)[0]
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_mistakes_are_found_before_anything_is_written(learn, photos, tmp_path):
    with pytest.raises(InitializerError, match=r"'red toy robot'.*red \+ toy \+ robot"):
        learn(initializer="red toy robot")
    for name in "abc":
        (photos / f"{name}.txt").write_text("a <my-dog>" + " in the snow" * 40)
    with pytest.raises(PromptTooLongError):
        learn()
    for name in "abc":
        (photos / f"{name}.txt").write_text("a <my-dog> beside <rex>")
    with pytest.raises(UnknownConceptError, match="no concept <rex>"):
        learn()
    assert not (tmp_path / "run").exists()


def test_a_caption_without_the_word_is_given_it_and_reported(learn, photos):
    (photos / "a.txt").write_text("a dog in the snow")
    (photos / "b.txt").write_text("a <my-dog> in the snow")
    (photos / "c.txt").write_text("a <my-dog> on the road")
    with pytest.warns(CaptionWarning, match="1 caption"):
        learn()


def test_a_style_is_asked_for_as_a_style(learn):
    run = learn(learns="style", vectors=1).run
    settings = json.loads((run / "config.json").read_text())["settings"]
    assert settings["instance_prompt"] == "a {noun} in the style of {identifier}"
    assert runs.read(run).asked(["{subject}"]) == ["a dog in the style of <my-dog>"]


def test_a_model_with_two_text_encoders_learns_a_word_for_both(photos, bases, tmp_path):
    taught = teach(photos, "dog", backbone=bases["sdxl"], out=tmp_path / "run", **{**FAST, "steps": 2, "lr": 0.1})
    backbone, tensors = diffusion.load(bases["sdxl"]), learned(taught.run, 2)[0]
    with taught.concept.apply(backbone) as words:
        assert [rows.shape for rows in words["<my-dog>"]] == [(2, 32), (2, 48)]
        assert all(torch.equal(rows, tensors[f"weights/0/<my-dog>/{i}"]) for i, rows in enumerate(words["<my-dog>"]))
        text = backbone.encode_text(["a <my-dog>"], words)
    other = library().add(taught.concept, "rex")
    assert other.hash == taught.concept.hash or other.card.placeholder == "<rex>"
    with other.apply(backbone) as words:
        assert torch.equal(backbone.encode_text(["a <rex>"], words).embeds, text.embeds)


def test_a_word_learned_for_another_programs_pooling_says_so(photos, bases, tmp_path):
    how = {**FAST, "steps": 1, "lr": 0.1, "pooling": "eos"}
    with pytest.warns(PoolingWarning, match="as ComfyUI reads"):
        taught = teach(photos, "dog", backbone=bases["sdxl"], out=tmp_path / "run", **how)
    assert taught.concept.card.config["pooling"] == "eos"
