"""`likewise toybox`: the small world, and the recipe that makes the embedded models from it."""

from pathlib import Path
from typing import Annotated, Any

import typer

from likewise.cli.command import Answer, Command, rows

World = Annotated[Path, typer.Option(metavar="DIR", help="The folder of the world.")]
Seed = Annotated[int, typer.Option(min=0, help="Seed of every random choice.")]


def build(world: World = Path("world"), seed: Seed = 0) -> Answer:
    """Fetch the sprites, pinned and checked, and lay out the world with its held-out lists and a contact sheet."""
    from likewise.toybox.build import build as lay_out

    return _answer(lay_out(world, seed=seed))


def learn(
    world: World = Path("world"),
    out: Annotated[Path, typer.Option(metavar="DIR", help="The folder of the models; learning goes on there.")] = Path(
        "toybox"
    ),
    stage: Annotated[
        str, typer.Option(metavar="all|tokenizer|towers|autoencoder|unet", help="What to learn.")
    ] = "all",
    seed: Seed = 0,
) -> Answer:
    """Train the tokenizer, towers, autoencoder and U-Net, in stages that resume."""
    from likewise.toybox.learn import learn as train

    return _answer(train(world, out, stage=stage, seed=seed))


def evaluate(
    world: World = Path("world"),
    model: Annotated[str, typer.Option(metavar="NAME|DIR", help="The pipeline to measure.")] = "toybox",
    seed: Seed = 0,
) -> Answer:
    """Measure the models on prompts that training never saw, with intervals, and draw a sample sheet."""
    from likewise.toybox.evaluate import evaluate as measure

    return _answer(measure(world, model=model, seed=seed))


def info() -> Answer:
    """Say where the embedded pipeline is and how well it was measured to draw."""
    from likewise.toybox.info import info as read

    return _answer(read())


def _answer(facts: dict[str, Any]) -> Answer:
    return Answer(facts, rows(facts.items()) if facts else [])


COMMANDS = {
    "build": Command(build, measured=True),
    "learn": Command(learn, measured=True),
    "evaluate": Command(evaluate, measured=True),
    "info": Command(info),
}
