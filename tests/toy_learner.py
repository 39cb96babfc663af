"""A learner that takes a millisecond a step, and a program that kills it: python toy_learner.py FOLDER.

The program imports torch once and forks a child for every training, kills the child with SIGKILL at a chosen moment,
and forks another that resumes, until one gets to the end. Folders: straight (never killed), and one a moment.
"""

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from torch.nn import functional

from likewise import checkpoint, disk, seeds, training
from likewise.training import State, Step

TOTAL, SAVE_EVERY, CONFIG = 23, 4, {"lr": 0.05, "seed": 3}


def learn(total: int = TOTAL, resume: State | None = None, seed: int = CONFIG["seed"]) -> Iterator[Step]:
    """Fit a small layer to noise with AdamW; every step draws from a stream of its own."""
    weight = seeds.randn((8, 8), seed, "start").requires_grad_()
    optimiser = torch.optim.AdamW([weight], lr=CONFIG["lr"])
    done = 0
    if resume:
        done = resume.data["step"]
        weight.data.copy_(resume.tensors["weight"])
        moments = {name: resume.tensors[name].clone() for name in ("exp_avg", "exp_avg_sq")}
        optimiser.state[weight] = {"step": torch.tensor(float(done)), **moments}
    for index in range(done + 1, total + 1):
        optimiser.param_groups[0]["lr"] = lr = CONFIG["lr"] * (1 - (index - 1) / total)
        inputs = torch.randn(16, 8, generator=seeds.stream(seed, "batch", index))
        loss = functional.mse_loss(inputs @ weight, inputs.tanh())
        loss.backward()
        optimiser.step()
        optimiser.zero_grad()

        def state(index: int = index) -> State:
            kept = optimiser.state[weight]
            tensors = {"weight": weight.detach(), "exp_avg": kept["exp_avg"], "exp_avg_sq": kept["exp_avg_sq"]}
            return State(tensors, {"step": index})

        yield Step(index, {"loss": loss.item()}, lr, state)


def run(folder: Path, steps: Iterator[Step], **options) -> training.Outcome:
    """Train by any steps, with the options of the toy."""
    options = {"total": TOTAL, "save_every": SAVE_EVERY, "quiet": True, "config": CONFIG, **options}
    return training.run(steps, folder=folder, **options)


def go_on(folder: Path, **options) -> training.Outcome:
    """Start or resume the training in a folder."""
    resume = training.resume_state(folder, CONFIG) if folder.exists() else None
    return run(folder, learn(options.get("total", TOTAL), resume), **options)


def results(folder: Path) -> dict[str, bytes]:
    """All that a run leaves, but for the times."""
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return {name: data for name, data in files.items() if name != "timings.jsonl"}


def names(folder: Path) -> list[str]:
    """The names of a run's checkpoints, oldest first."""
    return [path.name for path in checkpoint.checkpoints(folder / "checkpoints")]


def child(folder: Path, moment: str | int | None, started: int) -> None:
    """Train. At a named moment stand still; at a step's number go on. Either way the parent is told, and kills."""

    def stall(*_: object) -> None:
        os.write(started, b"x")
        time.sleep(600)

    def half_the_tensors(temp: Path) -> None:
        path = temp / "state.safetensors"
        path.write_bytes(path.read_bytes()[:100])
        stall()

    def half_a_line(ledger: training._Ledger, _: Step) -> None:
        with ledger.events.path.open("ab") as file:
            file.write(b'{"step": 3, "los')
        stall()

    def tell(step: Step) -> None:
        if step.index == moment:
            os.write(started, b"x")

    before_the_second(checkpoint, "write_manifest", half_the_tensors if moment == "half the tensors" else None)
    before_the_second(disk, "_swap", stall if moment == "all written, not renamed" else None)
    before_the_second(training._Ledger, "_tidy", stall if moment == "renamed, not logged" else None)
    before_the_second(training._Ledger, "due", half_a_line if moment == "half a line" else None)
    go_on(folder, preview=tell, preview_every=1)


def before_the_second(owner: object, name: str, act: Callable[..., None] | None) -> None:
    """Make a function act before it is called for the second time."""
    real, calls = getattr(owner, name), []

    def wrapped(*arguments: object) -> object:
        calls.append(arguments)
        if act and len(calls) == 2:
            act(*arguments)
        return real(*arguments)

    setattr(owner, name, wrapped)


def fork(folder: Path, moment: str | int | None) -> bool:
    """Train in a child of this process, killed at the moment; whether it got to the end."""
    listen, started = os.pipe()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            child(folder, moment, started)
            code = 0
        finally:
            os._exit(code)
    os.close(started)
    if moment is not None:
        os.read(listen, 1)
        os.kill(pid, signal.SIGKILL)
    os.close(listen)
    return os.waitpid(pid, 0)[1] == 0


def warm_up() -> None:
    """Import what torch's optimisers import when first used; no gradients, as those would not survive a fork."""
    parameter = torch.zeros(1, requires_grad=True)
    parameter.grad = torch.zeros(1)
    torch.optim.AdamW([parameter]).step()


def main(parent: Path) -> None:
    """Train in one folder straight, and in the others with a kill at every moment named."""
    torch.set_num_threads(1)
    warm_up()
    assert fork(parent / "straight", None)
    moments = ["half the tensors", "all written, not renamed", "renamed, not logged", "half a line", 1, 7, 12]
    killed = {}
    for number, moment in enumerate(moments):
        folder = parent / f"killed{number}"
        killed[folder.name] = [moment, not fork(folder, moment), sorted(p.name for p in folder.rglob(".likewise-*"))]
        assert fork(folder, None), f"resuming after {moment} failed"
    (parent / "killed.json").write_text(json.dumps(killed))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
