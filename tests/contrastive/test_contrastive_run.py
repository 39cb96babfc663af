"""From a folder to an encoder: what is learned, resumed, exported, and refused."""

import numpy as np
import pytest
import torch

from likewise import devices, encoders, settings
from likewise.contrastive import photos as photo_files
from likewise.contrastive import run as runs
from likewise.contrastive import student as students
from likewise.contrastive.config import Config
from likewise.contrastive.lars import LARS, MOMENTUM, TRUST
from likewise.contrastive.run import fit
from likewise.contrastive.teacher import features
from likewise.contrastive.trainer import Material, learn, rate
from likewise.encoders.encoder import Encoder, TextEncoder
from likewise.errors import (
    BadSettingError,
    EncoderMissingError,
    IdleRuleWarning,
    RunExistsError,
    SettingError,
    TeacherInputError,
    TeacherRowsError,
)
from likewise.errors import ImageBatchError as Unreadable

SMALL = {"backbone": "toybox", "batch": 6, "size": 16, "source_size": 24, "hidden": 8, "projection": 4, "lr": 2e-3}
CPU = devices.Device("cpu", torch.float32, "")


def embedded_tokenizer():
    try:
        return students.tokenizer()
    except EncoderMissingError:
        return None


needs_tokenizer = pytest.mark.skipif(embedded_tokenizer() is None, reason="the embedded tokenizer is not installed")


@pytest.fixture(scope="module")
def material(folder):
    found = photo_files.load(folder, 24)
    return Material(found.pixels, found.hash)


def steps(material, config, resume=None, seed=0):
    student = students.make(config, seed)
    return [(step, step.state()) for step in learn(student, material, config, seed, CPU, resume=resume)]


def same(first, second):
    return all(torch.equal(value, second.tensors[name]) for name, value in first.tensors.items())


def test_a_folder_becomes_an_encoder_that_any_command_loads(folder, tmp_path):
    done = fit(folder, out=tmp_path / "run", steps=2, **SMALL)
    assert done.steps == 2 and done.photos == 24 and np.isfinite(done.loss)
    encoder = encoders.load(tmp_path / "run")  # the run, or the folder inside it
    assert isinstance(encoder, Encoder) and not isinstance(encoder, TextEncoder)
    pictures = [photo_files.decode(path).image for path in sorted(folder.rglob("*.png"))[:3]]
    rows = encoder.embed(pictures)
    assert rows.shape == (3, 192) and np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-6)
    assert np.array_equal(encoder.embed(pictures[1:2])[0], rows[1])  # whatever else is in the batch
    assert encoders.load(done.encoder).hash == encoder.hash
    with pytest.raises(RunExistsError):
        fit(folder, out=tmp_path / "run", steps=2, **SMALL)


@needs_tokenizer
@pytest.mark.parametrize("objective", ["clip", "siglip", "spectral-pairs"])
def test_captions_make_an_encoder_that_reads_texts(folder, tmp_path, objective):
    more = {"objective": objective, "text_layers": 1, "text_width": 48}
    done = fit(folder, out=tmp_path / "run", steps=2, **SMALL, **more)
    encoder = encoders.load(done.encoder)
    assert isinstance(encoder, TextEncoder)
    rows = encoder.embed_texts(["a photo of red disc", "a photo of blue bar"])
    assert rows.shape == (2, 4) and not np.allclose(rows[0], rows[1])


def test_a_resumed_run_ends_in_the_same_bits(material):
    config = Config(steps=3, **SMALL)
    every = steps(material, config)
    rest = steps(material, config, every[1][1])
    assert len(rest) == 1 and same(every[-1][1], rest[-1][1])
    assert not same(every[-1][1], steps(material, config, seed=1)[-1][1])


def test_check_11_parts_of_a_batch_learn_what_the_whole_batch_learns(material):
    config = {**SMALL, "steps": 1, "optimiser": "lars"}
    whole, parts = (steps(material, Config(**config, part=part))[-1] for part in (0, 2))
    assert whole[0].losses["contrastive"] == pytest.approx(parts[0].losses["contrastive"], abs=1e-6)
    for name, value in whole[1].tensors.items():
        assert torch.allclose(value, parts[1].tensors[name], atol=1e-6), name


@pytest.mark.slow
def test_photos_with_one_look_find_each_other(folder):
    found = photo_files.load(folder, 24)
    config = Config(**{**SMALL, "batch": 12, "lr": 3e-3}, steps=25, temperature=0.5, warmup=0.1, colour=0.2)
    losses = [one.losses["contrastive"] for one, _ in steps(Material(found.pixels, found.hash), config)]
    assert np.mean(losses[-5:]) < np.mean(losses[:5]) - 0.1


def test_a_teacher_is_asked_once_and_its_rules_change_what_is_learned(folder, tmp_path, colours, monkeypatch):
    asked = []
    monkeypatch.setattr(encoders, "load", lambda name, **_: asked.append(name) or colours)
    how = {**SMALL, "steps": 2, "teacher": "colours"}
    fit(folder, out=tmp_path / "run", rules=["add-new-positive"], **how)
    plain = fit(folder, out=tmp_path / "plain", **{**how, "teacher": ""})
    guided = (tmp_path / "run" / "encoder" / "contrastive.safetensors").read_bytes()
    assert asked == ["colours"] and guided != (plain.encoder / "contrastive.safetensors").read_bytes()
    found = photo_files.load(folder, 24)
    monkeypatch.setattr(colours, "embed", None, raising=False)  # kept beside the run, and not asked for again
    assert features(colours, found, tmp_path / "run" / "teacher").shape == (24, 3)


def test_a_teacher_may_see_every_view(folder, tmp_path, colours, monkeypatch):
    monkeypatch.setattr(encoders, "load", lambda name, **_: colours)
    how = {**SMALL, "steps": 1, "teacher": "colours", "teacher_view": "views"}
    done = fit(folder, out=tmp_path / "run", rules=["drop-false-positive"], shares=[0.2], **how)
    assert np.isfinite(done.loss)


def test_teachers_that_do_not_fit_are_told(folder, colours):
    found = photo_files.load(folder, 24)

    class Narrow(type(colours)):
        dimension = 4

    class Picky(type(colours)):
        def embed(self, images):
            raise Unreadable("pictures of 24x24", "both sides must be multiples of 16 pixels")

    with pytest.raises(TeacherRowsError, match=r"\(24, 3\).*\(24, 4\)"):
        features(Narrow(), found)
    with pytest.raises(TeacherInputError, match="multiples of 16"):
        features(Picky(), found)


def test_settings_that_do_not_go_together_are_told(folder, tmp_path):
    for options, words in (
        ({"rules": ["add-new-positive"]}, "rules need a teacher"),
        ({"rules": ["add-new-positive"], "teacher": "toybox", "objective": "spectral"}, "rules guide ntxent"),
        ({"rules": ["drop-false-positive"], "teacher": "toybox"}, "teacher_view views"),
        ({"rules": ["add-new-positive"] * 2, "teacher": "toybox"}, "named twice"),
        ({"rules": ["add-new-positive"], "teacher": "toybox", "shares": [0.1, 0.2]}, "2 shares are given for 1"),
        ({"rules": ["drop-easy-negative"], "teacher": "toybox", "shares": [1.0]}, "below 1"),
        ({"rules": ["add-new-positive"], "teacher": "toybox", "shares": [0.5]}, "its share is 1 or 0"),
        ({"teacher": "toybox"}, "a teacher guides by rules"),
        ({"objective": "spectral", "projection": 200}, "no lowest value"),
        ({"backbone": "vit-tiny", "size": 60}, "multiple of the patch"),
        ({"batch": 1}, "batch"),
    ):
        with pytest.raises(BadSettingError, match=words):
            settings.build(Config, options, "The test")
    settings.build(Config, {"rules": ["add-new-positive"], "teacher": "toybox", "shares": [1.0]}, "As published")
    with pytest.raises(SettingError, match="there are 24 photos"):
        fit(folder, out=tmp_path / "run", **{**SMALL, "batch": 25})


def test_rules_without_effect_at_this_batch_are_told(folder, tmp_path, colours, monkeypatch):
    monkeypatch.setattr(encoders, "load", lambda name, **_: colours)
    with pytest.warns(IdleRuleWarning, match="drop-false-negative"):
        fit(folder, out=tmp_path / "run", steps=1, rules=["drop-false-negative"], teacher="colours", **SMALL)


def test_the_rate_rises_and_falls():
    config = Config(steps=100, warmup=0.1, lr=1.0)
    rates = [rate(config, index) for index in range(1, 101)]
    assert rates[:10] == pytest.approx([0.1 * i for i in range(1, 11)])
    assert rates[9:] == sorted(rates[9:], reverse=True) and 0 < rates[-1] < 0.01


@pytest.mark.parametrize("decay", [0.1, 0.0])
def test_lars_is_its_formula(rng, decay):
    weight = torch.nn.Parameter(torch.randn(3, 2, generator=rng, dtype=torch.float64))
    bias = torch.nn.Parameter(torch.randn(3, generator=rng, dtype=torch.float64))
    optimiser = LARS([{"params": [weight], "weight_decay": decay}, {"params": [bias], "adapt": False}], lr=0.5)
    w, b, speed, plain = weight.detach().clone(), bias.detach().clone(), 0.0, 0.0
    for _ in range(3):
        weight.grad, bias.grad = torch.sin(weight.detach()), torch.cos(bias.detach())
        slope = torch.sin(w) + decay * w
        speed = MOMENTUM * speed + 0.5 * TRUST * w.norm() / slope.norm() * slope
        plain = MOMENTUM * plain + 0.5 * torch.cos(b)
        w, b = w - speed, b - plain
        optimiser.step()
        assert torch.allclose(weight, w, atol=1e-12) and torch.allclose(bias, b, atol=1e-12)


def test_views_are_made_where_it_was_asked(monkeypatch):
    card = devices.Device("cuda", torch.float32, "")
    assert runs._place(Config(views_on="cpu"), card) == ("cpu", "views are made on cpu, as was asked")
    assert runs._place(Config(views_on="device"), card)[0] == "cuda"
    assert runs._place(Config(), CPU)[0] == "cpu"
