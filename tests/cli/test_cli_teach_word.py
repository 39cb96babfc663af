"""`likewise teach --method textual-inversion` and `--method pivotal`: their own flags, defaults and dumps."""

import tomllib

import pytest

from likewise import registry

METHODS = ["textual-inversion", "pivotal"]


@pytest.mark.parametrize("method", METHODS)
def test_help_shows_every_setting_of_the_method_with_toyboxes_defaults(run, method):
    text = " ".join(run("teach", "--method", method, "--help").out.split())
    flags = [f"--{name.replace('_', '-')} " for name in registry.config(method).model_fields]
    assert [flag for flag in flags if flag not in text] == []
    steps = registry.defaults(method)["toybox", "object"]["steps"]
    assert f"default {steps}]" in text


@pytest.mark.parametrize("words", [[], ["--vectors", "2"], ["--learns", "style"], ["--backbone", "models/sd15"]])
@pytest.mark.parametrize("method", METHODS)
def test_a_dump_can_be_taught_from(run, tmp_path, method, words):
    dumped = run("teach", "photos", "--noun", "dog", "--method", method, *words, "--dump-config")
    assert (dumped.code, dumped.err) == (0, "")
    assert tomllib.loads(dumped.out)["method"] == method
    path = tmp_path / "run.toml"
    path.write_text(dumped.out)
    assert run("teach", "--config", path, "--dump-config").out == dumped.out


def test_a_style_is_asked_for_as_one_by_default(run):
    words = ["teach", "photos", "--noun", "painting", "--method", "textual-inversion", "--learns", "style"]
    values = tomllib.loads(run(*words, "--dump-config").out)
    assert values["instance_prompt"] == "a {noun} in the style of {identifier}"


def test_a_setting_of_another_method_is_a_usage_error(run):
    result = run("teach", "photos", "--noun", "dog", "--method", "textual-inversion", "--rank", "4")
    assert result.code == 2
    assert "--rank" in result.err
