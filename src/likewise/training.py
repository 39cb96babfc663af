"""Drive a generator of training steps: log, preview, save, stop, and leave a folder that can always be gone on with.

A run killed at any moment and resumed ends in the same bits as one that was left alone. So the log of events holds
nothing but what the steps themselves say, what belongs to a step is written before the step's checkpoint, and a resumed
run first forgets what was logged after the checkpoint it starts from.
"""

import math
import time
import warnings
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import torch
from pydantic import BaseModel
from torch import Tensor

from likewise import checkpoint
from likewise.disk import writing
from likewise.errors import (
    BrokenCheckpointError,
    ChangedVersionsWarning,
    Interrupted,
    LogGapWarning,
    NonFiniteLossError,
    NonFiniteStateError,
    NoStepsError,
    NothingToResumeError,
    ResumeMismatchError,
    RunExistsError,
    WriteError,
)
from likewise.progress import interruption, progress
from likewise.records import Events, differences, plain, versions

COMPLETED = "completed"


class State(NamedTuple):
    """All that a method needs to go on as if it had never stopped."""

    tensors: dict[str, Tensor]  # trained weights, optimiser moments, averages
    data: dict[str, Any]  # JSON values


@dataclass(frozen=True)
class Step:
    """One optimiser step, just made."""

    index: int  # optimiser steps so far, from 1
    losses: dict[str, float]  # by name, this step's
    lr: float  # learning rate of this step
    state: Callable[[], State]  # valid until the next step


@dataclass(frozen=True)
class Outcome:
    """How a training ended."""

    step: int  # the last step
    reason: str  # "completed", or what `stop` said
    checkpoints: list[Path]  # those on disk, oldest first


def run(
    steps: Iterator[Step],
    *,
    folder: Path,
    total: int,
    save_every: int,
    keep: int | None = None,
    preview: Callable[[Step], None] | None = None,
    preview_every: int = 0,
    stop: Callable[[Step], str | bool | None] | None = None,
    quiet: bool = False,
    config: BaseModel | Mapping[str, Any] | None = None,
    resume_command: str | None = None,
) -> Outcome:
    """Consume the steps and return how they ended. Writes events.jsonl, timings.jsonl and checkpoints/NNNNNN/.

    folder: the run's. Steps that start at 1 are a new run; to resume, pass steps that start after `resume_state`'s.
    total: steps in all; a completed run goes on if that is more than it was. save_every: steps between checkpoints; the
    last is always saved; 0 saves only that one. keep: how many of the newest checkpoints to keep (all). preview: called
    every preview_every steps and at the last, without gradients; torch's global generator is restored after it. stop:
    true, or a reason in words, ends the run after a step; it should judge by the step or by the log alone, as its
    memory is not resumed.
    config: kept in the checkpoints, for `resume_state` to compare. resume_command: told on Ctrl-C.

    Raises NonFiniteLossError or NonFiniteStateError before anything not finite is saved, Interrupted on Ctrl-C once
    the step under way is saved (a second Ctrl-C stops at once), WriteError, NoStepsError, RunExistsError.
    """
    ledger = _Ledger(folder, total, save_every, keep, config)
    try:
        with progress(total, quiet) as bar, interruption(bar) as interrupted:
            for step in steps:
                if ledger.last is None and not ledger.begin(step.index):
                    break
                ledger.log(step)
                bar.show(step.index, step.losses)
                said = _reason(stop, step)  # asked at the last step too: it may keep a record of every checkpoint
                reason = COMPLETED if step.index == total else said
                if preview and preview_every and (step.index % preview_every == 0 or reason):
                    _previewed(preview, step)
                if not (reason or ledger.due(step) or interrupted.is_set()):
                    continue
                ledger.save(step, reason)
                if interrupted.is_set() or (reason and reason != COMPLETED):
                    break
        outcome = ledger.end()
        if interrupted.is_set():
            raise Interrupted(outcome.step, outcome.checkpoints[-1], resume_command)
        return outcome
    except WriteError as error:
        raise type(error)(error.path, error.cause, ledger.intact()) from error
    finally:
        ledger.close()
        if isinstance(steps, Generator):
            steps.close()


def resume_state(folder: Path, config: BaseModel | Mapping[str, Any] | None = None) -> State | None:
    """What the newest complete checkpoint of a run holds, or None where a run was killed before its first.

    config: refused (ResumeMismatchError) unless it is the one that the run was started with. Raises
    NothingToResumeError, and BrokenCheckpointError for damage on disk: an older state is never taken silently.
    """
    if not folder.is_dir():
        raise NothingToResumeError(folder)
    if (folder / "checkpoints").is_dir():
        checkpoint.clean(folder / "checkpoints")  # may put back what a kill left half-swapped
    newest = checkpoint.latest(folder / "checkpoints")
    if newest is None:
        return None
    try:
        tensors, data = checkpoint.load_state(newest)
    except BrokenCheckpointError as error:
        advice = f"To go on from the checkpoint before it, remove the folder {newest}."
        raise BrokenCheckpointError(error.path, error.reason, advice) from error
    _compare(data, config)
    return State(tensors, data["state"])


def _compare(data: Mapping[str, Any], config: BaseModel | Mapping[str, Any] | None) -> None:
    changed = [] if config is None else differences(data["config"] or {}, plain(config))
    if changed:
        raise ResumeMismatchError([f"{name} was {old!r} and is {new!r}" for name, old, new in changed])
    updated = differences(data["versions"], versions())
    if updated:
        warnings.warn(ChangedVersionsWarning(updated), stacklevel=3)


@dataclass
class _Ledger:
    """The run's folder: what is logged and saved, in the order that makes resuming exact."""

    folder: Path
    total: int
    save_every: int
    keep: int | None
    config: BaseModel | Mapping[str, Any] | None
    last: Step | None = None  # the last step logged
    saved: Path | None = None  # the last good checkpoint
    reason: str = COMPLETED
    stray: Path | None = None  # a checkpoint made by Ctrl-C, which an uninterrupted run would not have
    clock: float = field(default_factory=time.perf_counter)

    def __post_init__(self) -> None:
        self.places = self.folder / "checkpoints"
        with writing(self.places):
            self.places.mkdir(parents=True, exist_ok=True)
            for place in (self.folder, self.places):
                checkpoint.clean(place)
        self.events = Events(self.folder / "events.jsonl")
        self.timings = Events(self.folder / "timings.jsonl")
        self.saved = checkpoint.latest(self.places)

    @property
    def step(self) -> int:
        """The last step, logged now or saved before."""
        return self.last.index if self.last else int(self.saved.name) if self.saved else 0

    def begin(self, first: int) -> bool:
        """Make the log end where the steps begin; False if the run was over already."""
        if self.saved and first == 1:
            raise RunExistsError(self.folder)
        assert first == self.step + 1, f"steps start at {first}, but step {self.step} was saved last"
        if self.saved:
            about = checkpoint.read_json(self.saved / "state.json")
            longer = about["reason"] == COMPLETED and self.step < self.total
            if about["reason"] and not longer:
                return False
            self.stray = self.saved if about["interrupted"] else None
        self.events.truncate(self.step)
        logged = max((event["step"] for event in self.events.read()), default=0)
        if logged < self.step:
            warnings.warn(LogGapWarning(self.events.path, logged, self.step), stacklevel=3)
        self._time("resumed" if self.saved else "started", self.step)
        return True

    def log(self, step: Step) -> None:
        """Log a step that is finite."""
        assert step.index == self.step + 1 <= self.total, f"step {step.index} of {self.total} follows step {self.step}"
        wrong = {name: value for name, value in {**step.losses, "lr": step.lr}.items() if not math.isfinite(value)}
        if wrong:
            raise NonFiniteLossError(step.index, wrong, self.saved)
        self.events.append({"step": step.index, "losses": step.losses, "lr": step.lr})
        self.last = step
        self._time("step", step.index)

    def due(self, step: Step) -> bool:
        """Whether a checkpoint belongs after this step."""
        return self.save_every > 0 and step.index % self.save_every == 0

    def save(self, step: Step, reason: str | None) -> None:
        """Save a state that is finite."""
        state = step.state()
        wrong = [name for name, tensor in state.tensors.items() if not torch.isfinite(tensor).all()]
        if wrong:
            raise NonFiniteStateError(step.index, wrong, self.saved)
        config = None if self.config is None else plain(self.config)
        about = {
            "step": step.index,
            "reason": reason,
            "interrupted": not (reason or self.due(step)),
            "config": config,
            "config_hash": checkpoint.hash_json(config),
            "versions": versions(),
        }
        target = checkpoint.numbered(self.places, step.index)
        self.events.sync()  # the log reaches the disk before the checkpoint that relies on it
        checkpoint.save_state(target, state.tensors, {**about, "state": state.data})
        self.saved, self.reason = target, reason or COMPLETED
        self._tidy()
        self._time("saved", step.index)

    def end(self) -> Outcome:
        """The outcome; saves the last step if the steps ended before they were expected to."""
        if self.last and (self.saved is None or int(self.saved.name) < self.last.index):
            self.save(self.last, COMPLETED)
        elif self.last is None:
            self._ended_before()
        self._time("ended", self.step)
        return Outcome(self.step, self.reason, checkpoint.checkpoints(self.places))

    def _ended_before(self) -> None:
        reason = checkpoint.read_json(self.saved / "state.json")["reason"] if self.saved else None
        if not reason:
            raise NoStepsError(self.folder)
        self.reason = reason

    def _tidy(self) -> None:
        if self.stray and self.stray != self.saved:
            checkpoint.remove(self.stray)
            self.stray = None
        if self.keep:
            checkpoint.prune(self.places, self.keep)

    def intact(self) -> str:
        """What a failure to write leaves, in a sentence."""
        if self.saved is None:
            return f"Training stopped at step {self.step}; nothing half-written was left."
        return f"Training stopped at step {self.step}; the checkpoint {self.saved} is complete, so it can be resumed."

    def _time(self, event: str, step: int) -> None:
        now = time.perf_counter()
        self.timings.append({"event": event, "step": step, "seconds": round(now - self.clock, 6)})
        self.clock = now

    def close(self) -> None:
        """Close the logs."""
        self.events.close()
        self.timings.close()


def _reason(stop: Callable[[Step], str | bool | None] | None, step: Step) -> str | None:
    said = stop(step) if stop else None
    return said if isinstance(said, str) else "stopped early" if said else None


def _previewed(preview: Callable[[Step], None], step: Step) -> None:
    cards = list(range(torch.cuda.device_count())) if torch.cuda.is_initialized() else []
    with torch.random.fork_rng(devices=cards), torch.no_grad():
        preview(step)
