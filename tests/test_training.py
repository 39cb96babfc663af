"""A run can be stopped anywhere, goes on where it was, and ends in the same bits; nothing bad is ever saved."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import toy_learner
from likewise import checkpoint, records, training
from likewise.errors import (
    BrokenCheckpointError,
    ChangedVersionsWarning,
    LogGapWarning,
    NoStepsError,
    NothingToResumeError,
    ResumeMismatchError,
    RunExistsError,
)
from toy_learner import CONFIG, TOTAL, go_on, learn, names, results, run


@pytest.fixture(scope="module")
def straight(tmp_path_factory):
    """A run of 23 steps that nothing disturbed."""
    folder = tmp_path_factory.mktemp("runs") / "straight"
    go_on(folder)
    return folder


def test_a_run_leaves_logs_and_checkpoints(straight):
    assert names(straight) == ["000004", "000008", "000012", "000016", "000020", "000023"]
    assert sorted(path.name for path in straight.iterdir()) == ["checkpoints", "events.jsonl", "timings.jsonl"]
    events = records.Events(straight / "events.jsonl").read()
    assert [event["step"] for event in events] == list(range(1, 24))
    assert events[-1]["losses"]["loss"] < events[0]["losses"]["loss"]
    assert [event["lr"] for event in events] == [pytest.approx(0.05 * (1 - i / 23)) for i in range(23)]


def test_the_outcome_says_how_it_ended(tmp_path):
    outcome = go_on(tmp_path / "run", total=5)
    assert (outcome.step, outcome.reason) == (5, "completed")
    assert [path.name for path in outcome.checkpoints] == ["000004", "000005"]


def test_the_same_run_twice_is_the_same_bits(straight, tmp_path):
    go_on(tmp_path / "run")
    assert results(tmp_path / "run") == results(straight)


def test_times_are_kept_apart(straight):
    assert b"seconds" not in (straight / "events.jsonl").read_bytes()
    timings = records.Events(straight / "timings.jsonl").read()
    assert [line["event"] for line in timings if line["event"] != "step"] == ["started", *["saved"] * 6, "ended"]
    assert all(line["seconds"] >= 0 for line in timings)


@pytest.mark.parametrize("keep", [1, 2])
def test_only_the_newest_are_kept_if_asked(straight, tmp_path, keep):
    outcome = go_on(tmp_path / "run", keep=keep)
    assert names(tmp_path / "run") == names(straight)[-keep:] == [path.name for path in outcome.checkpoints]


def test_only_the_last_is_saved_if_asked(tmp_path):
    go_on(tmp_path / "run", save_every=0)
    assert names(tmp_path / "run") == ["000023"]


def test_previews_come_at_their_steps_and_at_the_last(tmp_path):
    seen = []
    go_on(tmp_path / "run", preview=lambda step: seen.append(step.index), preview_every=10)
    assert seen == [10, 20, 23]


def test_previews_change_nothing(straight, tmp_path):
    def preview(step):
        assert not torch.is_grad_enabled()
        torch.rand(1000)

    before = torch.get_rng_state()
    go_on(tmp_path / "run", preview=preview, preview_every=3)
    assert results(tmp_path / "run") == results(straight)
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize(("said", "reason"), [(True, "stopped early"), ("good enough", "good enough")])
def test_a_run_stops_early_when_told_to(tmp_path, said, reason):
    outcome = go_on(tmp_path / "run", stop=lambda step: step.index == 6 and said)
    assert (outcome.step, outcome.reason) == (6, reason)
    assert names(tmp_path / "run") == ["000004", "000006"]


def test_what_may_stop_a_run_sees_the_last_step_too_which_completes_it(tmp_path):
    seen = []
    outcome = go_on(tmp_path / "run", stop=lambda step: seen.append(step.index) or step.index == TOTAL)
    assert (seen, outcome.step, outcome.reason) == ([*range(1, TOTAL + 1)], TOTAL, "completed")


def test_steps_that_end_early_are_saved_and_complete(tmp_path):
    outcome = run(tmp_path / "run", (step for step in learn() if step.index < 7))
    assert (outcome.step, outcome.reason) == (6, "completed")
    assert names(tmp_path / "run") == ["000004", "000006"]


def test_no_steps_is_an_error(tmp_path):
    with pytest.raises(NoStepsError, match="no step"):
        run(tmp_path / "run", iter(()))


def test_the_generator_is_closed_whatever_happens(tmp_path):
    closed = []

    def steps():
        try:
            yield from learn()
        finally:
            closed.append(True)

    generator = steps()
    with pytest.raises(ZeroDivisionError):
        run(tmp_path / "run", generator, stop=lambda step: 1 / 0)
    assert closed == [True]


# Resuming.


@pytest.mark.parametrize("first", [1, 4, 6, 22])
def test_a_resumed_run_ends_in_the_same_bits(straight, tmp_path, first):
    folder = tmp_path / "run"
    with pytest.raises(RuntimeError, match="power cut"):
        run(folder, (step for step in _cut(learn(), first)))
    go_on(folder)
    assert results(folder) == results(straight)


def _cut(steps, after):
    for step in steps:
        yield step
        if step.index == after:
            raise RuntimeError("power cut")


def test_a_killed_run_ends_in_the_same_bits(tmp_path):
    program = [sys.executable, str(Path(toy_learner.__file__)), str(tmp_path)]
    subprocess.run(program, check=True, timeout=280, env={**os.environ, "OMP_NUM_THREADS": "1"})
    expected = results(tmp_path / "straight")
    assert len([name for name in expected if name.endswith(".safetensors")]) == 6
    killed = json.loads((tmp_path / "killed.json").read_text())
    assert len(killed) == 7
    for folder, (moment, was_killed, left) in killed.items():
        assert was_killed or isinstance(moment, int), moment
        assert left or moment not in ("half the tensors", "all written, not renamed"), "killed elsewhere than meant"
        assert results(tmp_path / folder) == expected, moment  # nor is anything left over


def test_the_state_to_resume_from_is_the_newest(straight):
    state = training.resume_state(straight, CONFIG)
    assert state.data == {"step": 23}
    assert state.tensors.keys() == {"weight", "exp_avg", "exp_avg_sq"}
    tensors, data = state
    assert (tensors, data) == (state.tensors, state.data)


def test_there_must_be_a_run_to_resume(tmp_path):
    with pytest.raises(NothingToResumeError):
        training.resume_state(tmp_path / "absent")
    assert training.resume_state(tmp_path) is None  # killed before its first checkpoint


def test_other_settings_are_refused_and_named(straight):
    with pytest.raises(ResumeMismatchError, match=r"lr was 0\.05 and is 0\.1; rank was None and is 4"):
        training.resume_state(straight, {**CONFIG, "lr": 0.1, "rank": 4})


@pytest.fixture
def copy(straight, tmp_path):
    """The straight run up to step 12."""
    folder = tmp_path / "run"
    with pytest.raises(RuntimeError):
        run(folder, _cut(learn(), 13))
    return folder


def test_a_damaged_checkpoint_is_named_and_not_passed_over(copy, straight):
    path = copy / "checkpoints" / "000012"
    (path / "state.safetensors").write_bytes(b"x")
    with pytest.raises(BrokenCheckpointError, match=r"000012/state\.safetensors.*\n.*remove the folder .*000012"):
        training.resume_state(copy, CONFIG)
    checkpoint.remove(path)
    go_on(copy)
    assert results(copy) == results(straight)


def test_a_new_run_never_writes_over_an_old_one(copy):
    before = results(copy)
    with pytest.raises(RunExistsError):
        run(copy, learn())
    assert results(copy) == before


def test_a_method_that_ignores_the_state_is_a_bug_that_shows(copy):
    with pytest.raises(AssertionError, match="steps start at 9, but step 12 was saved last"):
        run(
            copy,
            learn(
                resume=training.State(*checkpoint.load_state(copy / "checkpoints" / "000008"))._replace(
                    data={"step": 8}
                )
            ),
        )


@pytest.mark.parametrize("options", [{}, {"stop": lambda step: step.index == 10}])
def test_a_run_that_was_over_is_over(tmp_path, options):
    folder = tmp_path / "run"
    first = go_on(folder, **options)
    before = results(folder)
    assert go_on(folder, **options) == first
    assert results(folder) == before


def test_a_completed_run_goes_on_when_more_steps_are_asked_for(tmp_path):
    go_on(tmp_path / "run", total=6)
    outcome = go_on(tmp_path / "run", total=9)
    assert (outcome.step, outcome.reason) == (9, "completed")
    assert names(tmp_path / "run") == ["000004", "000006", "000008", "000009"]
    assert len(records.Events(tmp_path / "run" / "events.jsonl").read()) == 9


def test_missing_log_lines_are_told(copy):
    (copy / "events.jsonl").unlink()
    with pytest.warns(LogGapWarning, match="steps up to 0, but the checkpoint is of step 12"):
        go_on(copy)


def test_other_library_versions_are_told(copy, monkeypatch):
    monkeypatch.setattr(training, "versions", lambda: {**records.versions(), "torch": "99"})
    with pytest.warns(ChangedVersionsWarning, match=r"torch .* -> 99"):
        training.resume_state(copy, CONFIG)


# What a person sees.


def test_progress_goes_to_standard_error_and_quiet_is_quiet(tmp_path, capsys):
    go_on(tmp_path / "loud", quiet=False)
    said = capsys.readouterr()
    assert said.out == ""
    assert "23/23" in said.err and "loss" in said.err
    go_on(tmp_path / "quiet")
    assert capsys.readouterr() == ("", "")
