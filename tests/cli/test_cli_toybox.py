"""`likewise toybox` on the command line: flags, mistakes and figures."""

import pytest

from likewise.cli.toybox import figures
from likewise.diffusion import loading


def test_learn_offers_every_setting_of_the_recipe(run):
    said = " ".join(run("toybox", "learn", "--help").out.split())
    assert "--unet-steps N Optimiser steps of the U-Net. [at least 1; default" in said
    assert all(
        flag in said for flag in ("--world DIR", "--stage", "--photos DIR", "--taef2 DIR", "--weights DIR", "--device")
    )


def test_settings_in_force_can_be_printed(run):
    found = run("toybox", "learn", "--tower-steps", 7, "--dump-config", "--json").json
    assert (found["tower_steps"], found["world"], found["weights"]) == (7, "world", None)


@pytest.mark.parametrize(
    ("words", "error", "said"),
    [
        (("learn",), "WorldMissingError", "likewise toybox build --world world"),
        (("evaluate",), "WorldMissingError", "likewise toybox build --world world"),
        (("learn", "--stage", "unett"), "UnknownNameError", "'unet'"),
    ],
)
def test_mistakes_are_told_in_plain_lines(run, words, error, said):
    done = run("toybox", *words, "--json")
    assert done.code == 1 and done.json["error"] == error and said in done.json["message"]
    assert "Traceback" not in done.err


def test_a_folder_that_is_a_file_is_refused(run, tmp_path):
    (tmp_path / "here").write_text("mine")
    done = run("toybox", "build", "--world", "here")
    assert done.code == 1 and "here is a file" in done.err


def test_too_small_a_world_is_wrong_usage(run):
    done = run("toybox", "build", "--concepts", 5)
    assert done.code == 2 and "60" in done.err


def test_info_without_weights_names_the_remedy(run, monkeypatch, tmp_path):
    monkeypatch.setattr(loading, "toybox_folder", lambda: tmp_path / "none")
    done = run("toybox", "info")
    assert done.code == 1 and "likewise toybox build, then likewise toybox learn" in done.err


def test_figures_are_lines_with_their_intervals():
    report = {"steps": 20, "held_out": {"subject_top1": {"value": 0.5, "low": 0.41234, "high": 0.6, "count": 100}}}
    assert figures(report) == ["steps: 20", "held out, subject top1: 0.5 (0.412 to 0.6, of 100)"]
