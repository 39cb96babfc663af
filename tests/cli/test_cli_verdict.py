"""`likewise verdict` and the look before `likewise teach`: what is asked of the library, and what is answered."""

import importlib
import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from likewise.preflight.report import Preflight, Row


@pytest.fixture
def calls(monkeypatch):
    """What the library is asked for; nothing is drawn."""
    made = []

    def fake(name):
        def call(*args, **options):
            made.append((name, args, options))
            return SimpleNamespace(as_json=lambda: {"best": "a"}, sentences=("because",), report=Path("report.html"))

        return call

    module = importlib.import_module("likewise.verdict")
    monkeypatch.setattr(module, "verdict", fake("verdict"), raising=False)
    monkeypatch.setattr(module, "compare", fake("compare"), raising=False)
    return made


def test_one_run_is_judged(run, calls):
    result = run("verdict", "runs/a", "--prefer", "likeness", "--thorough")
    assert result.code == 0 and result.out == "because\nReport: report.html\n"
    ((name, args, options),) = calls
    assert (name, args) == ("verdict", (Path("runs/a"),))
    assert (options["prefer"], options["thorough"]) == ("likeness", True)


def test_several_runs_and_files_are_compared(run, calls):
    files = ["--lora", "x.safetensors", "--lora", "y.safetensors", "--trigger", "sks dog", "--trigger", "vbk dog"]
    result = run("verdict", "a", "b", *files, "--out", "here", "--json")
    assert json.loads(result.out)["best"] == "a"
    ((name, args, options),) = calls
    assert name == "compare" and args[0] == [Path("a"), Path("b")]
    assert args[1] == [(Path("x.safetensors"), "sks dog"), (Path("y.safetensors"), "vbk dog")]
    assert options["out"] == Path("here")


def test_one_run_and_a_file_are_compared(run, calls):
    run("verdict", "a", "--lora", "x.safetensors")
    assert [(name, args[1]) for name, args, _ in calls] == [("compare", [(Path("x.safetensors"), None)])]


def test_nothing_named_says_what_to_name(run, calls):
    result = run("verdict")
    assert (result.code, result.out, calls) == (1, "", []) and "Name a run" in result.err


@pytest.fixture
def look(monkeypatch):
    """The check before training finds one thing; teaching itself must not begin."""
    rows = (Row("photos", "ok", "5 photos"), Row("photos", "warning", "a.png: it looks blurred", "Take it again"))
    module = importlib.import_module("likewise.teach")
    monkeypatch.setattr(module, "preflight", lambda *_, **__: Preflight(rows, {"expected_seconds": 5}))
    monkeypatch.setattr(module, "teach", None)


def test_a_dry_run_tells_what_it_found_and_ends_well(run, look):
    result = run("teach", "photos", "--noun", "dog", "--dry-run")
    assert result.code == 0
    assert result.out == "  photos  5 photos\n!         a.png: it looks blurred. Take it again\n"
    told = json.loads(run("teach", "photos", "--noun", "dog", "--dry-run", "--json").out)
    assert told["warnings"] == ["photos: a.png: it looks blurred. Take it again"]
    assert told["rows"][1]["about"] == "photos" and told["expected_seconds"] == 5


def test_a_strict_dry_run_ends_badly_if_there_is_a_warning(run, look):
    result = run("teach", "photos", "--noun", "dog", "--dry-run", "--strict")
    assert result.code == 1 and "a.png: it looks blurred" in result.err and "--strict" in result.err
