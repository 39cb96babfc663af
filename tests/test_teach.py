"""teach, end to end on a tiny model: a run folder, a concept that works, and every way to stop and go on."""

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from PIL import Image

from likewise import checkpoint, diffusion, images
from likewise.concept import Concept, library
from likewise.diffusion import tiny
from likewise.dreambooth import export
from likewise.errors import (
    CaptionWarning,
    FolderExistsError,
    Interrupted,
    NameTakenError,
    NothingToResumeError,
    PlaceholderError,
    PromptTooLongError,
    ResumeMismatchError,
    RunExistsError,
    TooFewImagesError,
    UnknownConceptError,
    UnknownSettingError,
)
from likewise.teach import name_of, teach
from likewise.verdict import judging
from short_runs import again, left_alone, no_pictures, photos

__all__ = ["again", "no_pictures", "photos"]

FAST = {"steps": 4, "lr": 1e-3, "rank": 2, "class_images": 3, "class_steps": 1, "verdict": False, "quiet": True}


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return tiny.pipeline(tmp_path_factory.mktemp("models") / "base", "sd1")


@pytest.fixture(scope="module")
def finished(base, tmp_path_factory):
    """A run that was left alone, of the settings in FAST."""
    return left_alone(base, tmp_path_factory.mktemp("finished"), FAST)


@pytest.fixture
def learn(photos, base, tmp_path):
    """learn(out, **options): teach with few steps."""

    def run(out="run", **options):
        return teach(photos, "dog", backbone=base, out=tmp_path / out, **{**FAST, **options})

    return run


def learned(run, step=4):
    return checkpoint.load_state(run / "checkpoints" / f"{step:06d}")


def same_run(first, second):
    one, two = learned(first), learned(second)
    assert one[0].keys() == two[0].keys()
    assert all(torch.equal(one[0][name], two[0][name]) for name in one[0])
    assert (first / "events.jsonl").read_bytes() == (second / "events.jsonl").read_bytes()
    file = "concept/pytorch_lora_weights.safetensors"
    assert (first / file).read_bytes() == (second / file).read_bytes()
    return True


def test_a_run_leaves_everything_that_it_promises(finished):
    run = finished.run
    assert run.name == "run" and finished.concept.name == "my-dog" and finished.verdict is None
    assert [path.name for path in checkpoint.checkpoints(run / "checkpoints")] == [f"{n:06d}" for n in (1, 2, 3, 4)]
    assert sorted(path.name for path in (run / "samples").iterdir()) == [f"{n:06d}.png" for n in range(5)]
    assert images.read_metadata(run / "samples/000000.png")["prompts"][-1] == "a dog"
    assert [images.read(path).size for path in sorted((run / "photos").iterdir())] == [(40, 32)] * 3
    facts = json.loads((run / "config.json").read_text())
    assert (facts["noun"], facts["seed"], facts["settings"]["steps"]) == ("dog", 0, 4)
    assert str(run.parent) not in (run / "record.json").read_text()
    card = finished.concept.card
    assert (card.placeholder, card.noun, card.identifier) == ("<my-dog>", "dog", facts["identifier"])
    assert library(run.parent / "home/concepts").get("my-dog").hash == finished.concept.hash
    assert (run / "concept/preview.png").is_file()


def test_the_concept_is_the_model_of_its_checkpoint(finished, base):
    backbone = diffusion.load(base)
    latents = torch.randn(backbone.facts.latent_shape(1), generator=torch.Generator().manual_seed(0))
    t, text = torch.tensor([500]), backbone.encode_text(["a dog"])

    def answer():
        with torch.no_grad():
            return backbone.predict(latents, t, text)

    before, tensors = answer(), learned(finished.run)[0]
    with export.applied(backbone, tensors, json.loads((finished.run / "config.json").read_text())["settings"]):
        at_checkpoint = answer()
    with Concept.load(finished.run).apply(backbone):
        as_concept = answer()
    assert torch.equal(answer(), before)
    assert (at_checkpoint - before).abs().max() > 1e-6
    assert (at_checkpoint - as_concept).abs().max() <= 1e-6


def test_a_model_trained_in_full_becomes_a_folder_that_loads(photos, base, tmp_path):
    options = {key: value for key, value in FAST.items() if key != "rank"}
    taught = teach(photos, "dog", backbone=base, out=tmp_path / "run", **{**options, "train": "full", "lr": 1e-4})
    alone, backbone = diffusion.load(taught.concept.parts()["pipeline"]), diffusion.load(base)
    stored, tensors = dict(alone.unet.named_parameters()), learned(taught.run)[0]
    assert any((tensors[f"weights/unet.{name}"] != value).any() for name, value in backbone.unet.named_parameters())
    with taught.concept.apply(backbone):
        for name, value in backbone.unet.named_parameters():
            assert torch.equal(value, stored[name])
            assert (value - tensors[f"weights/unet.{name}"]).abs().max() <= 2e-3  # float16
    assert sorted(path.name for path in taught.run.iterdir() if "part" in path.name) == []


def test_the_same_seed_gives_the_same_bytes_wherever_it_runs(finished, learn):
    assert same_run(finished.run, learn("other").run)


def test_class_images_are_made_once_and_shared_between_runs_of_other_seeds(finished, learn, home):
    shutil.copytree(finished.run.parent / "home/cache", home / "cache")
    files = {path: path.stat().st_mtime_ns for path in (home / "cache/class-images").rglob("*.png")}
    assert len(files) == 3
    run = learn("two", seed=4).run
    assert {path: path.stat().st_mtime_ns for path in (home / "cache/class-images").rglob("*.png")} == files
    hashes = [learned(one)[1]["state"]["weights_hash"] for one in (finished.run, run)]
    assert hashes[0] != hashes[1]


def test_without_a_prior_no_class_images_are_made(learn, home, photos, base, tmp_path):
    bare = {key: value for key, value in FAST.items() if not key.startswith("class_")}
    teach(photos, "dog", backbone=base, out=tmp_path / "run", prior="teacher", **bare)
    assert not (home / "cache/class-images").exists()


@pytest.mark.parametrize("kept", [0, 2])
def test_a_run_that_was_cut_goes_on_to_the_same_bytes(finished, again, learn, kept):
    shutil.rmtree(again / "concept")
    for step in range(kept + 1, 5):
        shutil.rmtree(again / "checkpoints" / f"{step:06d}")
    assert learn(resume=True).concept.name == "my-dog"
    assert same_run(finished.run, again)


def test_resuming_a_finished_run_changes_nothing(finished, again, learn):
    library().add(Concept.load(again))
    learn(resume=True)
    assert same_run(finished.run, again)
    assert library().names() == ["my-dog"]


def test_stopping_while_class_images_are_drawn_says_how_to_go_on(learn, monkeypatch, photos):
    from likewise.dreambooth import prior

    with monkeypatch.context() as patch:
        patch.setattr(prior, "make", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(Interrupted, match=r"Stopped after step 0.*\n.*\n.*--resume") as stopped:
            learn(seed=3, snr_gamma=None, device="cpu")
    command = str(stopped.value).splitlines()[-1]
    assert "--steps 4" in command and "--seed 3" in command and "'" in command  # the folder's name has a space
    assert "--no-verdict" in command and "--device cpu" in command and "--snr-gamma none" in command
    assert learn(seed=3, resume=True).concept.name == "my-dog"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"rank": 4}, "settings.rank was 2 and is 4"),
        ({"seed": 5}, "seed was 0 and is 5"),
        ({"name": "max"}, "name was 'my-dog' and is 'max'"),
    ],
)
def test_resuming_another_run_is_refused(again, learn, change, said):
    with pytest.raises(ResumeMismatchError, match=said):
        learn(**{**change, "resume": True})


def test_resuming_with_other_photos_or_nothing_is_refused(again, learn, photos):
    with pytest.raises(NothingToResumeError):
        learn("nowhere", resume=True)
    Image.new("RGB", (40, 32), "white").save(photos / "d.png")
    with pytest.raises(ResumeMismatchError, match="photos_hash"):
        learn(resume=True)


def test_nothing_that_exists_is_touched(again, learn, tmp_path):
    library().add(Concept.load(again))
    with pytest.raises(RunExistsError, match="--resume"):
        learn()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/letter.txt").write_text("dear")
    with pytest.raises(FolderExistsError):
        learn("mine", name="other")
    with pytest.raises(NameTakenError, match="my-dog"):
        learn("elsewhere")
    assert not (tmp_path / "elsewhere").exists()
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["letter.txt"]


def test_another_concept_of_the_name_is_never_replaced_by_a_resume(finished, again, learn):
    card = finished.concept.card.model_copy(update={"provenance": {"plan": "of another run"}})
    lora = finished.concept.parts()["lora"]
    Concept.save(library().folder / "my-dog", card, lora=lora)
    with pytest.raises(NameTakenError):
        learn(resume=True)


def test_a_concept_that_took_the_name_meanwhile_is_left_alone_and_the_learned_one_is_named(finished, again, learn):
    from likewise.teach import _install

    other = finished.concept.card.model_copy(update={"provenance": {"plan": "of another run"}})
    card, lora = finished.concept.card, finished.concept.parts()["lora"]
    Concept.save(library().folder / "my-dog", other, lora=lora)
    with pytest.raises(NameTakenError, match=r"left alone.*complete, in .*concept\.\nGive it another name"):
        _install(Concept.load(again))
    assert library().get("my-dog").card == other
    Concept.save(library().folder / "my-dog", card.model_copy(update={"scores": {"old": 1}}), lora=lora, replace=True)
    _install(Concept.load(again))
    assert library().get("my-dog").card == card


def test_mistakes_are_found_before_anything_is_written(learn, photos, tmp_path):
    with pytest.raises(UnknownSettingError, match="Did you mean 'steps'"):
        learn(stepz=3)
    with pytest.raises(PromptTooLongError):
        learn(instance_prompt="a {identifier} {noun}" + " in the snow" * 40)
    with pytest.raises(PromptTooLongError):  # only with the words that a preview adds
        learn(instance_prompt="a {identifier} {noun}" + " in it" * 34 + " now")
    for caption, error in {"<my-dog> and <Max>": PlaceholderError, "<my-dog> and <max>": UnknownConceptError}.items():
        for name in "abc":
            (photos / f"{name}.txt").write_text(caption)
        with pytest.raises(error):
            learn()
    for name in "abc":
        (photos / f"{name}.txt").unlink()
    (photos / "c.png").unlink()
    with pytest.raises(TooFewImagesError, match="2 usable"):
        learn()
    assert not (tmp_path / "run").exists()


def test_a_caption_without_the_subject_is_given_it_and_reported(learn, photos):
    for name in "abc":
        (photos / f"{name}.txt").write_text("a dog in the snow")
    with pytest.warns(CaptionWarning, match="3 caption"):
        learn()


def test_the_verdict_chooses_the_checkpoint(learn, monkeypatch):
    rows = [{"step": step, "likeness": {"value": 0.1 * step}, "pictures": {}} for step in range(1, 5)]
    data = {"step": 2, "why": ["because"], "checkpoints": rows}
    found = SimpleNamespace(step=2, as_json=lambda: data)
    monkeypatch.setattr(judging, "verdict", lambda run, *, backbone, quiet: found)
    taught = learn(verdict=True)
    assert taught.verdict == data
    assert taught.concept.card.scores == {"step": 2, "likeness": {"value": 0.2}, "why": ["because"]}
    assert taught.concept.card.provenance["step"] == 2


def test_names_come_from_folders():
    assert name_of(Path("/photos/robot_toy")) == "robot_toy"
    assert name_of("/photos/Großer Hund!") == "gro-er-hund"


@pytest.mark.slow
def test_a_killed_process_goes_on_to_the_same_bytes(photos, base, tmp_path, home):
    """The real program, killed again and again, wherever it happens to be."""
    code = (
        "import sys; from likewise.tuning import preview; preview.STEPS = preview.FINE = 1;"
        "from likewise.teach import teach;"
        f"teach({str(photos)!r}, 'dog', backbone={str(base)!r}, out=sys.argv[1], resume='resume' in sys.argv,"
        "name='rex', steps=40, lr=1e-3, rank=2, class_images=8, class_steps=1, verdict=False, quiet=True)"
    )

    def go(out, *more, seconds=None):
        process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path / out), *more])
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
        return process.returncode

    assert go("straight") == 0
    library().delete("rex")
    wait = 8.0
    while go("killed", *(["resume"] if (tmp_path / "killed").exists() else []), seconds=wait) != 0:
        wait += 1.5
    one, two = (checkpoint.load_state(tmp_path / out / "checkpoints/000040") for out in ("straight", "killed"))
    assert all(torch.equal(one[0][name], two[0][name]) for name in one[0])
    file = "concept/pytorch_lora_weights.safetensors"
    assert (tmp_path / "straight" / file).read_bytes() == (tmp_path / "killed" / file).read_bytes()
