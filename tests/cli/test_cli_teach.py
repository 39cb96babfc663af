"""`likewise teach`: flags from the method's settings, and the library called once with what was set."""

import importlib
import tomllib
from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image

from likewise import registry


def test_help_shows_every_setting_of_the_method(run):
    text = run("teach", "--help").out
    flags = [f"--{name.replace('_', '-')} " for name in registry.config("dreambooth").model_fields]
    assert [flag for flag in flags if flag not in text] == []


def test_defaults_in_help_fit_the_base_model(run):
    toybox = " ".join(run("teach", "--help").out.split())
    steps = registry.defaults("dreambooth")["toybox", "lora"]["steps"]
    assert f"--steps N Optimiser steps. [at least 1; default {steps}]" in toybox
    other = " ".join(run("teach", "--backbone", "models/sd15", "--help").out.split())
    assert "--steps N Optimiser steps. [at least 1; default fits the base model]" in other


def test_an_unknown_method_brings_the_nearest(run):
    result = run("teach", "photos", "--noun", "dog", "--method", "dreamboth")
    assert result.code == 1
    assert "Did you mean 'dreambooth'" in result.err


@pytest.mark.parametrize("words", [[], ["--rank", "4"], ["--train", "full"], ["--backbone", "models/sd15"]])
def test_a_dump_can_be_taught_from_without_a_warning(run, tmp_path, words):
    dumped = run("teach", "photos", "--noun", "dog", *words, "--dump-config")
    assert (dumped.code, dumped.err) == (0, "")
    values = tomllib.loads(dumped.out)
    assert values["noun"] == "dog"
    path = tmp_path / "run.toml"
    path.write_text(dumped.out)
    assert run("teach", "--config", path, "--dump-config").out == dumped.out


def test_a_rank_brings_its_alpha(run):
    values = tomllib.loads(run("teach", "photos", "--noun", "dog", "--rank", "4", "--dump-config").out)
    assert (values["rank"], values["alpha"]) == (4, 4.0)


def test_a_folder_without_photos_is_told_of(run, tmp_path):
    (tmp_path / "empty").mkdir()
    result = run("teach", tmp_path / "empty", "--noun", "dog")
    assert (result.code, result.out) == (1, "")
    assert "Traceback" not in result.err


def test_the_library_is_called_once_with_what_was_set(run, monkeypatch):
    calls = []

    def fake(*args, **options):
        calls.append((args, options))
        concept = SimpleNamespace(placeholder="<robot>", as_json=lambda: {"name": "robot"})
        return SimpleNamespace(run=Path("runs/robot"), concept=concept, verdict={"why": ["Keep step 4."]})

    # by import_module, since the attribute likewise.teach is the function
    monkeypatch.setattr(importlib.import_module("likewise.teach"), "teach", fake)
    result = run("teach", "photos", "--noun", "toy", "--rank", "4", "--no-train-text", "--seed", "3")
    assert result.code == 0, result.err
    assert result.out.splitlines() == [
        "Learned <robot>: runs/robot",
        "Keep step 4.",
        "Report: runs/robot/report.html",
        'Try: likewise imagine "<robot> on the beach"',
    ]
    (args, options), *others = calls
    assert (args, others) == ((Path("photos"), "toy"), [])
    assert {"rank": 4, "train_text": False, "seed": 3, "backbone": "toybox", "resume": False}.items() <= options.items()
    assert "lr" not in options
    assert run("teach", "photos", "--noun", "toy", "--json").json["verdict"] == {"why": ["Keep step 4."]}


@pytest.mark.slow
def test_photos_become_a_word_a_verdict_and_pictures(run, tiny, tmp_path):
    (tmp_path / "photos").mkdir()
    for index in range(3):
        Image.effect_noise((160, 160), 40 + 20 * index).convert("RGB").save(tmp_path / "photos" / f"{index}.png")
    small = ["--steps", 2, "--class-images", 2, "--class-steps", 2, "--batch", 1]
    words = ["teach", "photos", "--noun", "dog", "--name", "rex", "--backbone", tiny, *small]
    taught = run(*words, "--no-verdict", "--json")
    assert taught.code == 0, taught.err
    assert taught.json["concept"]["name"] == "rex"
    drawn = ["--images", 1, "--class-images", 1, "--steps", 2, "--checkpoints", 1]
    judged = run("verdict", "runs/rex", "--backbone", tiny, *drawn, "--json")
    assert judged.code == 0, judged.err
    assert judged.json["step"] in (1, 2)
    assert run("imagine", "<rex> on the beach", "--backbone", tiny, "--steps", 2, "-n", 1).code == 0
    again = run(*words)
    assert (again.code, again.out) == (1, "")


def test_without_a_noun_the_draft_model_guesses_it(run, tmp_path, monkeypatch):
    from likewise.magvlt import drafter, folder

    for index in range(2):
        Image.new("RGB", (64, 64), (200, 30 * index, 20)).save(tmp_path / f"{index}.png")
    (tmp_path / "0.txt").write_text("an apple on the grass")
    monkeypatch.setattr(folder, "EMBEDDED", tmp_path / "none")
    bare = run("teach", tmp_path)
    assert bare.code == 1 and "What do the photos show?" in bare.err and "--noun dog" in bare.err
    assert "guesses" not in bare.err and not list(Path().glob("runs/*"))
    said = SimpleNamespace(describe=lambda pictures: [SimpleNamespace(text="a 3d tulip on the grass")] * len(pictures))
    monkeypatch.setattr(drafter, "load", lambda: said)
    monkeypatch.setattr("likewise.magvlt.load", lambda: said)
    guessed = run("teach", tmp_path)
    assert guessed.code == 1 and "guesses: tulip.\n" in guessed.err and "--noun tulip." in guessed.err
