"""`likewise teach`: flags from the method's settings, and the library called once with what was set."""

import tomllib

import pytest

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
