"""`likewise images`: look at photos before they are learned from."""

from pathlib import Path
from typing import Annotated

import typer

from likewise.cli.command import Answer, Command


def check(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder of photos.")],
) -> Answer:
    """Explain a folder photo by photo: usable or why not, near duplicates, blur, small size."""
    from likewise import imageset

    rows = imageset.check(folder)
    return Answer({"rows": rows}, rows)


COMMANDS = {"check": Command(check)}
