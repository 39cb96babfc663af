"""`likewise verdict`: which checkpoint of a run to keep, and why."""

from pathlib import Path
from typing import Annotated

import typer

from likewise.cli.command import Answer, Command


def verdict(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder that teach wrote.")],
) -> Answer:
    """Judge every checkpoint of a run and choose the one to keep."""
    from likewise.verdict import verdict as judge

    found = judge(run)
    return Answer(found.data, [found.why, f"Report: {run / 'report.html'}"])


COMMANDS = {"verdict": Command(verdict)}
