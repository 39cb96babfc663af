"""`likewise verdict`: which checkpoint of a run to keep, and why."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from likewise import registry
from likewise.cli.command import Answer, Command


def verdict(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder that teach wrote.")],
    backbone: Annotated[
        str | None, typer.Option(metavar="NAME|DIR|HUB_ID", help="The run's base model, if it lies elsewhere now.")
    ] = None,
    photos: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Compare with these photos, such as some held out.")
    ] = None,
    *,
    settings: Mapping[str, Any],
) -> Answer:
    """Judge every checkpoint of a run and choose the one to keep."""
    from likewise import imageset
    from likewise.verdict import verdict as judge

    others = imageset.load(photos, captions=False).images() if photos else None
    found = judge(run, backbone=backbone, photos=others, **settings)
    return Answer(found.as_json(), [*found.sentences, f"Report: {found.report}"])


COMMANDS = {"verdict": Command(verdict, lambda known: registry.resolve(registry.VERDICT), measured=True)}
