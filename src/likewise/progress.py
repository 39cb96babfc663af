"""What a person at a terminal sees of a training, and can do to it: a bar on standard error, and Ctrl-C."""

import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn


@dataclass(frozen=True)
class Bar:
    """A progress bar of one task."""

    progress: Progress
    task: TaskID

    def show(self, step: int, losses: Mapping[str, float]) -> None:
        """Move to a step, from 1, and show its losses."""
        text = "  ".join(f"{name} {value:.4g}" for name, value in losses.items())
        self.progress.update(self.task, completed=step, losses=text)

    def say(self, text: str) -> None:
        """Say what is going on."""
        self.progress.update(self.task, description=text)

    def answer(self, text: str) -> None:
        """Say something to a person who asked for it, where no bar is shown too."""
        self.say(text)
        if self.progress.disable:
            self.progress.console.print(text)


@contextmanager
def progress(total: int, quiet: bool) -> Iterator[Bar]:
    """A bar of `total` steps; quiet shows none."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[losses]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), disable=quiet) as shown:
        yield Bar(shown, shown.add_task("Training", total=total, losses=""))


@contextmanager
def interruption(bar: Bar) -> Iterator[threading.Event]:
    """Within this scope the first Ctrl-C only sets the event, so that no step is torn in two; a second acts at once."""
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():  # there Python delivers no signals
        yield asked
        return
    before = signal.getsignal(signal.SIGINT) or signal.SIG_DFL

    def ask(*_: object) -> None:
        asked.set()
        signal.signal(signal.SIGINT, before)
        bar.answer("Stopping after this step; Ctrl-C again stops at once")

    signal.signal(signal.SIGINT, ask)
    try:
        yield asked
    finally:
        signal.signal(signal.SIGINT, before)
