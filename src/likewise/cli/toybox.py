"""`likewise toybox`: the small world, and the recipe that makes the embedded models from it."""

from pathlib import Path
from typing import Annotated

import typer

from likewise.cli.command import Answer, Command, rows

World = Annotated[Path, typer.Option(metavar="DIR", help="The folder of the world: sprites, lists, contact sheet.")]


def info() -> Answer:
    """Say where the embedded pipeline is and how well it was measured to draw."""
    from likewise.toybox.info import info as read

    data = read()
    return Answer(data, rows((key, value) for key, value in data.items()))


COMMANDS = {"info": Command(info)}
