"""`likewise demo`: the whole loop, once, on a mascot that no training has seen."""

import sys
import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from likewise.cli.command import Answer, Command


def demo(
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Where the run, the pictures and the report go: new, unless --resume.")
    ] = Path("likewise-demo"),
    seed: Annotated[int, typer.Option(min=0, help="Seed of every random choice.")] = 0,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the demo in --out where it stopped.")] = False,
    device: Annotated[str | None, typer.Option(metavar="cpu|cuda|mps", help="Where to compute.")] = None,
    open_: Annotated[bool, typer.Option("--open", help="Open the report in a browser, at a terminal.")] = False,
) -> Answer:
    """Teach a bundled mascot, judge it, draw it in new scenes."""
    from likewise import demo as loop

    shown = loop.run(out, seed=seed, resume=resume, device=device)
    if open_ and sys.stderr.isatty():
        webbrowser.open(shown.report.resolve().as_uri())
    return Answer(shown.data, shown.lines())


COMMANDS = {"demo": Command(demo, measured=True)}
