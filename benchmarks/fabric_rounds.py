"""Do rounds of likes and dislikes get closer to what is wanted? The paper's two experiments, on Toybox.

    likewise toybox build --out world        # once; any folder
    python benchmarks/fabric_rounds.py [--world world] [--targets 100] [--rounds 4] [--steps 20] [--jobs 1] [--only N]

Wanted is, for number N, a scene of the world that training never saw ("a flat dog in the snow"); the prompt names the
thing alone ("a dog"). Every round has four pictures; after it the best is liked and the worst disliked by a scorer,
with both, with likes only, and with nothing. All three share the first round, and the seeds of the further ones.

- target: the scorer is likeness to a picture of the scene by the Toybox towers, which stand for the paper's CLIP;
  likeness to it by EfficientNet-Lite0, which does not vote, is asked as well
- preference: the scorer is how well pictures fit the words of the scene, by the towers; likeness to three true
  pictures of it by EfficientNet-Lite0, which does not vote, is asked as well

Told of every round: the mean and the best of four by the scorer and by the other; how many of the four have the wanted
style and place, by probes on EfficientNet-Lite0 that learned real pictures (those of `likewise toybox evaluate`);
diversity (1 - mean cosine of two of the four), colour and contrast. Resumable: one file a target in
results/fabric_rounds/, sessions with their sheets in runs/benchmarks/fabric_rounds/. Writes results/fabric_rounds.json
and .md: intervals over targets, differences paired.
"""

import argparse
import shutil
from collections.abc import Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from bookkeeping import RESULTS, WORK, collect, folder_or_none, interval, run_each
from PIL.Image import Image

from likewise import checkpoint, encoders, load
from likewise.fabric import Session, play
from likewise.fabric.rounds import Scored, Scorer, like_picture, like_text
from likewise.metrics.intervals import bootstrap, paired
from likewise.toybox import judge as judging
from likewise.toybox.build import opened
from likewise.toybox.captions import plain_caption

EXPERIMENTS = ("target", "preference")
WAYS: dict[str, dict[str, Any]] = {
    "both": {}, "likes": {"dislikes": False}, "none": {"likes": False, "dislikes": False},
}  # fmt: skip
FIGURES = ("mean", "best", "other mean", "other best", "style", "place", "diversity", "saturation", "contrast")
SHOWN = 12  # sessions whose folders are kept, to look at


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--world", type=Path, help="a folder that `likewise toybox build` filled; default: world")
    asked.add_argument("--targets", type=int, default=100)
    asked.add_argument("--rounds", type=int, default=4)
    asked.add_argument("--steps", type=int, default=20)
    asked.add_argument("--only", type=int, help="do only target N, from 0")
    asked.add_argument("--jobs", type=int, default=1, help="targets at the same time")
    given = asked.parse_args()
    world = folder_or_none(given.world or Path("world"), given.world is not None, "run `likewise toybox build`")
    numbers = [given.only] if given.only is not None else range(given.targets)
    if world:
        run_each(partial(one, world, given.rounds, given.steps), numbers, given.jobs)
    collect("fabric_rounds", summarised, table)


def one(world: Path, rounds: int, steps: int, number: int) -> str:
    """Both experiments on target `number`, unless that was done; a line about it."""
    path = RESULTS / "fabric_rounds" / f"{number:03d}.json"
    if not path.exists():
        found = {name: experiment(name, world, number, rounds, steps) for name in EXPERIMENTS}
        checkpoint.write_json(path, {"number": number, "rounds": rounds, "steps": steps, **found})
    found = checkpoint.read_json(path)
    last = {way: found["target"][way][-1]["best"] for way in WAYS}
    return f"{path.stem} {found['target']['wanted']}: best of the last round {last}"


def experiment(name: str, folder: Path, number: int, rounds: int, steps: int) -> dict[str, Any]:
    """Every way of voting, from one first round."""
    world = opened(folder)
    thing, style, place = world.held_compositions[number]
    wanted = [world.draw(world.composition(thing, style, place, index)) for index in range(3)]
    prompt, whole = f"a {thing}", plain_caption(style, thing, place)
    scorer, other = scorers(name, whole, wanted)
    others = {"other": other, **probes(_judge(folder), style, place)}
    work = WORK / "fabric_rounds" / f"{number:03d}-{name}"
    shutil.rmtree(work, ignore_errors=True)  # what an interrupt left
    session = Session.begin(
        work, prompt, backbone=_backbone(), target=wanted[0], seed=1_000_000 * (number + 1), steps=steps,
        log=work.parent / f"{work.name}.csv", newest=0,
    )  # fmt: skip
    found: dict[str, Any] = {"wanted": whole, "prompt": prompt}
    for way, how in WAYS.items():
        if session.round is not None:
            session.branch(1)
        found[way] = [_told(turn) for turn in play(session, scorer, rounds, others=others, **how)]
        session.sheet(work.parent / f"{work.name}-{way}.png")
    if number >= SHOWN:
        shutil.rmtree(work)
    return found


def scorers(name: str, whole: str, wanted: Sequence[Image]) -> tuple[Scorer, Scorer]:
    """Who votes, and who does not."""
    eyes, towers = _encoder("efficientnet-lite0"), _encoder("toybox")
    if name == "target":
        return like_picture(towers, wanted[0]), like_picture(eyes, wanted[0])
    true = [like_picture(eyes, one) for one in wanted]
    return like_text(towers, whole), lambda pictures: np.mean([scorer(pictures) for scorer in true], axis=0)


def probes(judge: judging.Judge, style: str, place: str) -> dict[str, Scorer]:
    """1 for each picture that has the wanted style, and the wanted place, by an encoder that does not vote; else 0."""
    return {
        "style": lambda pictures: judge.style.predict(judging.look(judge.encoder, pictures).style) == style,
        "place": lambda pictures: judge.background.predict(judging.edges(judge.encoder, pictures)) == place,
    }


@cache
def _judge(folder: Path) -> judging.Judge:
    return judging.build(opened(folder), _encoder("efficientnet-lite0"), folder)


def _told(turn: Scored) -> dict[str, float]:
    other, metrics = turn.others["other"], turn.round.metrics
    return {
        "mean": float(turn.scores.mean()), "best": float(turn.scores.max()),
        "other mean": float(other.mean()), "other best": float(other.max()),
        "style": float(turn.others["style"].mean()), "place": float(turn.others["place"].mean()),
        **{name: metrics[name] for name in ("diversity", "saturation", "contrast")},
    }  # fmt: skip


@cache
def _backbone():
    return load()


@cache
def _encoder(name: str):
    return encoders.load(name)


def summarised(done: list[Any]) -> dict[str, Any]:
    """By experiment, way, round and figure, with an interval over targets; and what both gain over the others."""
    rounds = min(one["rounds"] for one in done)
    found: dict[str, Any] = {"targets": len(done), "rounds": rounds, "steps": sorted({one["steps"] for one in done})}
    for name in EXPERIMENTS:
        values = {way: {figure: [[one[name][way][turn][figure] for one in done] for turn in range(rounds)]
                        for figure in FIGURES} for way in WAYS}  # fmt: skip
        found[name] = {
            way: {figure: [interval(bootstrap(each)) for each in turns] for figure, turns in figures.items()}
            for way, figures in values.items()
        }
        found[name]["both minus"] = {
            way: {
                figure: [
                    interval(paired(values["both"][figure][turn], values[way][figure][turn])) for turn in range(rounds)
                ]
                for figure in FIGURES
            }
            for way in WAYS if way != "both"
        }  # fmt: skip
    return found


def table(done: list[Any], summary: Any) -> str:
    """Markdown: a row a way and round."""
    lines = [f"{len(done)} targets, four pictures a round, {summary['steps']} steps; intervals of 95 % over targets."]
    for name in EXPERIMENTS:
        lines += ["", f"## {name}", "", f"| way | round | {' | '.join(FIGURES)} |", "|---" * (2 + len(FIGURES)) + "|"]
        parts = {**{way: summary[name][way] for way in WAYS}}
        parts |= {f"both minus {way}": each for way, each in summary[name]["both minus"].items()}
        for way, figures in parts.items():
            for turn in range(summary["rounds"]):
                cells = [figures[figure][turn] for figure in FIGURES]
                row = " | ".join(f"{one['value']:.3f} [{one['low']:.3f}, {one['high']:.3f}]" for one in cells)
                lines.append(f"| {way} | {turn + 1} | {row} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
