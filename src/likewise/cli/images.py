"""`likewise images`: look at photos before they are learned from."""

from pathlib import Path
from typing import Annotated

import typer

from likewise.cli.command import Answer, Command


def check(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder of photos.")],
    recursive: Annotated[bool, typer.Option("--recursive", help="Look into the folders inside as well.")] = False,
    size: Annotated[int, typer.Option(min=1, help="Side in pixels of the pictures that the model draws.")] = 128,
) -> Answer:
    """Explain a folder photo by photo: usable or why not, near duplicates, blur, small size."""
    from likewise.imageset import checking

    rows = checking.check(folder, size=size, recursive=recursive)
    lines = [*checking.as_table(rows).splitlines(), checking.summary(rows)]
    return Answer({"folder": str(folder), **checking.as_json(rows)}, lines)


COMMANDS = {"check": Command(check)}
