"""Odd numbers, Ctrl-C and full disks stop a run; the last good state stays, and resuming ends in the same bits."""

import errno
import math
import os
import signal
import threading
import time
from dataclasses import replace

import pytest
import torch

from likewise import checkpoint, records, training
from likewise.errors import FullDiskError, Interrupted, NonFiniteLossError, NonFiniteStateError, WriteError
from toy_learner import go_on, learn, names, results, run


@pytest.fixture(scope="module")
def straight(tmp_path_factory):
    """A run of 23 steps that nothing disturbed."""
    folder = tmp_path_factory.mktemp("runs") / "straight"
    go_on(folder)
    return folder


def changed(steps, index, **what):
    """The same steps, one of them changed."""
    return (replace(step, **what) if step.index == index else step for step in steps)


def stopping(steps, index):
    """The same steps; Ctrl-C is pressed while one of them is made."""
    for step in steps:
        if step.index == index:
            os.kill(os.getpid(), signal.SIGINT)
        yield step


# Numbers that are not finite.


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_loss_that_is_not_finite_stops_the_run(tmp_path, value):
    steps = changed(learn(), 6, losses={"loss": 0.5, "prior": value})
    with pytest.raises(NonFiniteLossError, match=rf"step 6: prior is {value}(.|\n)*000004, is intact") as caught:
        run(tmp_path / "run", steps)
    assert caught.value.last_good == tmp_path / "run" / "checkpoints" / "000004"
    assert names(tmp_path / "run") == ["000004"]
    assert len(records.Events(tmp_path / "run" / "events.jsonl").read()) == 5


def test_a_learning_rate_that_is_not_finite_stops_the_run(tmp_path):
    with pytest.raises(NonFiniteLossError, match=r"step 2: lr is nan(.|\n)*No checkpoint was made before"):
        run(tmp_path / "run", changed(learn(), 2, lr=math.nan))


def test_weights_that_are_not_finite_are_not_saved(tmp_path):
    tensors = {"weight": torch.ones(3), "exp_avg": torch.tensor([1.0, math.nan]), "steps": torch.ones(2).long()}
    steps = changed(learn(), 8, state=lambda: training.State(tensors, {}))
    with pytest.raises(NonFiniteStateError, match=r"step 8: not all values of exp_avg are finite(.|\n)*000004"):
        run(tmp_path / "run", steps)
    assert names(tmp_path / "run") == ["000004"]


def test_after_numbers_that_are_not_finite_the_last_good_state_can_be_resumed(straight, tmp_path):
    with pytest.raises(NonFiniteLossError):
        run(tmp_path / "run", changed(learn(), 6, losses={"loss": math.nan}))
    go_on(tmp_path / "run")
    assert results(tmp_path / "run") == results(straight)


# Ctrl-C.


def test_ctrl_c_saves_the_step_under_way_and_says_how_to_go_on(straight, tmp_path):
    folder = tmp_path / "run"
    with pytest.raises(Interrupted, match=r"step 6(.|\n)*000006(.|\n)*likewise teach x --resume") as caught:
        run(folder, stopping(learn(), 6), resume_command="likewise teach x --resume")
    assert caught.value.exit_code == 130
    assert names(folder) == ["000004", "000006"]
    go_on(folder)
    assert results(folder) == results(straight)  # the checkpoint in between is gone again


def test_ctrl_c_is_answered_at_once_by_a_run_that_shows_no_bar(tmp_path, capsys):
    with pytest.raises(Interrupted):
        run(tmp_path / "run", stopping(learn(), 6), quiet=True)
    said = capsys.readouterr()
    assert said.out == "" and " ".join(said.err.split()) == "Stopping after this step; Ctrl-C again stops at once"


@pytest.mark.parametrize("index", [1, 8, 23])
def test_ctrl_c_at_any_step_changes_nothing_in_the_end(straight, tmp_path, index):
    folder = tmp_path / "run"
    with pytest.raises(Interrupted, match=f"after step {index}"):
        run(folder, stopping(learn(), index))
    go_on(folder)
    assert results(folder) == results(straight)


def test_ctrl_c_while_saving_lets_the_save_finish(tmp_path, monkeypatch):
    save = checkpoint.save_state

    def pressed(*arguments):
        monkeypatch.undo()
        os.kill(os.getpid(), signal.SIGINT)
        save(*arguments)

    monkeypatch.setattr(checkpoint, "save_state", pressed)
    with pytest.raises(Interrupted, match="after step 4"):
        run(tmp_path / "run", learn())
    assert names(tmp_path / "run") == ["000004"]


def test_a_second_ctrl_c_stops_at_once(tmp_path):
    def steps():
        for step in learn():
            if step.index == 6:
                first = signal.getsignal(signal.SIGINT)
                os.kill(os.getpid(), signal.SIGINT)
                while signal.getsignal(signal.SIGINT) is first:  # two that are pending at once are one to the system
                    time.sleep(0.001)
                os.kill(os.getpid(), signal.SIGINT)
                time.sleep(1)  # interrupted at once
            yield step

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background starts without it
    try:
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path / "run", steps())
    finally:
        signal.signal(signal.SIGINT, before)
    assert names(tmp_path / "run") == ["000004"]


def test_the_handler_of_ctrl_c_is_put_back(straight, tmp_path):
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(Interrupted):
        run(tmp_path / "run", stopping(learn(), 2))
    assert signal.getsignal(signal.SIGINT) is before


def test_a_run_in_another_thread_needs_no_signals(straight, tmp_path):
    thread = threading.Thread(target=go_on, args=[tmp_path / "run"])
    thread.start()
    thread.join()
    assert results(tmp_path / "run") == results(straight)


# A full disk.


def test_a_full_disk_while_saving_says_what_is_intact(straight, tmp_path, monkeypatch):
    def full(folder):
        if folder.name.endswith("000008"):
            raise OSError(errno.ENOSPC, "No space left on device")
        write(folder)

    write = checkpoint.write_manifest
    monkeypatch.setattr(checkpoint, "write_manifest", full)
    folder = tmp_path / "run"
    with pytest.raises(
        FullDiskError, match=r"000008 could not be written(.|\n)*000004 is complete.*resumed(.|\n)*Free"
    ):
        run(folder, learn())
    assert [path.name for path in (folder / "checkpoints").iterdir()] == ["000004"]
    monkeypatch.undo()
    go_on(folder)
    assert results(folder) == results(straight)


def test_a_disk_that_was_full_from_the_start_is_told(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(FullDiskError, match=r"stopped at step 4; nothing half-written"):
        run(tmp_path / "run", learn())


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(WriteError, match="could not be written"):
        run(tmp_path / "file", learn())
