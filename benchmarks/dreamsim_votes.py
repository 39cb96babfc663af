"""Does tuning to people's votes pay, and which part should learn? Glyphs (100,072 votes) and alien eggs (20,086 votes).

Run: python benchmarks/dreamsim_votes.py DATA [--parts linear mlp lora] [--folds 5] [--first N] [--only SET].
DATA holds glyph_similarity/ and alien_eggs/. Whole typefaces, scripts or people are held out in turn; the recipe is
one for all sets: votes loss, the part's usual settings, the epoch chosen on a tenth of what is learned from. Every fold
is kept as soon as it is done, so the script goes on where it was stopped. Writes results/dreamsim_votes.json.
"""

import argparse
import copy
import csv
import gzip
import io
import json
import zipfile
from pathlib import Path

import numpy as np
from bookkeeping import WORK, interval, write
from PIL import Image

from likewise import checkpoint, dreamsim
from likewise.dreamsim import agreement, learn, measuring, questions, splits
from likewise.dreamsim.config import Config
from likewise.dreamsim.learn import Student
from likewise.dreamsim.store import Store
from likewise.dreamsim.triplets import Triplet
from likewise.metrics.agreement import two_afc

RECIPE = {"loss": "votes"}
SETS = ("glyphs-typeface", "glyphs-script", "eggs-participant")


def glyphs(data, kind):
    """Odd-one-out votes (a, b, c): with reference x, "y is nearer than z" gets z's votes."""
    place = data / "glyph_similarity"
    rows = json.loads((place / "triplets.json").read_text())["triplets"]
    found = []
    for row in rows:
        names, odd = [f"{name}.png" for name in row["glyphs"]], row["odd_votes"]
        for reference in range(3):
            left, right = (number for number in range(3) if number != reference)
            pictures = (names[reference], names[left], names[right])
            found.append(Triplet(*pictures, odd[right], odd[left], None, row[kind]))
    return found, place / "png"


def eggs(data, work):
    """One answer a row; pictures laid out as files."""
    folder = work / "eggs"
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(data / "alien_eggs" / "alienegg30.zip") as archive:
        for name in archive.namelist():
            if name.endswith(".png") and "/" not in name and not (folder / name).is_file():
                Image.open(io.BytesIO(archive.read(name))).save(folder / name)
    found = []
    with gzip.open(data / "alien_eggs" / "triplets.csv.gz", "rt") as file:
        for row in csv.DictReader(file):
            left, right = sorted((row["chosen_more_similar"], row["other"]))
            chose = row["chosen_more_similar"]
            votes = (int(chose == left), int(chose == right))
            found.append(Triplet(row["reference"], left, right, *votes, None, f"person {row['participant']}"))
    return found, folder


def ceilings(asked):
    """What people reach against each other, and what no metric can pass, with equal questions taken together."""
    together = {}
    for places, votes in zip(asked.places, asked.votes, strict=True):
        together[tuple(places)] = together.get(tuple(places), 0) + votes
    counts = np.stack(list(together.values()))
    return {"people": agreement.ceiling(counts).value, "majority": agreement.majority(counts)}


def fold(part, number, asked, numbers, store_of, metric, seed=0):
    """2AFC shares of the held-out questions before and after, (n, 2), and their votes."""
    held, others = np.flatnonzero(numbers == number), np.flatnonzero(numbers != number)
    units = sorted({asked.units[row] for row in others})
    chosen = set(np.random.Generator(np.random.Philox(number)).permutation(units)[: max(1, len(units) // 10)])
    inner = np.array([asked.units[row] in chosen for row in others])
    config = Config.of({"part": part, **RECIPE})
    model = copy.deepcopy(metric.model)
    store = store_of(model, part)
    student = Student(model, store, config, seed, metric.hash)
    before = np.stack([one.numpy() for one in student.distances(asked[held])])
    step = None
    for step in learn.learn(student, asked[others[~inner]], asked[others[inner]], config, seed):
        if step.index % 20 == 0:
            print(f"  {part} fold {number} step {step.index} {step.losses}", flush=True)
    student.put(learn.best(step.state()))
    after = np.stack([one.numpy() for one in student.distances(asked[held])])
    return {"held": held.tolist(), "before": before.tolist(), "after": after.tolist()}


def summary(asked, made):
    """The whole set, each question judged by the fold that never saw its group."""
    rows = np.concatenate([one["held"] for one in made]).astype(int)
    before, after = (np.concatenate([np.array(one[name]) for one in made], axis=1) for name in ("before", "after"))
    some = asked[rows]
    gain = measuring.gain(tuple(before), tuple(after), some)
    return {
        "questions": len(rows),
        "untuned": interval(measuring.by_vote(tuple(before), some)),
        "tuned": interval(measuring.by_vote(tuple(after), some)),
        "gain": interval(gain),
        "mcnemar": measuring.mcnemar(tuple(before), tuple(after), some),
        "check": round(float(np.average(two_afc(*after, some.shares), weights=some.votes.sum(1))), 4),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--parts", nargs="+", default=["linear", "mlp", "lora"])
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--first", type=int, help="compute only the first folds; all that are done count")
    parser.add_argument("--only", nargs="+", default=list(SETS), choices=SETS)
    asked_for = parser.parse_args()
    work = WORK / "dreamsim_votes"
    metric, results = dreamsim.load(), {}
    for name in asked_for.only:
        triplets, folder = (
            eggs(asked_for.data, work) if name.startswith("eggs") else glyphs(asked_for.data, name.partition("-")[2])
        )
        asked = questions.of(triplets)
        paths = [folder / picture for picture in asked.pictures]
        count = min(asked_for.folds, len(set(asked.units)))
        numbers = splits.folds(asked.units, count)

        def store_of(model, part, paths=paths):
            store = Store(model, paths, deep=part == "lora")
            store.fill(work / "features", checkpoint.hash_json([metric.hash, list(map(str, paths))]))
            return store

        results[name] = {"ceilings": ceilings(asked), "votes": int(asked.votes.sum())}
        for part in asked_for.parts:
            made = []
            for number in range(count):
                key = checkpoint.hash_json([metric.hash, Config.of({"part": part, **RECIPE}).model_dump(), count])
                path = work / f"{name}-{part}-{number}-{key[:12]}.json"
                if not path.is_file():
                    if asked_for.first is not None and number >= asked_for.first:
                        break
                    checkpoint.write_json(path, fold(part, number, asked, numbers, store_of, metric))
                made.append(checkpoint.read_json(path))
                results[name][part] = {"folds": len(made), "of": count, **summary(asked, made)}
                print(name, part, results[name][part], flush=True)
                write("dreamsim_votes", {"recipe": RECIPE, "metric": metric.hash, "sets": results})


if __name__ == "__main__":
    main()
