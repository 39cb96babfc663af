"""Does the verdict choose well? Its checkpoint against the best possible one, the last, and the one of lowest loss.

    likewise toybox build --out world        # once; any folder
    python benchmarks/verdict_choice.py [--world world] [--mascots 12] [--only N] [--jobs 1] [--steps N]

Each mascot (things that the embedded models never saw) is taught from five pictures in two ways: with the defaults, and
three times as fast for half as many steps more, so that some runs go too far. The verdict chooses with its defaults.
Then every checkpoint is measured anew: likeness on five photos held out, prompts and seeds that no choice was made on.

- value: (gain x fidelity)^(1/2) of a checkpoint, shares as in likewise.verdict.gauge, on the held-out photos
- best: the checkpoint of the largest value, which nobody can know in advance; kept: value chosen / value best
- last; lowest loss: the checkpoint before which the mean training loss on the photos was lowest

Resumable: one file a run in results/verdict_choice/, runs in runs/benchmarks/. Writes results/verdict_choice.json and
results/verdict_choice.md, with intervals over runs, differences paired.
"""

import argparse
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from bookkeeping import RESULTS, WORK, collect, folder_or_none, interval, run_each
from teach_mascots import PHOTOS, PX, QUIET

from likewise import checkpoint, encoders, images, load
from likewise.metrics.intervals import bootstrap, paired
from likewise.records import Events
from likewise.teach import teach
from likewise.toybox.build import opened
from likewise.toybox.concepts import MASCOTS, STYLES
from likewise.verdict import Config, runs
from likewise.verdict.draw import drawings
from likewise.verdict.gauge import gauge
from likewise.verdict.scores import Judge

PLACES = ("on the road", "on the grass", "in the desert", "in the city", "in the mountains", "on a blue background")
EVALUATION = Config(
    seed=1, images=4, class_images=4, checkpoints=99, prompts=tuple(f"{{subject}} {place}" for place in PLACES)
)
WAYS = {"plain": {}, "fast": {"lr": 3e-3, "steps": 900}}  # the defaults are 1e-3 and 600
OTHERS = ("last", "lowest_loss")


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--world", type=Path, help="a folder that `likewise toybox build` filled; default: world")
    asked.add_argument("--mascots", type=int, default=12, help="mascots, of two runs each")
    asked.add_argument("--only", type=int, help="do only run N, from 0")
    asked.add_argument("--jobs", type=int, default=1, help="runs at the same time")
    asked.add_argument("--steps", type=int, help="steps of every run, to try this script out")
    given = asked.parse_args()
    world = folder_or_none(given.world or Path("world"), given.world is not None, "run `likewise toybox build`")
    numbers = [given.only] if given.only is not None else range(len(WAYS) * given.mascots)
    if world:
        run_each(partial(one, world, given.steps), numbers, given.jobs)
    collect("verdict_choice", summarised, table)


def one(world: Path, steps: int | None, number: int) -> str:
    """Teach and measure run `number`, unless that was done; a line about it."""
    (way, options), index = list(WAYS.items())[number % len(WAYS)], number // len(WAYS)
    mascot, style = MASCOTS[index % len(MASCOTS)], STYLES[index % len(STYLES)]
    path = RESULTS / "verdict_choice" / f"{number:02d}-{mascot.name.replace(' ', '-')}-{style}-{way}.json"
    if not path.exists():
        options = {**options, "steps": steps} if steps else options
        found = measured(world, mascot.name, style, mascot.category, WORK / f"choice-{path.stem}", options)
        checkpoint.write_json(path, {"mascot": mascot.name, "style": style, "way": way, **found})
    found = checkpoint.read_json(path)
    return f"{path.stem}: chose {found['chosen']}, best {found['best']}, kept {kept(found):.0%} of its value"


def measured(world: Path, name: str, style: str, noun: str, place: Path, options: dict) -> dict[str, object]:
    """What every checkpoint of one run is worth, and which one each rule takes."""
    drawn_from = opened(world)
    pictures = [drawn_from.draw(drawn_from.portrait(name, style, index), PX) for index in range(2 * PHOTOS)]
    if not (place / "photos").is_dir():
        for index, picture in enumerate(pictures[:PHOTOS]):
            images.write_png(place / "photos" / f"{index}.png", picture)
    backbone, run = load(), place / "run"
    how = {**QUIET, **options, "resume": (run / "config.json").is_file()}
    teach(place / "photos", noun, name="mascot", backbone=backbone, out=run, **how)
    about = runs.read(run)
    drawn = list(drawings(backbone, about, about.checkpoints(99), EVALUATION))
    held, own = ([images.cover(one, backbone.facts.image_size) for one in half] for half in halves(pictures))
    judge = Judge(held, about.meant(EVALUATION.prompts), encoders.load(), encoders.load("toybox"), own)
    scores = [judge.measure(each, drawn[0]) for each in drawn]
    ends = gauge(judge, scores[0], 0, 0.95)
    rows = {}
    for each in scores[1:]:
        assert each.prompt is not None
        gain, fidelity = float(ends.gain(each.likeness.mean())), float(ends.fidelity(each.prompt.mean()))
        figures = {"likeness": float(each.likeness.mean()), "prompt": float(each.prompt.mean())}
        rows[each.step] = {**figures, "value": (gain * fidelity) ** 0.5}
    losses = before_each(run, list(rows))
    return {
        "checkpoints": [{"step": step, "loss": losses[step], **row} for step, row in rows.items()],
        "chosen": checkpoint.read_json(run / "verdict.json")["step"],
        "best": max(rows, key=lambda step: (rows[step]["value"], -step)),
        "last": max(rows),
        "lowest_loss": min(rows, key=lambda step: losses[step]),
    }


def halves(pictures: Sequence) -> tuple[Sequence, Sequence]:
    """The photos held out, and those taught from."""
    return pictures[PHOTOS:], pictures[:PHOTOS]


def before_each(run: Path, steps: list[int]) -> dict[int, float]:
    """Mean loss on the photos over the steps that led to each checkpoint."""
    logged = {event["step"]: event["losses"]["photos"] for event in Events(run / "events.jsonl").read()}
    starts = [0, *steps[:-1]]
    return {
        end: float(np.mean([logged[step] for step in range(start + 1, end + 1)]))
        for start, end in zip(starts, steps, strict=True)
    }


def taken(found: dict, rule: str) -> dict:
    """The figures of the checkpoint that a rule takes."""
    return next(row for row in found["checkpoints"] if row["step"] == found[rule])


def kept(found: dict) -> float:
    """The share of the best possible value that the verdict's checkpoint has; 1 where none is worth anything."""
    best = taken(found, "best")["value"]
    return taken(found, "chosen")["value"] / best if best else 1.0


def summarised(done: list[dict]) -> dict[str, object]:
    """Means over runs with bootstrap intervals; differences are paired within runs."""
    figures = {
        rule: {name: [taken(one, rule)[name] for one in done] for name in ("value", "likeness", "prompt")}
        for rule in ("chosen", "best", *OTHERS)
    }
    shares = {
        name: interval(bootstrap(np.array(figures["chosen"][name]) / np.array(figures["best"][name])))
        for name in ("likeness", "prompt")
    }
    better = {
        f"{name}_over_{rule}": interval(paired(figures["chosen"][name], figures[rule][name]))
        for rule in OTHERS
        for name in ("value", "likeness", "prompt")
    }
    same = {rule: sum(one["chosen"] == one[rule] for one in done) for rule in ("best", *OTHERS)}
    return {
        "runs": len(done),
        "kept_of_best_value": interval(bootstrap([kept(one) for one in done])),
        "kept_of_best_likeness": shares["likeness"],
        "kept_of_best_prompt": shares["prompt"],
        **better,
        "same_checkpoint_as": same,
    }


def table(done: list[dict], summary: dict) -> str:
    """Markdown: a row a run, then the means."""
    rules = ("chosen", "best", *OTHERS)
    head = ["mascot", "style", "way", *(f"{rule.replace('_', ' ')}: step, value" for rule in rules), "kept"]
    rows = [head, ["---"] * len(head)]
    for one in done:
        cells = [f"{one[rule]}, {taken(one, rule)['value']:.2f}" for rule in rules]
        rows.append([one["mascot"], one["style"], one["way"], *cells, f"{kept(one):.0%}"])
    text = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    means = [
        f"- {name.replace('_', ' ')}: {one['value']:.3f} ({one['low']:.3f} to {one['high']:.3f})"
        for name, one in summary.items()
        if isinstance(one, dict) and "low" in one
    ]
    means.append(f"- the same checkpoint as: {summary['same_checkpoint_as']}")
    return f"{text}\n\nMeans over {summary['runs']} runs, 95 % bootstrap intervals:\n\n" + "\n".join(means) + "\n"


if __name__ == "__main__":
    main()
