"""`likewise toybox`: the small world, and the recipe that makes the embedded models from it."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from likewise import registry
from likewise.cli.bar import bar
from likewise.cli.command import Answer, Command, rows
from likewise.toybox.recipe import CONCEPTS, STAGES

World = Annotated[Path, typer.Option(metavar="DIR", help="The folder of the world, made by toybox build.")]
Photos = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Folders of real photos with metadata.jsonl, as style 'photo'.")
]
Device = Annotated[str | None, typer.Option(metavar="cpu|cuda|mps", help="Where to compute.")]
SHOWN = 40  # pictures on the sample sheet


def build(
    world: World = Path("world"),
    photos: Photos = None,
    concepts: Annotated[int, typer.Option(min=60, help="How many things, the best known first.")] = CONCEPTS,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the world.")] = 0,
) -> Answer:
    """Fetch the sprites, pinned and checked, and lay out the world with its held-out lists and a page to browse."""
    from likewise.toybox.build import build as lay_out

    with bar("Building") as progress:
        return _answer(lay_out(world, concepts=concepts, seed=seed, photos=photos, progress=progress))


def learn(
    world: World = Path("world"),
    stage: Annotated[
        str | None, typer.Option(metavar="|".join(STAGES), help="One stage; without it, all in this order.")
    ] = None,
    photos: Photos = None,
    taef2: Annotated[
        Path | None, typer.Option(metavar="DIR", help="A pretrained TAEF2 folder for the decoder to learn from.")
    ] = None,
    weights: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where the pipeline and the towers go; else WORLD/weights.")
    ] = None,
    device: Device = None,
    *,
    settings: Mapping[str, Any],
) -> Answer:
    """Train the tokenizer, towers, autoencoder and U-Net, in stages that go on where they stopped."""
    from likewise import devices
    from likewise.errors import UnknownNameError
    from likewise.settings import build as recipe
    from likewise.toybox.build import opened
    from likewise.toybox.learn import run
    from likewise.toybox.recipe import Recipe
    from likewise.toybox.shop import Shop

    if stage is not None and stage not in STAGES:
        raise UnknownNameError("stage", stage, STAGES)
    chosen, target = recipe(Recipe, settings, "toybox learn"), weights or world / "weights"
    drawn = opened(world, concepts=chosen.concepts, seed=chosen.seed, photos=photos)
    shop = Shop(world, drawn, chosen, devices.choose(device), taef2)
    run(shop, target, stage, lambda line: typer.echo(line, err=True))
    done = [stage] if stage else list(STAGES)
    lines = [f"Done: {', '.join(done)}"]
    if "publish" in done:
        lines.append(f'Try: likewise imagine "a 3d dog on the beach" --backbone {target / "toybox"}')
    return Answer({"stages": done, "world": str(world), "weights": str(target)}, lines)


def evaluate(
    world: World = Path("world"),
    backbone: Annotated[str, typer.Option(metavar="NAME|DIR", help="The pipeline to measure.")] = "toybox",
    count: Annotated[int, typer.Option(min=8, max=200, help="Held-out compositions to draw.")] = 200,
    steps: Annotated[int, typer.Option(min=1, help="Denoising steps a picture.")] = 20,
    guidance: Annotated[float, typer.Option(min=1, help="Classifier-free guidance; 1 is none.")] = 7.0,
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Where evaluation.json and sheet.png go; must be new.")
    ] = Path("evaluation"),
    device: Device = None,
) -> Answer:
    """Measure the models on prompts that training never saw, with intervals, and draw a sample sheet."""
    from likewise import checkpoint, devices, encoders, images
    from likewise.diffusion import load
    from likewise.toybox.build import opened
    from likewise.toybox.evaluate import evaluate as measure

    drawn, chosen = opened(world), devices.choose(device)
    with bar("Drawing") as progress, checkpoint.new_folder(out) as folder:
        how = {"count": count, "steps": steps, "guidance": guidance, "cache": world, "progress": progress}
        report, pictures, asked = measure(drawn, load(backbone).to(chosen.kind), encoders.load(), **how)
        checkpoint.write_json(folder / "evaluation.json", report)
        sheet = images.sheet(pictures[:SHOWN], [one.prompt for one in asked[:SHOWN]], columns=8)
        images.write_png(folder / "sheet.png", sheet)
    return Answer({**report, "folder": str(out)}, [*figures(report), f"Pictures: {out / 'sheet.png'}"])


def info() -> Answer:
    """Say where the embedded pipeline is and how well it was measured to draw."""
    from likewise.toybox.info import info as read

    facts = read()
    table = [("pipeline", facts["folder"]), ("towers", facts["towers"]), ("hash", facts["hash"])]
    table += [
        (name, f"{part['parameters'] / 1e6:.1f} M, {part['megabytes']} MB") for name, part in facts["parts"].items()
    ]
    table += [(name.replace("_", " "), value) for name, value in facts["facts"].items()]
    return Answer(facts, [*rows(table), "", *figures(facts["quality"] or {}), facts["note"]])


def figures(report: Mapping[str, Any], *, within: str = "") -> list[str]:
    """A report's figures as lines: 'held out compositions, style: 0.91 (0.86 to 0.94, of 200)'."""
    return [f"{name}: {text}" for name, text in _flat(report, within)]


def _flat(report: Mapping[str, Any], within: str) -> Iterator[tuple[str, str]]:
    for key, value in report.items():
        name = f"{within}, {key}".removeprefix(", ").replace("_", " ")
        if isinstance(value, Mapping) and {"value", "low", "high"} <= value.keys():
            yield name, f"{value['value']:.3g} ({value['low']:.3g} to {value['high']:.3g}, of {value['count']})"
        elif isinstance(value, Mapping):
            yield from _flat(value, name)
        else:
            yield name, f"{value:.3g}" if isinstance(value, float) else str(value)


def _answer(facts: Mapping[str, Any]) -> Answer:
    return Answer(facts, rows(facts.items()))


COMMANDS = {
    "build": Command(build, measured=True),
    "learn": Command(learn, lambda known: registry.resolve(registry.RECIPE), measured=True),
    "evaluate": Command(evaluate, measured=True),
    "info": Command(info),
}
