"""`likewise verdict`: which checkpoint of a run to keep, and why."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from likewise import registry
from likewise.cli.command import Answer, Command


def verdict(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder that teach wrote.")],
    *,
    settings: Mapping[str, Any],
) -> Answer:
    """Judge every checkpoint of a run and choose the one to keep."""
    from likewise.verdict import verdict as judge

    found = judge(run, **settings)
    return Answer(found.as_json(), [found.why, f"Report: {run / 'report.html'}"])


COMMANDS = {"verdict": Command(verdict, lambda known: registry.resolve(registry.VERDICT), measured=True)}
