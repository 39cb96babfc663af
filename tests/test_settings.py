"""Settings declared once read the same through every face."""

import json
import tomllib
from enum import Enum
from pathlib import Path
from typing import Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field

from likewise import settings
from likewise.errors import BadSettingError, SettingsFileError, UnknownSettingError


class Shape(Enum):
    ROUND = "round"
    SQUARE = "square"


class Config(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    rank: int = Field(16, ge=1, le=64, description="Width.")
    lr: float = Field(1e-4, gt=0, description="Learning rate, a step.")
    gamma: float | None = Field(5.0, gt=0, description="Weight; none is off.")
    widths: tuple[int, ...] = Field((1, 2), description="Channels.")
    train: Literal["lora", "full"] = Field("lora", description="What learns.")
    shape: Shape = Field(Shape.ROUND, description="Shape.")
    flip: bool = Field(False, description="Mirror.")
    folder: Path | None = Field(None, description="Where.")


S = settings.of(Config)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("rank", "8", 8),
        ("lr", "3e-4", 3e-4),
        ("gamma", "none", None),
        ("gamma", "2", 2.0),
        ("widths", ["3", "4"], (3, 4)),
        ("train", "full", "full"),
        ("shape", "square", Shape.SQUARE),
        ("folder", "a b/c", Path("a b/c")),
    ],
)
def test_text_from_the_command_line_becomes_the_value(name, text, value):
    assert S[name].parse(text) == value


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("rank", "0", r"rank: found '0', should be greater than or equal to 1"),
        ("rank", "65", "less than or equal to 64"),
        ("rank", "none", "whole number"),
        ("lr", "0", "greater than 0"),
        ("train", "lorra", "'lora' or 'full'"),
    ],
)
def test_text_that_does_not_fit_is_told_with_what_is_needed(name, text, message):
    with pytest.raises(BadSettingError, match=message):
        S[name].parse(text)


@pytest.mark.parametrize(("name", "value"), [("rank", True), ("rank", 5.5), ("rank", "8"), ("flip", 1), ("train", 3)])
def test_a_file_is_not_guessed_at(name, value):
    with pytest.raises(BadSettingError, match=rf"here.toml holds.*\n  {name}"):
        S[name].check(value, "here.toml")


def test_a_file_may_write_a_whole_number_for_a_number_and_a_list_for_a_tuple():
    assert S["lr"].check(1, "f") == 1.0
    assert S["widths"].check([5, 6], "f") == (5, 6)
    assert S["gamma"].check("none", "f") is None


def test_toml_reads_back_as_it_was_written():
    values = {
        "rank": 4, "lr": 1e-5, "gamma": None, "widths": (7,), "train": "full", "shape": Shape.SQUARE, "flip": True,
        "folder": Path('a "quoted"\npath\x7f é'),
    }  # fmt: skip
    read = tomllib.loads(settings.to_toml(values))
    assert {name: S[name].check(value, "f") for name, value in read.items()} == values


def test_numbers_without_end_survive_toml():
    values = {"a": float("inf"), "b": -float("inf")}
    assert tomllib.loads(settings.to_toml(values)) == values


def test_an_unknown_name_brings_the_nearest_one():
    with pytest.raises(UnknownSettingError, match=r"The call holds an unknown setting: 'rnk'\. Did you mean 'rank'"):
        settings.build(Config, {"rnk": 3})


def test_every_problem_is_told_at_once():
    with pytest.raises(BadSettingError, match=r"2 setting\(s\)(.|\n)*rank(.|\n)*train"):
        settings.build(Config, {"rank": 0, "train": "x"})


def test_a_file_that_is_missing_or_no_toml_is_an_error(tmp_path):
    with pytest.raises(SettingsFileError, match="No such file"):
        settings.read_toml(tmp_path / "none.toml")
    broken = tmp_path / "broken.toml"
    broken.write_text("rank 4\n")
    with pytest.raises(SettingsFileError, match="line 1"):
        settings.read_toml(broken)
    broken.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingsFileError, match="cannot be read"):
        settings.read_toml(broken)


def test_hyphens_and_underscores_are_one_name_in_a_file(tmp_path):
    path = tmp_path / "a.toml"
    path.write_text("text-lr = 1\n")
    assert settings.read_toml(path) == {"text_lr": 1}


def test_the_table_names_every_setting_with_limits_and_default():
    text = settings.table(S.values())
    assert "| `rank` | whole number, at least 1, at most 64 | 16 | Width. |" in text
    assert "| `gamma` | number, above 0, or none | 5.0 | Weight; none is off. |" in text
    assert "| `train` | `lora` or `full` | lora | What learns. |" in text
    assert len(text.splitlines()) == 2 + len(S)


def test_the_record_is_plain_json():
    assert json.loads(json.dumps(settings.record(Config())))["shape"] == "round"
