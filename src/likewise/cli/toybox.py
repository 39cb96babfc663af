"""`likewise toybox`: the small world, and the recipe that makes the embedded models from it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from likewise import registry
from likewise.cli.bar import bar
from likewise.cli.command import Answer, Command, rows

World = Annotated[Path, typer.Option(metavar="DIR", help="The folder of the world, made by toybox build.")]
Photos = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Folders of real photos with metadata.jsonl, as style 'photo'.")
]
Device = Annotated[str | None, typer.Option(metavar="cpu|cuda|mps", help="Where to compute.")]


def build(
    world: World = Path("world"),
    concepts: Annotated[int | None, typer.Option(min=60, help="How many things; without it, all.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the world.")] = 0,
) -> Answer:
    """Fetch the sprites, pinned and checked, and lay out the world with its held-out lists and a contact sheet."""
    from likewise.toybox.build import build as lay_out

    return _answer(lay_out(world, seed=seed, limit=concepts))


def learn(
    world: World = Path("world"),
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where the finished pipeline and towers go.")] = Path(
        "weights"
    ),
    stage: Annotated[
        str | None,
        typer.Option(metavar="pictures|tokenizer|towers|autoencoder|unet|publish", help="One stage; without it, all."),
    ] = None,
    photos: Photos = None,
    taef2: Annotated[
        Path | None, typer.Option(metavar="DIR", help="A pretrained TAEF2 folder for the decoder to learn from.")
    ] = None,
    device: Device = None,
    *,
    settings: Mapping[str, Any],
) -> Answer:
    """Train the tokenizer, towers, autoencoder and U-Net, in stages that resume."""
    from likewise import devices
    from likewise.errors import UnknownNameError
    from likewise.settings import build as recipe
    from likewise.toybox.learn import run
    from likewise.toybox.recipe import STAGES, Recipe
    from likewise.toybox.shop import Shop
    from likewise.toybox.world import open_world

    if stage is not None and stage not in STAGES:
        raise UnknownNameError("stage", stage, STAGES)
    chosen = recipe(Recipe, settings, "toybox learn")
    drawn = open_world(world, chosen.seed, chosen.concepts, photos)
    run(Shop(world, drawn, chosen, devices.choose(device), taef2), out, stage, lambda line: typer.echo(line, err=True))
    return Answer({"stages": [stage] if stage else list(STAGES), "weights": str(out)}, [f"Done: {out}"])


def evaluate(
    world: World = Path("world"),
    model: Annotated[str, typer.Option(metavar="NAME|DIR", help="The pipeline to measure.")] = "toybox",
    concepts: Annotated[int | None, typer.Option(min=60, help="As many things as the model was trained on.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the world.")] = 0,
    count: Annotated[int, typer.Option(min=8, help="Held-out compositions to draw.")] = 200,
    steps: Annotated[int, typer.Option(min=1, help="Denoising steps a picture.")] = 20,
    guidance: Annotated[float, typer.Option(min=1, help="Classifier-free guidance; 1 is none.")] = 4.0,
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Where report.json and the sample sheet go; must be new.")
    ] = Path("evaluation"),
    device: Device = None,
) -> Answer:
    """Measure the models on prompts that training never saw, with intervals, and draw a sample sheet."""
    from likewise import checkpoint, devices, encoders, images
    from likewise.diffusion import load
    from likewise.toybox.evaluate import evaluate as measure
    from likewise.toybox.world import open_world

    backbone = load(model).to(devices.choose(device).kind)
    how = {"count": count, "steps": steps, "guidance": guidance}
    with bar("Drawing") as progress, checkpoint.new_folder(out) as folder:
        drawn = open_world(world, seed, concepts)
        report, pictures, asked = measure(drawn, backbone, encoders.load(), progress=progress, **how)
        checkpoint.write_json(folder / "report.json", report)
        labels = [f"{one.style} {one.name}, {one.background}" for one in asked[:40]]
        images.write_png(folder / "sheet.png", images.sheet(pictures[:40], labels, columns=8))
    return _answer({**report, "folder": str(out)})


def info() -> Answer:
    """Say where the embedded pipeline is and how well it was measured to draw."""
    from likewise.toybox.info import info as read

    return _answer(read())


def _answer(facts: Mapping[str, Any]) -> Answer:
    return Answer(facts, rows(facts.items()) if facts else [])


COMMANDS = {
    "build": Command(build, measured=True),
    "learn": Command(learn, lambda known: registry.resolve(registry.RECIPE), measured=True),
    "evaluate": Command(evaluate, measured=True),
    "info": Command(info),
}
