"""Published human judgements as data folders: letters of many typefaces, and alien eggs.

    python benchmarks/human_votes.py [--data FOLDER]

The data stay outside the project (LIKEWISE_DATA, or --data). Letters: github.com/MrBrezina/
context-sensitive-visual-similarity (CC BY 4.0); eggs: the alien eggs of the salmon project (BSD-3).
"""

import argparse
import csv
import gzip
import json
import os
import shutil
import zipfile
from collections import Counter
from pathlib import Path

import bookkeeping

from likewise import seeds
from likewise.dreamsim import agreement, triplets
from likewise.dreamsim.triplets import Triplet

DATA = Path(os.environ.get("LIKEWISE_DATA", Path(__file__).parents[2] / "shared" / "data"))
SHARES = (("train", 0.6), ("val", 0.1), ("test", 0.3))  # of participants


def glyphs(out: Path, data: Path = DATA) -> list[Triplet]:
    """The letters as a data folder at `out` (made if it is not there), and its triplets; grouped by typeface.

    People picked the odd one out of three. With x as the reference, "y is nearer than z" gets the votes for z: so each
    of the three letters is a reference once. No split: cut by `group`, the typeface, never by question.
    """
    source = data / "glyph_similarity"
    if not (out / triplets.FILE).exists():
        asked = json.loads((source / "triplets.json").read_text("utf-8"))["triplets"]
        found = [one for row in asked for one in _odd_one_out(row)]
        for name in sorted({name for one in found for name in one.pictures}):
            _copy(source / "png" / name, out / name)
        triplets.write(out, found)
    return triplets.read(out)


def eggs(out: Path, data: Path = DATA, seed: int = 0) -> list[Triplet]:
    """The alien eggs as a data folder at `out` (made if it is not there), and its triplets; split by participant.

    All answers of one person are in one split; a question that people of several splits answered is in each of them,
    with their votes.
    """
    source = data / "alien_eggs"
    if not (out / triplets.FILE).exists():
        with gzip.open(source / "triplets.csv.gz", "rt", encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        found = _by_participant(rows, seed)
        names = {name for one in found for name in one.pictures}
        with zipfile.ZipFile(source / "alienegg30.zip") as packed:
            for name in sorted(names):
                out.mkdir(parents=True, exist_ok=True)
                (out / name).write_bytes(packed.read(name))
        triplets.write(out, found)
    return triplets.read(out)


def _odd_one_out(row: dict) -> list[Triplet]:
    names, votes = [f"{name}.png" for name in row["glyphs"]], row["odd_votes"]
    orders = ((0, 1, 2), (1, 2, 0), (2, 0, 1))
    return [Triplet(names[x], names[y], names[z], votes[z], votes[y], None, row["typeface"]) for x, y, z in orders]


def _by_participant(rows: list[dict], seed: int) -> list[Triplet]:
    people = sorted({row["participant"] for row in rows}, key=int)
    order = seeds.numpy_stream(seed, "eggs").permutation(len(people))
    split, start = {}, 0.0
    for name, share in SHARES:
        for place in order[round(start * len(people)) : round((start + share) * len(people))]:
            split[people[place]] = name
        start += share
    votes: Counter = Counter()
    for row in rows:
        left, right = sorted((row["chosen_more_similar"], row["other"]))
        votes[split[row["participant"]], row["reference"], left, right, row["chosen_more_similar"] == left] += 1
    questions = sorted({key[:4] for key in votes})
    return [Triplet(*one[1:], votes[*one, True], votes[*one, False], one[0]) for one in questions]


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def _figures(found: list[Triplet]) -> dict:
    counts = [(one.votes_left, one.votes_right) for one in found]
    people = agreement.ceiling(counts, [one.unit for one in found])
    return {
        "questions": len(found),
        "votes": sum(map(sum, counts)),
        "ceiling": {"value": people.value, "low": people.low, "high": people.high},
        "majority": agreement.majority(counts),
        "majority_by_vote": agreement.majority(counts, by_vote=True),
        "alpha": agreement.krippendorff_alpha(counts),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA)
    data = parser.parse_args().data
    work = bookkeeping.WORK / "human_votes"
    letters, alien = glyphs(work / "glyphs", data), eggs(work / "eggs", data)
    test = [one for one in alien if one.split == "test"]
    print(
        bookkeeping.write(
            "human_votes", {"glyphs": _figures(letters), "eggs": _figures(alien), "eggs_test": _figures(test)}
        )
    )


if __name__ == "__main__":
    main()
