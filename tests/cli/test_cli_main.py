"""The frame of the command line: help, exit status, where words go, what is loaded."""

import errno
import os
import subprocess
import sys
import warnings
from typing import Annotated

import pytest
import typer

import likewise
from likewise.cli import main as frame
from likewise.cli import options
from likewise.cli.command import Answer, Command
from likewise.errors import LikewiseError, LikewiseWarning

BACKBONE = Annotated[str, typer.Option(help="The base model.")]
VERBS = [
    (name, verb) if entry.group else (name,) for name, entry in frame.ENTRIES.items() for verb in frame.commands(name)
]


@pytest.fixture
def doctored(monkeypatch):
    """Let `likewise doctor` run another function."""
    from likewise.cli import doctor

    def use(function):
        monkeypatch.setattr(doctor, "COMMANDS", {"doctor": Command(function)})

    return use


def test_help_lists_every_command(run):
    result = run("--help")
    assert result.code == 0
    assert all(f"  {name} " in result.out for name in frame.ENTRIES)


@pytest.mark.parametrize("words", VERBS, ids=" ".join)
def test_every_command_explains_itself_and_has_the_shared_flags(run, words):
    result = run(*words, "--help")
    assert result.code == 0
    assert all(flag in result.out for flag in ("--config FILE", "--dump-config", "--json"))


@pytest.mark.parametrize("words", VERBS, ids=" ".join)
def test_a_key_of_a_settings_file_is_the_flag_with_underscores(words):
    command = frame.commands(words[0])[words[-1]]
    flags = {name: options.flag(parameter) for name, parameter in command.parameters.items()}
    keys = {setting.key: flag.split("/")[0] for name, setting in command.own().items() if (flag := flags[name])}
    assert keys == {key: f"--{key.replace('_', '-')}" for key in keys}


@pytest.mark.parametrize("name", [name for name, entry in frame.ENTRIES.items() if not entry.group])
def test_a_line_of_help_is_the_first_line_of_the_command(name):
    assert frame.commands(name)[name].help.partition("\n")[0] == frame.ENTRIES[name].help


@pytest.mark.parametrize("line", ["--help", "teach --help", "teach --hlep", "verdict --help", "toybox --help"])
def test_help_and_mistakes_load_no_torch(line):
    code = (
        "import sys\nfrom likewise.cli.main import main\n"
        f"try: main({line.split()})\nexcept SystemExit: pass\n"
        "sys.exit(bool({'torch', 'numpy', 'PIL', 'diffusers', 'transformers'} & set(sys.modules)))"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_the_module_runs_as_the_command():
    done = subprocess.run([sys.executable, "-m", "likewise", "--version"], check=True, capture_output=True, text=True)
    assert done.stdout == f"likewise {likewise.__version__}\n"


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["imagin"], "imagine"),
        (["images", "chek"], "check"),
        (["imagine", "a", "--guidence", "3"], "--guidance"),
        (["teach", "a", "--nuon", "dog"], "--noun"),
        (["teach", "a", "--noun", "dog", "--rnak", "3"], "--rank"),
    ],
)
def test_a_misspelt_word_is_usage_and_brings_the_nearest(run, words, hint):
    result = run(*words)
    assert (result.code, result.out) == (2, "")
    assert hint in result.err.splitlines()[-1]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["teach", "--json"], "PHOTOS"),
        (["imagine", "a", "--steps", "many", "--json"], "--steps"),
        (["imagine", "--json"], "give a prompt"),
        (["teach", "a", "--nuon", "dog", "--json"], "--noun"),
        (["images", "chek", "--json"], "check"),
    ],
)
def test_usage_is_one_json_object_where_that_is_asked_for(run, words, told):
    result = run(*words)
    assert result.code == 2 and result.json["error"] == "UsageError" and told in result.json["message"]
    assert result.err.startswith("Usage: likewise") and told in result.err


def test_a_users_mistake_is_told_in_plain_lines(run, doctored):
    def fail() -> Answer:
        """Fail."""
        raise LikewiseError("found one\ndo two")

    doctored(fail)
    result = run("doctor")
    assert (result.code, result.out, result.err) == (1, "", "found one\ndo two\n")
    result = run("doctor", "--json")
    assert (result.code, result.json) == (1, {"error": "LikewiseError", "message": "found one\ndo two"})


def test_an_error_may_choose_its_exit_status(run, doctored):
    class Stopped(LikewiseError):
        exit_code = 130

    def fail() -> Answer:
        """Fail."""
        raise Stopped("saved")

    doctored(fail)
    assert run("doctor").code == 130


def test_a_bug_keeps_its_traceback(doctored):
    def fail() -> Answer:
        """Fail."""
        raise ZeroDivisionError

    doctored(fail)
    with pytest.raises(ZeroDivisionError):
        frame.main(["doctor"])


def test_an_interrupt_is_130(run, doctored):
    def stop() -> Answer:
        """Stop."""
        raise KeyboardInterrupt

    doctored(stop)
    assert run("doctor").code == 130


def test_a_missing_extra_names_the_command_that_installs_it(run, doctored):
    def fail() -> Answer:
        """Fail."""
        raise ModuleNotFoundError("No module named 'gradio'", name="gradio")

    doctored(fail)
    result = run("doctor")
    assert result.code == 1
    assert "pip install 'likewise[studio]'" in result.err


def test_a_missing_module_of_no_extra_is_a_bug(doctored):
    def fail() -> Answer:
        """Fail."""
        raise ModuleNotFoundError("No module named 'likewise.x'", name="likewise.x")

    doctored(fail)
    with pytest.raises(ModuleNotFoundError):
        frame.main(["doctor"])


def test_what_the_machine_refuses_is_no_bug(run, doctored):
    def fail() -> Answer:
        """Fail."""
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "a/b")

    doctored(fail)
    result = run("doctor")
    assert result.code == 1
    assert "No space left on device: a/b" in result.err


def test_only_the_answer_reaches_standard_output(run, doctored):
    def chat() -> Answer:
        """Chat."""
        print("loading")
        warnings.warn(LikewiseWarning("done\notherwise"), stacklevel=1)
        warnings.warn(FutureWarning("of another package"), stacklevel=1)
        return Answer({"a": "é"}, ["first", "second"])

    doctored(chat)
    plain = run("doctor")
    assert (plain.code, plain.out, plain.err) == (0, "first\nsecond\n", "loading\nwarning: done otherwise\n")
    assert run("doctor", "--json").out == '{"a": "é"}\n'


def test_an_answer_may_carry_an_exit_status(run, doctored):
    def ill() -> Answer:
        """Ill."""
        return Answer({"healthy": False}, ["ill"], 1)

    doctored(ill)
    result = run("doctor")
    assert (result.code, result.out) == (1, "ill\n")


def test_the_hub_is_asked_only_for_a_hub_id(run, doctored, monkeypatch, tmp_path):
    def offline(backbone: BACKBONE = "toybox") -> Answer:
        """Tell."""
        return Answer({"offline": os.environ.get("HF_HUB_OFFLINE")}, [])

    doctored(offline)
    (tmp_path / "some").mkdir()
    (tmp_path / "some" / "folder").mkdir()
    for backbone, expected in {"toybox": "1", "some/folder": "1", "owner/name": None}.items():
        monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
        assert run("doctor", "--backbone", backbone, "--json").json["offline"] == expected


def test_every_entry_has_a_line_short_enough_for_the_list():
    assert [name for name, entry in frame.ENTRIES.items() if len(entry.help) > 66] == []
