"""Flags, a settings file and defaults: which wins, what is checked, what --dump-config prints."""

import json
import tomllib
from pathlib import Path
from typing import Annotated

import pytest
import typer
from pydantic import BaseModel, ConfigDict, Field

from likewise.cli import doctor
from likewise.cli.command import Answer, Command, peek, rows


class Small(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    rank: int = Field(16, ge=1, description="Width.")
    gamma: float | None = Field(5.0, gt=0, description="Weight; none is off.")
    widths: tuple[int, ...] = Field((1, 2), description="Channels.")
    flip: bool = Field(False, description="Mirror.")
    seed: int = Field(3, description="Hidden by the command's own seed.")


class Other(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    vectors: int = Field(1, ge=1, description="Rows.")


def learn(
    photos: Annotated[Path, typer.Argument(metavar="PHOTOS", help="Photos.")],
    noun: Annotated[str, typer.Option(help="Noun.")],
    method: Annotated[str, typer.Option(help="Method.")] = "small",
    seed: Annotated[int, typer.Option(min=0, help="Seed.")] = 0,
    name: Annotated[str | None, typer.Option(help="Name.")] = None,
    from_: Annotated[Path | None, typer.Option("--from", help="Start.")] = None,
    *,
    settings: dict,
) -> Answer:
    """Learn."""
    given = {"photos": photos, "noun": noun, "method": method, "seed": seed, "name": name, "from": from_}
    return Answer({**given, "settings": settings}, [])


@pytest.fixture
def call(run, monkeypatch):
    config = {"small": Small, "other": Other}
    command = Command(learn, lambda known: config[known["method"]], lambda known: {"rank": 8})
    monkeypatch.setattr(doctor, "COMMANDS", {"doctor": command})
    return lambda *words: run("doctor", *words)


@pytest.fixture
def file(tmp_path):
    def write(text: str) -> Path:
        path = tmp_path / "settings.toml"
        path.write_text(text)
        return path

    return write


def test_only_what_was_set_is_passed_on(call):
    assert call("p", "--noun", "dog", "--json").json["settings"] == {}
    words = ["--rank", "4", "--gamma", "none", "--widths", "3", "--widths", "5", "--flip"]
    given = call("p", "--noun", "dog", *words, "--json").json["settings"]
    assert given == {"rank": 4, "gamma": None, "widths": [3, 5], "flip": True}


def test_a_flag_wins_over_the_file_and_the_file_over_the_default(call, file):
    path = file('noun = "cat"\nseed = 7\nrank = 2\ngamma = "none"\nwidths = [9]\n')
    found = call("p", "--config", path, "--rank", "4", "--json").json
    assert (found["noun"], found["seed"], found["name"]) == ("cat", 7, None)
    assert found["settings"] == {"rank": 4, "gamma": None, "widths": [9]}
    assert call("p", "--config", path, "--noun", "dog", "--seed", "1", "--json").json["seed"] == 1


def test_a_file_may_hold_arguments_and_flags_named_by_keywords(call, file):
    found = call("--config", file('photos = "p"\nnoun = "cat"\nfrom = "a.png"\n'), "--json").json
    assert (found["photos"], found["from"]) == ("p", "a.png")


def test_the_file_may_choose_the_method_whose_settings_it_holds(call, file):
    path = file('noun = "cat"\nmethod = "other"\nvectors = 2\n')
    assert call("p", "--config", path, "--json").json["settings"] == {"vectors": 2}
    assert call("p", f"--config={path}", "--method", "small", "--json").code == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rnk = 3\n", "unknown setting: 'rnk'. Did you mean 'rank'"),
        ("rank = 0\n", "rank: found 0, should be greater than or equal to 1"),
        ("rank = true\n", "rank: found True, should be a whole number"),
        ("noun = 3\n", "noun: found 3, should be a valid string"),
        ("seed = -1\n", "seed: found -1, should be greater than or equal to 0"),
        ("rank = \n", "Invalid value"),
    ],
)
def test_a_wrong_file_is_a_users_mistake(call, file, text, message):
    result = call("p", "--noun", "dog", "--config", file(text))
    assert (result.code, result.out) == (1, "")
    assert message in result.err
    assert "settings.toml" in result.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--rank", "0"], "Invalid value for --rank: found '0', should be greater than or equal to 1"),
        (["--seed", "-1"], "Invalid value for --seed: found -1, should be greater than or equal to 0"),
        (["--gamma", "x"], "Invalid value for --gamma"),
        (["--method", "other", "--rank", "1"], "No such option: --rank"),
    ],
)
def test_a_wrong_flag_is_usage(call, words, message):
    result = call("p", "--noun", "dog", *words)
    assert result.code == 2
    assert message in result.err


def test_a_required_flag_may_not_be_missing(call):
    result = call("p")
    assert result.code == 2
    assert "--noun" in result.err


def test_a_dump_is_a_settings_file_for_the_same_run(call, file):
    words = ["p", "--noun", "dog", "--gamma", "none", "--widths", "4"]
    dumped = call(*words, "--dump-config")
    assert dumped.code == 0
    assert tomllib.loads(dumped.out)["rank"] == 8
    again = call("--config", file(dumped.out), "--dump-config")
    assert again.out == dumped.out
    assert json.loads(call(*words, "--dump-config", "--json").out)["gamma"] is None


def test_a_dump_needs_nothing_else(call):
    result = call("--dump-config")
    assert result.code == 0
    assert {"# photos is required", "# noun is required"} < set(result.out.splitlines())
    assert tomllib.loads(result.out)["widths"] == [1, 2]


def test_help_states_limits_and_the_default_in_force(call):
    text = " ".join(call("--help").out.split())
    assert "--rank N Width. [at least 1; default 8]" in text
    assert "--gamma X Weight; none is off. [above 0; or none; default 5.0]" in text
    assert "--flip / --no-flip" in text
    assert "--seed N Seed. [at least 0; default 0]" in text


def test_peeking_stops_at_the_end_of_flags():
    assert peek(["--a", "1", "--b=2"], "--a") == "1"
    assert peek(["--a", "1", "--b=2"], "--b") == "2"
    assert peek(["--a"], "--a") is None
    assert peek(["--", "--a", "1"], "--a") is None


def test_rows_are_aligned():
    assert rows([("a", 1), ("bbb", 22)]) == ["a    1", "bbb  22"]
