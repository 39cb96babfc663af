"""What UnrollMask and MixSel are worth to MAGVLT's training.

Run: python benchmarks/magvlt_ablations.py [--seeds 3 --steps 1500] [--only NAME]

The small world of likewise.magvlt.smallworld, one run a variant and seed, each a file in results/magvlt/; finished ones
are not made again. Equal steps, and equal compute: the plain training with as many passes as the variant has. Writes
results/magvlt.json and results/magvlt.md.
"""

import argparse
import statistics
import time

import torch
from bookkeeping import RESULTS, collect

from likewise import checkpoint, seeds
from likewise.magvlt import smallworld
from likewise.magvlt.config import Config
from likewise.magvlt.layout import Special
from likewise.magvlt.learn import learn
from likewise.magvlt.model import Transformer
from likewise.metrics.intervals import paired

PLAIN = Config(
    t2i=1, i2t=1, it2it=0, batch=64, lr=2e-3, smoothing=0, drop=0, length_weight=0.1, residual_dropout=0,
    attention_dropout=0,
)  # fmt: skip
VARIANTS = {  # name -> changed settings, and passes a step
    "plain": ({}, 1),
    "plain, twice the steps": ({}, 1),
    "unroll fresh": ({"unroll": "fresh"}, 2),
    "unroll subset": ({"unroll": "subset"}, 2),
    "unroll fresh from lightly hidden": ({"unroll": "fresh", "unroll_from": 0.5}, 2),
    "mixsel": ({"mixsel": 1.0}, 2),
}
MEASURES = ("captions", "pictures", "agreement", "left half", "right half", "flips")


def ablation(name, seed, steps):
    path = RESULTS / "magvlt" / f"{name.replace(' ', '_').replace(',', '')}-{seed}.json"
    if path.exists():
        return f"{path.name}: there already"
    changes, passes = VARIANTS[name]
    count = 2 * steps if name.endswith("twice the steps") else steps
    config = PLAIN.model_copy(update={**changes, "steps": count})
    with seeds.initialising(seed, "ablation"):
        model = Transformer(smallworld.SHAPE)
    began = time.process_time()
    for _ in learn(model, smallworld.pairs(smallworld.things(4000, seed)), config, seed):
        pass
    row = {"variant": name, "seed": seed, "steps": count, "passes": count * passes}
    row |= judged(model.eval().requires_grad_(False)) | {"cpu_seconds": round(time.process_time() - began, 1)}
    checkpoint.write_json(path, row)
    return f"{path.name}: {row}"


def judged(model, count=512):
    new = smallworld.things(count, 99)
    text, _ = smallworld.described(model, new.images)
    codes = smallworld.drawn(model, new, 8)
    joined = smallworld.pairs(new).joined(torch.arange(count), torch.arange(count).roll(-1), False)
    captions = torch.tensor(new.captions)
    left, right = (smallworld.described(model, joined, half=h)[0][:, :3] for h in (Special.LEFT, Special.RIGHT))
    shares = (
        smallworld.captioned(text, new), smallworld.follows(codes, new), smallworld.agrees(codes),
        (left == captions).all(1), (right == captions.roll(-1, 0)).all(1), (left != right).any(1),
    )  # fmt: skip
    return {name: round(share.float().mean().item(), 4) for name, share in zip(MEASURES, shares, strict=True)}


def summarised(rows):
    """By variant the mean of each measure, and the paired interval of its difference from the plain training."""
    by = {name: {row["seed"]: row for row in rows if row["variant"] == name} for name in VARIANTS}
    report = {}
    for name, own in by.items():
        report[name] = {m: [own[s][m] for s in sorted(own)] for m in MEASURES if own}
        for base in ("plain", "plain, twice the steps"):
            shared = sorted(own.keys() & by[base].keys())
            if name != base and len(shared) > 1:
                gaps = {m: paired([own[s][m] for s in shared], [by[base][s][m] for s in shared]) for m in MEASURES}
                report[name][f"against {base}"] = {
                    m: {
                        "value": round(g.value, 4),
                        "low": round(g.low, 4),
                        "high": round(g.high, 4),
                        "verdict": told(g),
                    }
                    for m, g in gaps.items()
                }
    return {"variants": report}


def told(gap):
    """What an interval says: a report must be able to say that an idea hurts here."""
    return "helps here" if gap.low > 0 else "hurts here" if gap.high < 0 else "no difference seen"


def table(rows, summary):
    lines = ["| variant | seeds | " + " | ".join(MEASURES) + " |", "| --- " * (2 + len(MEASURES)) + "|"]
    for name, found in summary["variants"].items():
        if found.get(MEASURES[0]):
            cells = [f"{statistics.mean(found[m]):.3f} ({min(found[m]):.3f} to {max(found[m]):.3f})" for m in MEASURES]
            lines.append(f"| {name} | {len(found[MEASURES[0]])} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--only", choices=VARIANTS)
    given = parser.parse_args()
    for seed in range(given.seeds):
        for name in [given.only] if given.only else VARIANTS:
            print(ablation(name, seed, given.steps), flush=True)
    collect("magvlt", summarised, table)


if __name__ == "__main__":
    main()
