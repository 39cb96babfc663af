"""Does the pipeline recover a taste that is known? Simulated people judge Toybox scenes; a metric is tuned to them.

    python benchmarks/observers.py [--triplets 1600] [--people 20] [--part mlp] [--sprites FOLDER] [--only TASTE]

For each taste: scenes are drawn and judged in a room until it has no more questions (two people of those who come
click at random or press one side), those people are found and left out, the unanimous triplets are kept and the
embedded metric is tuned; then the same five times with the votes of the training triplets shuffled. Finished tastes are
read back from results/observers/, so it can be stopped.
"""

import argparse
import os
import shutil
import warnings
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import bookkeeping
import numpy as np
from PIL import Image

from likewise import checkpoint, seeds
from likewise.dreamsim import observers, quality, room_export, splits, triplets
from likewise.dreamsim.observers import Look, Observer
from likewise.dreamsim.room import Room
from likewise.dreamsim.room_questions import collected
from likewise.dreamsim.room_settings import RoomSettings
from likewise.dreamsim.room_tally import answers
from likewise.dreamsim.triplets import Triplet
from likewise.dreamsim.tuning import tune
from likewise.errors import NothingLearnedWarning, WorseMetricWarning
from likewise.toybox import scenes
from likewise.toybox.sprites import Sprites

SPRITES = Path(__file__).parents[1] / "tests" / "toybox" / "sprites"
SHAPES = ("apple", "bee", "carrot", "chicken", "fish")
GROUNDS = (
    "on a white background",
    "on a stripe pattern",
    "on a dot pattern",
    "on a checked cloth",
    "on a mint gradient",
)
PX = 128
TASTES: Mapping[str, tuple[float, ...]] = {  # weights of observers.AXES
    "colour": (5, 1, 1, 1, 1),
    "shape": (1, 5, 1, 1, 1),
    "position": (1, 1, 5, 1, 1),
    "count": (1, 1, 1, 5, 1),
    "texture": (1, 1, 1, 1, 5),
}
NOISE = 0.1
SETTINGS = RoomSettings(unanimous=True, practice=0)
PLANTED = (3, 7)  # the fourth and eighth to come; after the eleventh or so no question is left
SHUFFLES = 5


def draw(look: Look, sprites: Sprites) -> Image.Image:
    """A look as a Toybox scene: copies of a sprite, its colours turned, before a ground that is the same each time."""
    ground = scenes.draw(GROUNDS[look.texture], seeds.numpy_stream(0, "ground", look.texture), PX)
    sprite = _turned(sprites.get("flat", SHAPES[look.shape]), look.colour / observers.COLOURS)
    side = round(PX * (0.42 if look.count == 1 else 0.26))
    small = sprite.resize((side, side), Image.Resampling.LANCZOS)
    for x, y in observers.places(look):
        ground.paste(small, (round(x * PX - side / 2), round(y * PX - side / 2)), small)
    return ground


def _turned(sprite: Image.Image, turn: float) -> Image.Image:
    """The sprite in one hue: its own light and dark, at a strong colour."""
    values = np.asarray(sprite.convert("RGB").convert("HSV")).copy()
    values[..., 0], values[..., 1] = round(255 * turn) % 256, np.maximum(values[..., 1], 150)
    found = Image.fromarray(values, "HSV").convert("RGB")
    found.putalpha(sprite.getchannel("A"))
    return found


def make(folder: Path, count: int, sprites: Sprites) -> dict[str, Look]:
    """A data folder of `count` triplets, and the look of each picture."""
    looks, made = {}, []
    for index in range(count):
        names = [f"pictures/{index:04d}-{side}.png" for side in ("reference", "left", "right")]
        for name, look in zip(names, observers.question(0, index), strict=True):
            looks[name] = look
            if not (folder / name).exists():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                draw(look, sprites).save(folder / name)
        made.append(Triplet(*names, 0, 0, None))
    triplets.write(folder, made)
    return looks


def judge(folder: Path, looks: Mapping[str, Look], taste: str, people: int) -> dict:
    """Everybody in turn judges in a room; who was planted and who was found, of those who had anything to judge."""
    observer = Observer(TASTES[taste], NOISE)
    bad = [observers.clicking(), observers.sided("left"), observers.sided("right"), observers.clicking(fast=True)]
    kinds = dict(zip(PLANTED, (bad[(list(TASTES).index(taste) + place) % 4] for place in (0, 1)), strict=True))
    with Room(folder, SETTINGS) as room:
        for number in range(people):
            answering = kinds.get(number) or observers.attentive(observer, looks)
            observers.visit(room, f"person {number + 1}", answering)
        found = quality.people(answers(room.ledger, "2afc"))
        planted = [number + 1 for number in PLANTED if number + 1 in found]
        who = {"people": len(found), "planted": planted, "flagged": sorted(quality.flagged(found))}
        return {**who, "judgements": len(room.ledger.order)}


def shuffled(source: Path, target: Path, seed: int) -> None:
    """The same data with the sides of votes exchanged at random in all but the test triplets."""
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("run"))
    rng = seeds.numpy_stream(seed, "shuffled")
    found = []
    for one in splits.assign(triplets.read(source), 0.1, 0.3, 0):
        if one.split != "test" and rng.random() < 0.5:
            one = replace(one, votes_left=one.votes_right, votes_right=one.votes_left)
        found.append(one)
    triplets.write(target, found)


def one_taste(taste: str, count: int, people: int, part: str, sprites: Sprites) -> dict:
    work = bookkeeping.WORK / "observers"
    folder, kept, *controls = (
        work / f"{taste}-{name}" for name in ("judged", "kept", *(f"shuffled-{seed}" for seed in range(SHUFFLES)))
    )
    for old in (folder, kept, *controls):
        shutil.rmtree(old, ignore_errors=True)
    looks = make(folder, count, sprites)
    who = judge(folder, looks, taste, people)
    room_export.write(collected(folder), kept, unanimous=SETTINGS.agreeing)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", WorseMetricWarning)
        warnings.simplefilter("ignore", NothingLearnedWarning)  # the control is expected to learn nothing
        found, nothing = _tuned(kept, part), []
        for seed, control in enumerate(controls):
            shuffled(kept, control, seed)
            nothing.append(_tuned(control, part, features=kept)["gain_by_vote"]["value"])
    truth = [_right(one, looks, taste) for one in triplets.read(kept)]
    return {
        "taste": taste,
        "weights": dict(zip(observers.AXES, TASTES[taste], strict=True)),
        "part": part,
        "triplets": count,
        "kept": len(truth),
        "kept_as_the_observer_would": sum(truth) / len(truth),
        **who,
        "untuned": found["before"]["two_afc"],
        "tuned": found["after"]["two_afc"],
        "gain": found["gain_by_vote"],
        "mcnemar": found["mcnemar"],
        "gain_shuffled": {"value": float(np.mean(nothing)), "low": min(nothing), "high": max(nothing)},
    }


def _tuned(data: Path, part: str, features: Path | None = None) -> Mapping:
    """The report of tuning; features: the data whose pictures are these, and have been looked at already."""
    out = data / "run"
    if features is not None:
        shutil.copytree(features / "run" / "features", out / "features")
    return tune(data, out=out, val=0.1, test=0.3, part=part).report


def _right(one: Triplet, looks: Mapping[str, Look], taste: str) -> bool:
    """Whether the kept side is the one that the observer finds nearer without noise."""
    sharp = Observer(TASTES[taste], noise=0.0)
    side = sharp.nearer(*(looks[name] for name in one.pictures), seeds.numpy_stream(0, "none"))
    return (side == "left") is (one.votes_left > 0)


def table(done: list, summary: object) -> str:
    head = (
        "taste",
        "kept",
        "untuned",
        "tuned",
        "gain by vote",
        "gain, votes shuffled (least, most of 5)",
        "planted, found",
    )
    lines = [f"| {' | '.join(head)} |", "| --- " * len(head) + "|"]
    for one in done:
        planted = f"{len(set(one['planted']) & set(one['flagged']))} of {len(one['planted'])}"
        wrong = len(set(one["flagged"]) - set(one["planted"]))
        figures = [_span(one[name]) for name in ("untuned", "tuned", "gain", "gain_shuffled")]
        row = (one["taste"], f"{one['kept']} of {one['triplets']}", *figures, f"{planted}, and {wrong} wrongly")
        lines.append(f"| {' | '.join(row)} |")
    return "\n".join(lines) + "\n"


def _span(one: Mapping[str, float]) -> str:
    return f"{one['value']:.3f} [{one['low']:.3f}, {one['high']:.3f}]"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--triplets", type=int, default=1600)
    parser.add_argument("--people", type=int, default=20)
    parser.add_argument("--part", default="mlp", choices=["linear", "mlp", "lora"])
    parser.add_argument("--sprites", type=Path, default=SPRITES)
    parser.add_argument("--only", choices=list(TASTES), action="append")
    asked = parser.parse_args()
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    for taste in asked.only or TASTES:
        path = bookkeeping.RESULTS / "observers" / f"{taste}.json"
        if not path.exists():
            found = one_taste(taste, asked.triplets, asked.people, asked.part, Sprites(asked.sprites))
            checkpoint.write_json(path, found)
            print(
                taste, {name: found[name] for name in ("kept", "untuned", "tuned", "gain", "gain_shuffled")}, flush=True
            )
    bookkeeping.collect("observers", lambda done: {"tastes": done}, table)


if __name__ == "__main__":
    main()
