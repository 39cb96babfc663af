"""Does the verdict choose well? Its checkpoint against the best possible one, the last, and the one of lowest loss.

    likewise toybox build --out world        # once; any folder
    python benchmarks/verdict_choice.py [--world world] [--mascots 12] [--only N] [--jobs 1]

Each mascot (things that the embedded models never saw) is taught from five pictures in two ways, DreamBooth and pivotal
tuning, with their defaults; the runs of `teach_mascots.py` and `word_mascots.py` are taken where they are there. The
verdict chooses with its defaults, once by EfficientNet-lite0 and once by the embedded DreamSim. Then all are measured
anew: likeness on five photos held out, prompts and seeds that no choice was made on, by each of the two eyes.

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
from likewise.verdict.choose import Weights, choose
from likewise.verdict.draw import drawings
from likewise.verdict.gauge import gauge
from likewise.verdict.scores import Drawn, Judge

PLACES = ("on the road", "on the grass", "in the desert", "in the city", "in the mountains", "on a blue background")
EVALUATION = Config(
    seed=1, images=4, class_images=4, checkpoints=99, prompts=tuple(f"{{subject}} {place}" for place in PLACES)
)
WAYS = {"dreambooth": ("{}", "with"), "pivotal": ("pivotal-{}", "run")}  # where the other scripts leave their runs
EYES = ("efficientnet-lite0", "dreamsim")
OTHERS = ("last", "lowest_loss")
MEASURES = ("value", "likeness", "prompt")


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--world", type=Path, help="a folder that `likewise toybox build` filled; default: world")
    asked.add_argument("--mascots", type=int, default=12, help="mascots, of two runs each")
    asked.add_argument("--only", type=int, help="do only run N, from 0")
    asked.add_argument("--jobs", type=int, default=1, help="runs at the same time")
    given = asked.parse_args()
    world = folder_or_none(given.world or Path("world"), given.world is not None, "run `likewise toybox build`")
    numbers = [given.only] if given.only is not None else range(len(WAYS) * given.mascots)
    if world:
        run_each(partial(one, world), numbers, given.jobs)
    collect("verdict_choice", summarised, table)


def one(world: Path, number: int) -> str:
    """Teach and measure run `number`, unless that was done; a line about it."""
    way, index = list(WAYS)[number % len(WAYS)], number // len(WAYS)
    mascot, style = MASCOTS[index % len(MASCOTS)], STYLES[index % len(STYLES)]
    stem = f"{index:02d}-{mascot.name.replace(' ', '-')}-{style}"
    path = RESULTS / "verdict_choice" / f"{stem}-{way}.json"
    if not path.exists():
        folder, name = WAYS[way]
        run = WORK / folder.format(stem) / name
        found = measured(world, mascot.name, style, mascot.category, run, way)
        checkpoint.write_json(path, {"mascot": mascot.name, "style": style, "way": way, **found})
    found = checkpoint.read_json(path)
    said = (f"by {eye} chose {found['chosen'][eye]}, kept {kept(found, eye, eye):.0%} of the best" for eye in EYES)
    return f"{path.stem}: {'; '.join(said)}"


def measured(world: Path, name: str, style: str, noun: str, run: Path, way: str) -> dict[str, object]:
    """What every checkpoint of one run is worth to each eye, and which one each rule takes."""
    drawn_from = opened(world)
    pictures = [drawn_from.draw(drawn_from.portrait(name, style, index), PX) for index in range(2 * PHOTOS)]
    photos = run.parent / "photos"
    if not photos.is_dir():
        for index, picture in enumerate(pictures[:PHOTOS]):
            images.write_png(photos / f"{index}.png", picture)
    backbone = load()
    if not (run / "verdict.json").is_file():
        how = {**QUIET, "method": way, "resume": (run / "config.json").is_file()}
        teach(photos, noun, name="mascot", backbone=backbone, out=run, **how)
    about = runs.read(run)
    covered = [images.cover(picture, backbone.facts.image_size) for picture in pictures]
    own, held = covered[:PHOTOS], covered[PHOTOS:]
    few = list(drawings(backbone, about, about.checkpoints(Config().checkpoints), Config()))
    every = list(drawings(backbone, about, about.checkpoints(99), EVALUATION))
    towers = encoders.load("toybox")
    meant, asked = (about.meant(config.prompts) for config in (Config(), EVALUATION))
    values, chosen = {}, {}
    for eye in EYES:
        chosen[eye] = choice(Judge(own, meant, encoders.load(eye), towers), few)
        values[eye] = valued(Judge(held, asked, encoders.load(eye), towers, own), every)
    losses = before_each(run, list(values[EYES[0]]))
    return {
        "checkpoints": {eye: {str(step): row for step, row in rows.items()} for eye, rows in values.items()},
        "chosen": chosen,
        "best": {
            eye: max(rows, key=lambda step, rows=rows: (rows[step]["value"], -step)) for eye, rows in values.items()
        },
        "last": max(losses),
        "lowest_loss": min(losses, key=losses.__getitem__),
    }


def choice(judge: Judge, drawn: Sequence[Drawn]) -> int:
    """The verdict's checkpoint, by its defaults."""
    config, scores = Config(), [judge.measure(each, drawn[0]) for each in drawn]
    ends = gauge(judge, scores[0], config.seed, config.level)
    return choose(scores, ends, Weights(config.weight, config.tolerance, config.level, config.seed)).step


def valued(judge: Judge, drawn: Sequence[Drawn]) -> dict[int, dict[str, float]]:
    """What each checkpoint is worth, on photos that were held out."""
    scores = [judge.measure(each, drawn[0]) for each in drawn]
    ends, rows = gauge(judge, scores[0], 0, 0.95), {}
    for each in scores[1:]:
        assert each.prompt is not None
        gain, fidelity = float(ends.gain(each.likeness.mean())), float(ends.fidelity(each.prompt.mean()))
        figures = {"likeness": float(each.likeness.mean()), "prompt": float(each.prompt.mean())}
        rows[each.step] = {**figures, "value": (gain * fidelity) ** 0.5}
    return rows


def before_each(run: Path, steps: list[int]) -> dict[int, float]:
    """Mean loss on the photos over the steps that led to each checkpoint."""
    logged = {event["step"]: event["losses"] for event in Events(run / "events.jsonl").read()}
    starts = [0, *steps[:-1]]
    return {
        end: float(np.mean([logged[step].get("photos", logged[step]["loss"]) for step in range(start + 1, end + 1)]))
        for start, end in zip(starts, steps, strict=True)
    }


def taken(found: dict, rule: str, eye: str, by: str) -> dict:
    """The figures, to one eye, of the checkpoint that a rule takes; what has eyes takes it by another."""
    step = found[rule][by] if isinstance(found[rule], dict) else found[rule]
    return found["checkpoints"][eye][str(step)]


def kept(found: dict, eye: str, by: str) -> float:
    """The share of the best value to one eye that the verdict by another has; 1 where none is worth anything."""
    best = taken(found, "best", eye, eye)["value"]
    return taken(found, "chosen", eye, by)["value"] / best if best else 1.0


def summarised(done: list[dict]) -> dict[str, object]:
    """Means over runs with bootstrap intervals for each verdict, judged by each eye; differences are paired."""
    return {
        "runs": len(done),
        **{f"chosen by {by}, judged by {eye}": _told(done, eye, by) for by in EYES for eye in EYES},
        "dreamsim's choice less efficientnet's": {
            f"kept, judged by {eye}": interval(paired(*([kept(one, eye, by) for one in done] for by in EYES[::-1])))
            for eye in EYES
        },
        "the same choice": sum(len(set(one["chosen"].values())) == 1 for one in done),
    }


def _told(done: list[dict], eye: str, by: str) -> dict[str, object]:
    """How one verdict does in one eye."""

    def column(rule: str, name: str) -> np.ndarray:
        return np.array([taken(one, rule, eye, eye if rule == "best" else by)[name] for one in done])

    return {
        "kept of best value": interval(bootstrap([kept(one, eye, by) for one in done])),
        **{
            f"kept of best {name}": interval(bootstrap(column("chosen", name) / column("best", name)))
            for name in MEASURES[1:]
        },
        **{
            f"{name} over {rule.replace('_', ' ')}": interval(paired(column("chosen", name), column(rule, name)))
            for rule in OTHERS
            for name in MEASURES
        },
        "took the best": sum(one["chosen"][by] == one["best"][eye] for one in done),
    }


def table(done: list[dict], summary: dict) -> str:
    """Markdown: a row a run, then the means."""
    head = ["mascot", "style", "way", *(f"{eye}: chosen, best, kept" for eye in EYES), "last", "lowest loss"]
    rows = [head, ["---"] * len(head)]
    for one in done:
        cells = [f"{one['chosen'][eye]}, {one['best'][eye]}, {kept(one, eye, eye):.0%}" for eye in EYES]
        rows.append([one["mascot"], one["style"], one["way"], *cells, *(str(one[rule]) for rule in OTHERS)])
    lines = [f"| {' | '.join(row)} |" for row in rows]
    lines += ["", f"Means over {summary['runs']} runs, 95 % bootstrap intervals:", ""]
    for name, told in summary.items():
        for key, found in told.items() if isinstance(told, dict) else ():
            whole = isinstance(found, int)
            span = found if whole else f"{found['value']:.3f} ({found['low']:.3f} to {found['high']:.3f})"
            lines.append(f"- {name}, {key}: {span}")
    return "\n".join([*lines, f"- the same choice by both: {summary['the same choice']}"]) + "\n"


if __name__ == "__main__":
    main()
