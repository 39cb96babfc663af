"""`likewise imagine`: prompts to pictures, and pictures again from their own metadata."""

from pathlib import Path
from typing import Annotated

import typer

from likewise.cli.command import Answer, Command


def imagine(
    prompts: Annotated[
        list[str] | None, typer.Argument(metavar="PROMPT...", help="What to draw; <name> draws a concept.")
    ] = None,
    concept: Annotated[
        list[str] | None, typer.Option(metavar="NAME|DIR", help="A concept beside those the prompt names; repeatable.")
    ] = None,
    backbone: Annotated[
        str, typer.Option(metavar="NAME|DIR|HUB_ID", help="The base model: toybox, a diffusers folder or a hub id.")
    ] = "toybox",
    n: Annotated[int, typer.Option("-n", "--n", min=1, help="Pictures a prompt.")] = 4,
    seed: Annotated[int, typer.Option(help="Seed of the first picture; same seed, same bytes.")] = 0,
    steps: Annotated[int, typer.Option(min=1, help="Denoising steps.")] = 20,
    guidance: Annotated[float, typer.Option(min=1, help="How closely to follow the prompt; 1 is not at all.")] = 5.0,
    negative: Annotated[str, typer.Option(help="What to keep out of the picture.")] = "",
    batch: Annotated[int, typer.Option(min=1, help="Pictures drawn at once: a matter of memory alone.")] = 4,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where the PNG files go.")] = Path("pictures"),
    from_: Annotated[
        Path | None, typer.Option("--from", metavar="PNG", help="Draw a picture again exactly, from its own metadata.")
    ] = None,
) -> Answer:
    """Draw pictures from a prompt, with concepts written as <name>."""
    from likewise import imagine as draw
    from likewise.imagine import from_png

    if (from_ is None) == (not prompts):
        raise typer.BadParameter("give a prompt, or a picture with --from, and not both", param_hint="PROMPT")
    if from_ is not None:
        pictures = from_png(from_, out=out)
    else:
        options = {"backbone": backbone, "n": n, "seed": seed, "steps": steps, "guidance": guidance}
        pictures = draw(prompts, concepts=concept or (), negative=negative, batch=batch, out=out, **options)
    paths = [str(picture.path) for picture in pictures]
    return Answer({"pictures": [{"path": str(p.path), **p.metadata} for p in pictures]}, paths)


COMMANDS = {"imagine": Command(imagine)}
