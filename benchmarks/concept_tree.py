"""Trees of concepts: how fast a node is, beside the authors' procedure, and what the parts of known things are.

    python benchmarks/concept_tree.py                        # speed, on a tiny pipeline
    python benchmarks/concept_tree.py --world world          # things of known factors, on Toybox
    python benchmarks/concept_tree.py --photos FOLDER        # folders of real photos, on Toybox, depth 2

Speed: both learn from the same draws, with as many steps and as many pictures scored; the procedure is
tests/oracles/concept_tree.py on stock diffusers modules: a table of all rows a seed, passes of two pictures, photos
encoded anew, pictures of the pair, sheets on the way. Process starts are left out of the first ratio; the second has
five for the procedure and one for us. Rows through the network are counted beside the seconds.

World: for each parent, five pictures of one subject, style and background. reconstruction: C(parent, both words) over
C of the parent's own pictures; apart: C(left, right) below both words' own; each also by an encoder that did not
choose. best: the chosen seed's score, by that encoder, above the mean of the others, with a sign test over parents.
Resumable: one file a parent, a tree a parent in runs/benchmarks. Sheets for a person to name the parts are beside it.
"""

import argparse
import math
import subprocess
import sys
import tempfile
import time
import warnings
from functools import partial
from pathlib import Path

import numpy as np
import torch
from bookkeeping import RESULTS, WORK, folder_or_none, interval, run_each, write
from PIL import Image

from likewise import checkpoint, diffusion, encoders, images, imageset
from likewise.concept_tree import Config, Tree, combine, consistency, decompose, split
from likewise.concept_tree.grow import Gardener
from likewise.concept_tree.record import Source
from likewise.diffusion import sampling, tiny
from likewise.encoders.encoder import embed
from likewise.errors import LikewiseWarning
from likewise.metrics.intervals import bootstrap, wilson
from likewise.textual_inversion.draw import draw
from likewise.toybox.build import opened

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from oracles.concept_tree import Procedure

CHOOSER, OTHER = "toybox", "efficientnet-lite0"
# The authors' proportions, in small: a fifth of the steps is test, 64 rows learned for 100 rows of pictures scored.
SMALL = {"test_steps": 4, "steps": 20, "batch": 8, "images": 10, "central": 5, "draw_steps": 2, "initializer": "dog"}
STARTS = 5  # processes that the authors' procedure starts a node, each of which loads the model
PHOTOS, PX = 5, 192


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--world", type=Path, help="a folder that `likewise toybox build` filled")
    asked.add_argument("--photos", type=Path, help="a folder of folders of photos")
    asked.add_argument("--count", type=int, default=20, help="parents of the world")
    asked.add_argument("--only", type=int, help="do only number N, from 0")
    asked.add_argument("--rounds", type=int, default=3, help="times that speed is measured")
    given = asked.parse_args()
    if given.world is None and given.photos is None:
        print(write("concept_tree", speed(given.rounds)))
    if given.world is not None and (world := folder_or_none(given.world, True, "run `likewise toybox build`")):
        numbers = [given.only] if given.only is not None else range(given.count)
        run_each(partial(parent, world), numbers, 1)
        collected()
    if given.photos is not None and (folder := folder_or_none(given.photos, True, "give folders of photos")):
        for place in sorted(path for path in folder.iterdir() if path.is_dir()):
            print(real(place), flush=True)


# Speed


class Rows:
    """Rows through a model's network: with gradients, and without."""

    def __init__(self) -> None:
        self.learned = self.read = 0

    def count(self, rows: int) -> None:
        """Count a call."""
        if torch.is_grad_enabled():
            self.learned += rows
        else:
            self.read += rows

    @property
    def figures(self) -> dict[str, int]:
        """Both."""
        return {"rows_learned": self.learned, "rows_read": self.read}


def speed(rounds: int) -> dict[str, object]:
    """Both ways, round after round, and how much faster ours is."""
    with tempfile.TemporaryDirectory() as temp:
        folder = tiny.pipeline(Path(temp) / "tiny", "sd1")
        photos = noise(Path(temp) / "photos")
        found = []
        for turn in range(rounds):
            pair = {"ours": ours(folder, photos, Path(temp) / f"tree-{turn}"), "procedure": theirs(folder, photos)}
            print(pair, flush=True)
            found.append(pair)
        start = started(folder)
    ratios = {
        unit: interval(bootstrap([one["procedure"][unit] / one["ours"][unit] for one in found]))
        for unit in ("seconds", "cpu_seconds")
    }
    with_starts = [(one["procedure"]["seconds"] + STARTS * start) / (one["ours"]["seconds"] + start) for one in found]
    same = all(one["ours"]["seed"] == one["procedure"]["seed"] for one in found)
    more = {"process_start_seconds": start, "times_faster_with_starts": interval(bootstrap(with_starts))}
    return {"settings": SMALL, "rounds": found, "times_faster": ratios, **more, "same_seed": same}


def started(folder: Path) -> float:
    """Seconds that a process takes to import diffusers and load a pipeline."""
    code = "import sys; from diffusers import StableDiffusionPipeline as P; P.from_pretrained(sys.argv[1])"
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", code, str(folder)], check=True, capture_output=True)
    return time.perf_counter() - began


def noise(folder: Path) -> Path:
    """Three photos of noise over one colour."""
    folder.mkdir()
    for index in range(3):
        grain = np.random.default_rng(index).integers(0, 60, (40, 48, 3))
        Image.fromarray((grain + np.array([150, 90, 30])).astype(np.uint8)).save(folder / f"{index}.png")
    return folder


def ours(folder: Path, photos: Path, out: Path) -> dict[str, object]:
    """A node by this library, from the photos to both children on disk."""
    config, judge, rows = Config(**SMALL), encoders.load(CHOOSER), Rows()
    wall, cpu = time.perf_counter(), time.process_time()
    backbone = diffusion.load(folder)
    backbone.unet.register_forward_pre_hook(lambda _, given: rows.count(len(given[0])))
    source = Source(kind="photos", name="noise", hash="0" * 64)
    tree = Tree.begin(out, "noise", "", backbone, imageset.load(photos).images(), source)
    Gardener(backbone, config, [judge], force=True, cache=out.parent / f"{out.name}-cache").split(tree, ["v0"])
    cost = {"seconds": time.perf_counter() - wall, "cpu_seconds": time.process_time() - cpu}
    pictures = sum(tree.record.splits["v0"].costs[name] for name in ("test_pictures", "child_pictures"))
    return {**cost, **rows.figures, "pictures": pictures, "seed": tree.node("v1").seed}


def theirs(folder: Path, photos: Path) -> dict[str, object]:
    """The same node by the authors' procedure."""
    config, judge, rows = Config(**SMALL), encoders.load(CHOOSER), Rows()
    wall, cpu = time.perf_counter(), time.process_time()
    backbone = diffusion.load(folder)  # draws its pictures
    framed = [images.cover(one, backbone.facts.image_size) for one in imageset.load(photos).images()]
    learning = split.word_config(config).model_copy(update={"batch": 2, "accumulation": 4})
    with tempfile.TemporaryDirectory() as temp:
        for index, picture in enumerate(framed):
            images.write_png(Path(temp) / f"{index:02d}.png", picture)
        taught = split.data(backbone, imageset.load(temp).photos, config, None)
    batch = images.to_tensor(framed)
    backbone.unet.register_forward_pre_hook(lambda _, given: rows.count(len(given[0])))

    def draws(seed: int, first: int, count: int):
        return draw(taught, learning, seed, first, backbone.schedule.timesteps)

    def paint(learner, side: str, start: int, count: int) -> list[Image.Image]:
        words = {split.LEFT: learner.left.clone(), split.RIGHT: learner.right.clone()}
        prompt = {"left": split.LEFT, "right": split.RIGHT, "both": f"{split.LEFT} {split.RIGHT}"}[side]
        with torch.no_grad():
            text, empty = backbone.encode_text([prompt], words), backbone.encode_text([""])
        steps = sampling.generate(
            backbone, text, empty, noise=sampling.noise(backbone, range(start, start + count)), rows=2 * count,
            steps=config.draw_steps, guidance=config.guidance, scheduler=config.scheduler,
        )  # fmt: skip
        return images.to_pil(sampling.last(steps).images)

    def encode(count: int) -> None:
        with torch.no_grad():
            backbone.encode_images(batch[[index % len(batch) for index in range(count)]])

    told = {"seeds": config.seeds, "test_steps": config.test_steps, "steps": config.steps, "images": config.images}
    told |= {"lr": config.lr * config.samples, "weight_decay": config.weight_decay}
    procedure = Procedure(folder, split.starts(backbone, config)[split.LEFT], draws, encode, paint, settings=told)
    fresh = procedure._fresh

    def counted():
        learner = fresh()
        learner.dense.unet.register_forward_pre_hook(lambda _, given: rows.count(len(given[0])))
        return learner

    procedure._fresh = counted
    best, _ = procedure.run(lambda left, right: consistency.measure(judge, left, right).value)
    cost = {"seconds": time.perf_counter() - wall, "cpu_seconds": time.process_time() - cpu}
    return {**cost, **rows.figures, "pictures": sum(procedure.painted.values()), "seed": best}


# Things of known factors


def parent(world_folder: Path, number: int) -> str:
    """Grow and measure parent `number`, unless that was done; a line about it."""
    world = opened(world_folder)
    name, style, background = world.held_compositions[number]
    stem = f"{number:02d}-{name}-{style}-{background}".replace(" ", "-")
    path = RESULTS / "concept_tree" / f"{stem}.json"
    if not path.exists():
        place = WORK / "concept_tree" / stem
        if not (place / "photos").is_dir():
            for index in range(PHOTOS):
                picture = world.draw(world.composition(name, style, background, index), PX)
                images.write_png(place / "photos" / f"{index}.png", picture)
        tree = grown(place / "photos", place / "tree", depth=1, force=True)
        factors = {"subject": name, "style": style, "background": background}
        checkpoint.write_json(path, {**factors, **measured(tree)})
        sheet(tree, path.with_suffix(".png"), f"{style} {name}, {background}")
    found = checkpoint.read_json(path)
    return f"{stem}: reconstruction {found['reconstruction']:.2f}, apart {found['apart']}"


def grown(photos: Path, out: Path, depth: int, force: bool) -> Tree:
    """A tree on Toybox, chosen by one encoder and judged by another."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LikewiseWarning)
        return decompose(
            photos, depth=depth, out=out, force=force, name="part", install=False, encoder=CHOOSER, judges=(OTHER,)
        )


def measured(tree: Tree) -> dict[str, object]:
    """The figures of a split root, by the encoder that did not choose."""
    judge, record = encoders.load(OTHER), tree.record.splits["v0"]
    both = [one.image for one in combine(tree, orders=False, n=8)]
    own = embed(judge, tree.images("v0"))
    alike, last = consistency.within(own), record.tracked[-1]
    scores = {seed: figures[OTHER].score for seed, figures in record.seeds.items()}
    others = [value for seed, value in scores.items() if seed != str(record.chosen)]
    return {
        "reconstruction": consistency.across(own, embed(judge, both)) / alike,
        "apart": last.distinction < min(tree.node(side).own[OTHER] for side in ("v1", "v2")),
        "distinction": last.distinction,
        "own": [tree.node(side).own[OTHER] for side in ("v1", "v2")],
        "gain": scores[str(record.chosen)] - float(np.mean(others)),
        "agreement": record.agreement[OTHER],
    }


def sheet(tree: Tree, path: Path, title: str) -> None:
    """The parent, both words and both together, a row each, for a person to name."""
    rows = [("parent", tree.images("v0")), ("v1", tree.images("v1")), ("v2", tree.images("v2"))]
    rows.append(("v1 v2", [one.image for one in combine(tree, orders=False, n=4)]))
    shown = [(name, images.cover(one, 128)) for name, pictures in rows for one in pictures[:4]]
    images.write_png(path, images.sheet([one for _, one in shown], [name for name, _ in shown], 4, title=title))


def collected() -> None:
    """results/concept_tree_world.json from the parents' files."""
    done = [checkpoint.read_json(path) for path in sorted((RESULTS / "concept_tree").glob("*.json"))]
    if not done:
        return
    gains = [one["gain"] for one in done if one["gain"] != 0]
    wins = sum(gain > 0 for gain in gains)
    figures = {
        "parents": len(done),
        "reconstruction": interval(bootstrap([one["reconstruction"] for one in done])),
        "apart": interval(wilson(sum(one["apart"] for one in done), len(done))),
        "best_beats_mean": interval(wilson(wins, max(1, len(gains)))),
        "sign_test_p": sum(math.comb(len(gains), k) for k in range(wins, len(gains) + 1)) / 2 ** len(gains),
        "agreement": interval(bootstrap([one["agreement"] for one in done])),
    }
    print(write("concept_tree_world", {**figures, "each": done}))


def real(photos: Path) -> str:
    """A tree of depth 2 of a folder of photos, with its page; a line about it."""
    tree = grown(photos, WORK / "concept_tree" / f"real-{photos.name}", depth=2, force=False)
    left = {node: split.stopped for node, split in tree.record.splits.items() if split.stopped}
    return f"{photos.name}: {len(tree.words())} words, left whole {left}; {tree.folder / 'tree.html'}"


if __name__ == "__main__":
    main()
