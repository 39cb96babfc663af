"""`likewise demo`: the whole loop, once, on a mascot that no training has seen."""

from pathlib import Path
from typing import Annotated

import typer

from likewise.cli.command import Answer, Command


def demo(
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Where the run, the pictures and the report go.")
    ] = Path("likewise-demo"),
    seed: Annotated[int, typer.Option(help="Seed of every random choice.")] = 0,
) -> Answer:
    """Teach a bundled mascot, judge it, draw it in new scenes."""
    from likewise import demo as loop

    return Answer(*loop.run(out, seed=seed))


COMMANDS = {"demo": Command(demo)}
