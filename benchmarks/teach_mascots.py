"""Does teaching help? Held-out mascots, each taught from five pictures with the defaults, measured on five others.

    likewise toybox build --out world        # once; any folder
    python benchmarks/teach_mascots.py [--world world] [--count 12] [--only N] [--jobs 1]

Mascots are things that the embedded models never saw in any style (`MASCOTS` in likewise.toybox.concepts), styles in
turn. For each, by EfficientNet-lite0 on pictures of seeds that the verdict did not use:

- floor: the base model's "a NOUN" against the five held-out photos; ceiling: held-out photos against those taught;
  closed = (taught - floor) / (ceiling - floor), with the mean cosine of the taught model's pictures of four prompts
- calm: closed with pictures of guidance 3 in place of the default 5
- alike: the same with a floor of the base model's pictures of those four prompts; and both by the embedded DreamSim too
- prompts: how well those pictures fit their prompts (Toybox towers), as a share of what the base model's do; and what
  real pictures of the mascot in those places reach, as the towers know the places and not the mascot
- drift: how far "a NOUN" moved towards the photos at the last step, with prior preservation and without
- choice: worth (the verdict's measure, on the held-out photos) of the verdict's checkpoint against the last one's

Resumable: one file a mascot in results/teach_mascots/, runs in runs/benchmarks/. Writes results/teach_mascots.json and
results/teach_mascots.md, with bootstrap intervals over mascots.
"""

import argparse
import shutil
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from bookkeeping import RESULTS, WORK, collect, folder_or_none, interval, run_each
from PIL.Image import Image

from likewise import checkpoint, encoders, images, load
from likewise.encoders.encoder import embed
from likewise.metrics.intervals import bootstrap, paired
from likewise.metrics.neighbours import cosine
from likewise.teach import teach
from likewise.toybox.build import opened
from likewise.toybox.concepts import MASCOTS, STYLES
from likewise.verdict import Config, runs
from likewise.verdict.choose import choose
from likewise.verdict.draw import drawings
from likewise.verdict.gauge import gauge
from likewise.verdict.scores import Judge, Scores

PHOTOS, PX = 5, 192
EVALUATION = Config(seed=1, class_images=8)  # pictures that no choice was made on
CALM = Config(seed=1, class_images=8, guidance=3)
QUIET = {"install": False, "quiet": True}


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--world", type=Path, help="a folder that `likewise toybox build` filled; default: world")
    asked.add_argument("--count", type=int, default=12, help="mascots in all")
    asked.add_argument("--only", type=int, help="do only number N, from 0")
    asked.add_argument("--jobs", type=int, default=1, help="mascots at the same time")
    given = asked.parse_args()
    world = folder_or_none(given.world or Path("world"), given.world is not None, "run `likewise toybox build`")
    numbers = [given.only] if given.only is not None else range(given.count)
    if world:
        run_each(partial(one, world), numbers, given.jobs)
    collect("teach_mascots", summarised, table)


def one(world_folder: Path, number: int) -> str:
    """Teach and measure mascot `number`, unless that was done; a line about it."""
    mascot, style = MASCOTS[number % len(MASCOTS)], STYLES[number % len(STYLES)]
    path = RESULTS / "teach_mascots" / f"{number:02d}-{mascot.name.replace(' ', '-')}-{style}.json"
    if not path.exists():
        checkpoint.write_json(path, measured(world_folder, mascot.name, style, mascot.category, WORK / path.stem))
    found = checkpoint.read_json(path)
    return f"{path.stem}: closed {closed(found):.0%}, prompts {found['prompt']:.0%}, chose step {found['step']}"


def closed(found: dict, floor: str = "floor", eye: str = "") -> float:
    """The share of the way from a floor to photo-to-photo likeness that teaching went; eye: "" or "_dreamsim"."""
    low = found[floor + eye]
    return (found["taught" + eye] - low) / (found["ceiling" + eye] - low)


def measured(world_folder: Path, name: str, style: str, noun: str, place: Path) -> dict[str, object]:
    """All figures of one mascot."""
    world = opened(world_folder)
    pictures = [world.draw(world.portrait(name, style, index), PX) for index in range(2 * PHOTOS)]
    if not (place / "photos").is_dir():
        for index, picture in enumerate(pictures[:PHOTOS]):
            images.write_png(place / "photos" / f"{index}.png", picture)
    backbone = load()
    taught = taught_once(place, "with", noun, backbone, verdict=True)
    taught_once(place, "without", noun, backbone, verdict=False, prior="none")
    chosen = checkpoint.read_json(place / "with" / "verdict.json")["step"]
    held = [images.cover(one, backbone.facts.image_size) for one in pictures[PHOTOS:]]
    about, bare = runs.read(place / "with"), runs.read(place / "without")
    places = checkpoint.checkpoints(place / "with" / "checkpoints")
    wanted = sorted({checkpoint.numbered(place / "with" / "checkpoints", chosen), places[-1]})
    drawn = list(drawings(backbone, about, wanted, EVALUATION))
    loose = list(drawings(backbone, bare, checkpoint.checkpoints(place / "without" / "checkpoints")[-1:], EVALUATION))
    judge = Judge(held, about.meant(EVALUATION.prompts), encoders.load(), encoders.load("toybox"))
    scores = [judge.measure(each, drawn[0]) for each in drawn]
    calm = list(drawings(backbone, about, [checkpoint.numbered(place / "with" / "checkpoints", chosen)], CALM))
    calm_scores = [judge.measure(each, calm[0]) for each in calm]
    shutil.rmtree(place / "without" / "checkpoints")
    kept = next(each for each in drawn if each.step == chosen)
    eye = encoders.load("dreamsim")
    parts = {
        "floor": drawn[0].plain,
        "same_floor": drawn[0].subject,
        "taught": kept.subject,
        "ceiling": pictures[:PHOTOS],
    }
    seen = {f"{name}_dreamsim": alike(eye, part, held, backbone.facts.image_size) for name, part in parts.items()}
    sheet(place, pictures[:PHOTOS], drawn, chosen)
    return {
        "mascot": name,
        "style": style,
        "noun": noun,
        "step": chosen,
        "concept": taught.hash,
        **figures(scores, judge, chosen, judge.measure(loose[1], drawn[0])),
        "ceiling": alike(encoders.load(), pictures[:PHOTOS], held, backbone.facts.image_size),
        "real_prompt": real_prompt(world, name, style, noun),
        "calm_floor": float(calm_scores[0].plain.mean()),
        "calm_taught": float(calm_scores[1].likeness.mean()),
        "calm_prompt": float(calm_scores[1].prompt.mean() / calm_scores[0].prompt.mean()),
        **seen,
    }


def taught_once(place: Path, name: str, noun: str, backbone, *, verdict: bool, **options):
    """The concept of a run with defaults, gone on with where one was stopped."""
    run = place / name
    resume = (run / "config.json").is_file()
    how = {**QUIET, **options, "verdict": verdict, "resume": resume}
    return teach(place / "photos", noun, name="mascot", backbone=backbone, out=run, **how).concept


def figures(scores: list[Scores], judge: Judge, chosen: int, loose: Scores) -> dict[str, object]:
    """Plain means; the verdict's worth is computed anew, on the held-out photos."""
    base, last, kept = scores[0], scores[-1], next(each for each in scores if each.step == chosen)
    worth = {each.step: each.worth.value for each in choose(scores, gauge(judge, base, 0, 0.95)).judged}
    assert base.prompt is not None and kept.prompt is not None
    return {
        "floor": float(base.plain.mean()),
        "same_floor": float(base.likeness.mean()),
        "taught": float(kept.likeness.mean()),
        "base_prompt": float(base.prompt.mean()),
        "taught_prompt": float(kept.prompt.mean()),
        "prompt": float(kept.prompt.mean() / base.prompt.mean()),
        "drift_with_prior": float((last.plain - base.plain).mean()),
        "drift_without_prior": float((loose.plain - base.plain).mean()),
        "change_with_prior": float(last.change.mean()),
        "change_without_prior": float(loose.change.mean()),
        "worth_chosen": worth[chosen],
        "worth_last": worth[last.step],
        "likeness_last": float(last.likeness.mean()),
        "last": last.step,
    }


def alike(encoder, pictures: Sequence[Image], held: list[Image], size: int) -> float:
    """Mean cosine between pictures and the photos held out."""
    return float(cosine(embed(encoder, [images.cover(one, size) for one in pictures]), embed(encoder, held)).mean())


def real_prompt(world, name: str, style: str, noun: str) -> float:
    """How well real pictures of the mascot fit the noun at the places of the verdict's prompts, and at any for none."""
    towers, found = encoders.load("toybox"), []
    for prompt in EVALUATION.prompts:
        place = prompt.partition("{subject}")[2].strip()
        scenes = [world.portrait(name, style, index) for index in range(100, 400)]
        fit = [one for one in scenes if not place or one.background == place][:4]
        text = towers.embed_texts([prompt.replace("{subject}", f"a {noun}")])
        found.append((towers.embed([world.draw(one, PX) for one in fit]) @ text.T).mean())
    return float(np.mean(found))


def sheet(place: Path, photos: list[Image], drawn: list, chosen: int) -> None:
    """place/sheet.png: the photos, the base model's pictures of the four prompts, and the chosen checkpoint's."""
    each = EVALUATION.images
    shown = [one for step in (0, chosen) for one in next(d for d in drawn if d.step == step).subject[::each]]
    small = [images.cover(one, shown[0].width) for one in photos[: len(EVALUATION.prompts)]]
    images.write_png(place / "sheet.png", images.sheet([*small, *shown], columns=len(small)))


def summarised(done: list[dict]) -> dict[str, object]:
    """Means over mascots with bootstrap intervals; differences are paired within mascots."""
    column = {name: np.array([each[name] for each in done], float) for name in done[0] if name not in WORDS}
    better = column["worth_chosen"] - column["worth_last"]
    chosen_earlier = column["step"] < column["last"]
    return {
        "mascots": len(done),
        "floor": interval(bootstrap(column["floor"])),
        "taught": interval(bootstrap(column["taught"])),
        "ceiling": interval(bootstrap(column["ceiling"])),
        **{
            f"{name}{eye}": interval(bootstrap([closed(each, floor, eye) for each in done]))
            for name, floor in (("closed", "floor"), ("alike", "same_floor"))
            for eye in ("", "_dreamsim")
        },
        "calm": interval(
            bootstrap((column["calm_taught"] - column["calm_floor"]) / (column["ceiling"] - column["calm_floor"]))
        ),
        "calm_prompt": interval(bootstrap(column["calm_prompt"])),
        "real_prompt": interval(bootstrap(column["real_prompt"] / column["base_prompt"])),
        "prompt_of_real": interval(bootstrap(column["taught_prompt"] / column["real_prompt"])),
        "gain": interval(paired(column["taught"], column["floor"])),
        "prompt": interval(bootstrap(column["prompt"])),
        "drift_saved_by_prior": interval(paired(column["drift_without_prior"], column["drift_with_prior"])),
        "change_saved_by_prior": interval(paired(column["change_without_prior"], column["change_with_prior"])),
        "choice": {
            "better": int((better[chosen_earlier] > 0).sum()),
            "worse": int((better[chosen_earlier] < 0).sum()),
            "same_checkpoint": int((~chosen_earlier).sum()),
            "worth_gained": interval(paired(column["worth_chosen"], column["worth_last"])),
        },
    }


WORDS = {"mascot", "style", "noun", "concept"}


def table(done: list[dict], summary: dict) -> str:
    """Markdown: a row a mascot, then the means."""
    head = ["mascot", "style", "noun", "floor", "taught", "ceiling", "closed", "prompts", "step"]
    rows = [head, ["---"] * len(head)]
    for each in done:
        cosines = [f"{each[name]:.3f}" for name in ("floor", "taught", "ceiling")]
        shares = [f"{closed(each):.0%}", f"{each['prompt']:.0%}"]
        rows.append([each["mascot"], each["style"], each["noun"], *cosines, *shares, str(each["step"])])
    text = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    means = [f"- {name}: {one['value']:.3f} ({one['low']:.3f} to {one['high']:.3f})" for name, one in summary.items()
             if isinstance(one, dict) and "low" in one]  # fmt: skip
    choice = summary["choice"]
    means.append(
        f"- the verdict's checkpoint against the last: better {choice['better']}, worse {choice['worse']}, "
        f"the same one {choice['same_checkpoint']}"
    )
    return f"{text}\n\nMeans over {summary['mascots']} mascots, 95 % bootstrap intervals:\n\n" + "\n".join(means) + "\n"


if __name__ == "__main__":
    main()
