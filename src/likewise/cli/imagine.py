"""`likewise imagine`: prompts to pictures, and pictures again from their own metadata."""

from collections.abc import Collection
from pathlib import Path
from typing import Annotated, Any

import typer

from likewise.cli.bar import bar
from likewise.cli.command import Answer, Command

REPEATING = {"from_", "concept", "backbone", "out", "device"}  # what --from leaves to choose


def imagine(
    prompts: Annotated[
        list[str] | None, typer.Argument(metavar="PROMPT...", help="What to draw; <name> draws a concept.")
    ] = None,
    concept: Annotated[list[str] | None, typer.Option(metavar="NAME|DIR", help="A concept for every picture.")] = None,
    backbone: Annotated[
        str | None, typer.Option(metavar="NAME|DIR|HUB_ID", help="The base model, if it is not toybox.")
    ] = None,
    n: Annotated[int, typer.Option("-n", "--n", min=1, help="Pictures a prompt.")] = 4,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the first picture; the next has the next seed.")] = 0,
    steps: Annotated[int, typer.Option(min=1, help="Denoising steps.")] = 20,
    guidance: Annotated[float, typer.Option(min=0, help="How closely to follow the prompt; 1 adds nothing.")] = 5.0,
    negative: Annotated[str, typer.Option(help="What to keep out of the picture.")] = "",
    scheduler: Annotated[str, typer.Option(help="How noise is taken away, by diffusers' schedulers.")] = "dpmsolver++",
    size: Annotated[int | None, typer.Option(min=1, help="Pixels a side; without it, the model's own.")] = None,
    batch: Annotated[int, typer.Option(min=1, help="Pictures a call; fewer: less memory, other last bits.")] = 4,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where the PNG files and the sheet go.")] = Path("pictures"),
    device: Annotated[str | None, typer.Option(metavar="cpu|cuda|mps", help="Where to compute.")] = None,
    from_: Annotated[
        Path | None, typer.Option("--from", metavar="PNG", help="Draw a picture again exactly, from its own metadata.")
    ] = None,
    *,
    given: Collection[str],
) -> Answer:
    """Draw pictures from a prompt, with concepts written as <name>."""
    _refuse_both(given)
    from likewise.imagine import from_png
    from likewise.imagine import imagine as draw

    shared: dict[str, Any] = {"concepts": concept or (), "out": out, "device": device}
    with bar("Drawing") as progress:
        if from_ is not None:
            pictures = from_png(from_, backbone=backbone, progress=progress, **shared)
        else:
            how = {"steps": steps, "guidance": guidance, "negative": negative, "scheduler": scheduler, "size": size}
            how |= {"backbone": backbone or "toybox", "n": n, "seed": seed, "batch": batch}
            pictures = draw(prompts or [], progress=progress, **how, **shared)
    data = {"folder": str(out), "pictures": [{"path": str(one.path), **one.metadata} for one in pictures]}
    return Answer(data, [str(one.path) for one in pictures])


def _refuse_both(given: Collection[str]) -> None:
    if "from_" not in given and "prompts" not in given:
        raise typer.BadParameter("give a prompt, or a picture with --from", param_hint="PROMPT")
    idle = sorted(set(given) - REPEATING) if "from_" in given else []
    if idle:
        name = "a prompt" if "prompts" in idle else f"--{idle[0]}"
        raise typer.BadParameter(f"the picture's own settings are used, so {name} has no place", param_hint="--from")


COMMANDS = {"imagine": Command(imagine, measured=True)}
