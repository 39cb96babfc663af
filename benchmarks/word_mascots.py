"""One word, or a word and weights, for things never seen: how near each comes, beside weights alone.

    likewise toybox build --out world        # once; any folder
    python benchmarks/word_mascots.py [--world world] [--count 12] [--only N] [--jobs 1] [--methods pivotal]

The mascots, photos and measures of `teach_mascots.py`, with the same seeds, so that its figures stand beside: closed is
the share of the way from the base model's "a NOUN" to the photos' own likeness, by EfficientNet-lite0;
prompts is how well pictures fit their prompts, as a share of what the base model's do. both: the harmonic mean of the
two, 0 where nothing was closed.

Resumable: one file a mascot and method in results/word_mascots/, runs in runs/benchmarks/. Writes
results/word_mascots.json and results/word_mascots.md, with bootstrap intervals over mascots, differences paired.
"""

import argparse
from collections.abc import Callable, Mapping
from functools import partial
from operator import itemgetter
from pathlib import Path

import numpy as np
from bookkeeping import RESULTS, WORK, collect, folder_or_none, interval, run_each
from teach_mascots import EVALUATION, PHOTOS, PX, QUIET, alike, closed

from likewise import checkpoint, encoders, images, load
from likewise.metrics.intervals import bootstrap, paired
from likewise.teach import teach
from likewise.toybox.build import opened
from likewise.toybox.concepts import MASCOTS, STYLES
from likewise.verdict import runs
from likewise.verdict.draw import drawings
from likewise.verdict.scores import Judge

METHODS = ("textual-inversion", "pivotal")
WEIGHTS = "dreambooth"  # its figures are teach_mascots.py's


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--world", type=Path, help="a folder that `likewise toybox build` filled; default: world")
    asked.add_argument("--count", type=int, default=12, help="mascots in all")
    asked.add_argument("--only", type=int, help="do only number N, from 0")
    asked.add_argument("--jobs", type=int, default=1, help="mascots at the same time")
    asked.add_argument("--methods", default=",".join(METHODS), help="which to do; all that were done are reported")
    given = asked.parse_args()
    world = folder_or_none(given.world or Path("world"), given.world is not None, "run `likewise toybox build`")
    numbers = [given.only] if given.only is not None else range(given.count)
    for method in given.methods.split(",") if world else ():
        run_each(partial(one, world, method), numbers, given.jobs)
    collect("word_mascots", summarised, table)


def one(world_folder: Path, method: str, number: int) -> str:
    """Teach and measure mascot `number`, unless that was done; a line about it."""
    mascot, style = MASCOTS[number % len(MASCOTS)], STYLES[number % len(STYLES)]
    stem = f"{number:02d}-{mascot.name.replace(' ', '-')}-{style}"
    path = RESULTS / "word_mascots" / f"{method}-{stem}.json"
    if not path.exists():
        place = WORK / f"{method}-{stem}"
        found = measured(world_folder, mascot.name, style, mascot.category, place, method)
        checkpoint.write_json(path, {"method": method, "number": number, "style": style, **found})
    found = checkpoint.read_json(path)
    return f"{path.stem}: closed {closed(found):.0%}, prompts {found['prompt']:.0%}, chose step {found['step']}"


def measured(world_folder: Path, name: str, style: str, noun: str, place: Path, method: str) -> dict[str, object]:
    """All figures of one mascot by one method."""
    world = opened(world_folder)
    pictures = [world.draw(world.portrait(name, style, index), PX) for index in range(2 * PHOTOS)]
    if not (place / "photos").is_dir():
        for index, picture in enumerate(pictures[:PHOTOS]):
            images.write_png(place / "photos" / f"{index}.png", picture)
    backbone, run = load(), place / "run"
    resume = (run / "config.json").is_file()
    how = {**QUIET, "method": method, "verdict": True, "resume": resume}
    teach(place / "photos", noun, name="mascot", backbone=backbone, out=run, **how)
    step, about = checkpoint.read_json(run / "verdict.json")["step"], runs.read(run)
    drawn = list(drawings(backbone, about, [checkpoint.numbered(run / "checkpoints", step)], EVALUATION))
    held = [images.cover(one, backbone.facts.image_size) for one in pictures[PHOTOS:]]
    judge = Judge(held, about.meant(EVALUATION.prompts), encoders.load(), encoders.load("toybox"))
    base, kept = (judge.measure(each, drawn[0]) for each in drawn)
    assert base.prompt is not None and kept.prompt is not None
    shown = [image for each in drawn for image in each.subject[:: EVALUATION.images]]
    small = [images.cover(image, shown[0].width) for image in pictures[: len(EVALUATION.prompts)]]
    images.write_png(place / "sheet.png", images.sheet([*small, *shown], columns=len(small)))
    return {
        "mascot": name,
        "step": step,
        "floor": float(base.plain.mean()),
        "taught": float(kept.likeness.mean()),
        "ceiling": alike(encoders.load(), pictures[:PHOTOS], held, backbone.facts.image_size),
        "prompt": float(kept.prompt.mean() / base.prompt.mean()),
    }


def both(found: dict) -> float:
    """The harmonic mean of what was closed and of the prompts kept."""
    gained, kept = max(0.0, closed(found)), max(0.0, min(1.0, found["prompt"]))
    return 2 * gained * kept / (gained + kept) if gained + kept else 0.0


FIGURES: Mapping[str, Callable[[dict], float]] = {"closed": closed, "prompt": itemgetter("prompt"), "both": both}


def by_method(done: list[dict]) -> dict[str, dict[int, dict]]:
    """Method, number, figures; with teach_mascots.py's of the same mascots."""
    found: dict[str, dict[int, dict]] = {}
    for each in done:
        found.setdefault(each["method"], {})[each["number"]] = each
    numbers = {each["number"] for each in done}
    weights = sorted((RESULTS / "teach_mascots").glob("*.json"))
    return found | {WEIGHTS: {n: checkpoint.read_json(weights[n]) for n in sorted(numbers) if n < len(weights)}}


def summarised(done: list[dict]) -> dict[str, object]:
    """A method's means over mascots with bootstrap intervals; pivotal less each other one paired within mascots."""
    found = by_method(done)
    told: dict[str, object] = {}
    for method, each in found.items():
        told[method] = {
            "mascots": len(each),
            **{name: interval(bootstrap([figure(one) for one in each.values()])) for name, figure in FIGURES.items()},
        }
    for other in (WEIGHTS, METHODS[0]) if METHODS[1] in found else ():
        shared = sorted(found[METHODS[1]].keys() & found.get(other, {}).keys())
        if shared:
            rows = [[found[method][n] for n in shared] for method in (METHODS[1], other)]
            told[f"pivotal less {other}"] = {
                name: interval(paired(*(np.array([figure(one) for one in each]) for each in rows)))
                for name, figure in FIGURES.items()
            }
    return told


def table(done: list[dict], summary: dict) -> str:
    """Markdown: a row a mascot, closed and prompts of each method, then the means."""
    found = by_method(done)
    head = ["mascot", "style", *(f"{method}: closed, prompts" for method in found)]
    rows = [head, ["---"] * len(head)]
    for number in sorted({each["number"] for each in done}):
        named = next(each[number] for each in found.values() if number in each)
        cells = [
            f"{closed(each[number]):.0%}, {each[number]['prompt']:.0%}" if number in each else ""
            for each in found.values()
        ]
        rows.append([named["mascot"], named["style"], *cells])
    text = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    means = []
    for name, told in summary.items():
        parts = {f"{name}, {key}": part for key, part in told.items() if key != "mascots"}
        means += [f"- {key}: {one['value']:.3f} ({one['low']:.3f} to {one['high']:.3f})" for key, one in parts.items()]
    return f"{text}\n\nMeans, 95 % bootstrap intervals:\n\n" + "\n".join(means) + "\n"


if __name__ == "__main__":
    main()
