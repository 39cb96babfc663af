"""SimCLR, and SimCLR guided by a teacher's rules, on labelled photos: linear probe and neighbours of what each learned.

Run: python benchmarks/guidance.py --photos DIR --labels FIELD --name NAME [--teacher efficientnet-lite0] [--seeds 5]
     python benchmarks/guidance.py --world WORLD --photos DIR [--scenes 4000]   # first fill DIR with scenes of Toybox
It goes on where it was stopped: a finished run is a file in results/contrastive_guidance/, and the plain runs serve all
teachers. Every arm takes the same steps on the same photos with the same seeds, so gains are paired by seed.
"""

import argparse
import json
import shutil
from functools import cache
from itertools import chain
from pathlib import Path

import numpy as np
from bookkeeping import RESULTS, WORK, run_each, write

from likewise import checkpoint, encoders
from likewise.contrastive import measures
from likewise.contrastive import photos as photo_files
from likewise.contrastive.run import fit
from likewise.contrastive.teacher import features
from likewise.metrics.intervals import paired
from likewise.seeds import numpy_stream
from likewise.toybox.build import opened
from likewise.toybox.concepts import STYLES

ARMS = {
    "simclr": {},
    "add-new-positive": {"rules": ["add-new-positive"]},
    "drop-false-negative": {"rules": ["drop-false-negative"]},
    "drop-easy-negative": {"rules": ["drop-easy-negative"]},
    "drop-false-positive": {"rules": ["drop-false-positive"], "teacher_view": "views"},
    "combined": {"rules": ["add-new-positive", "drop-false-negative", "drop-easy-negative"]},
}
SHOWN = ("linear_probe", "knn")


def scenes(world, folder, count):
    """Pictures of one thing each with metadata.jsonl: subject, style, background; a quarter for the probe's test."""
    folder.mkdir(parents=True)
    names, lines = [one.name for one in world.concepts], []
    for i in range(count):
        rng = numpy_stream(0, "guidance scene", i)
        name, style = names[i % len(names)], STYLES[int(rng.integers(len(STYLES)))]
        scene = world.portrait(name, style, i)
        world.draw(scene).save(folder / f"{i:05d}.png")
        split = "test" if rng.random() < 0.25 else "train"
        about = {"subject": name, "style": style, "background": scene.background, "caption": scene.caption}
        lines.append(json.dumps({"file_name": f"{i:05d}.png", "split": split, **about}))
    checkpoint.write_bytes(folder / "metadata.jsonl", ("\n".join(lines) + "\n").encode())


@cache
def all_photos(folder):
    """Read once a process."""
    return photo_files.load(folder, 128)


def taught_rows(args):
    """Where the teacher's rows of the photos are kept, which are the same for every arm and seed."""
    return WORK / "contrastive" / f"{args.name}-{args.teacher}-rows"


def guided(number):
    """One arm with one seed: learn, embed, probe; a file of its own."""
    args = guided.args
    arm, seed = list(ARMS)[number % len(ARMS)], number // len(ARMS)
    taught = "rules" in ARMS[arm]
    stem = f"{args.name}-{args.teacher if taught else 'alone'}-{arm}-{args.backbone}-{args.steps}-{seed}"
    place = RESULTS / "contrastive_guidance" / f"{stem}.json"
    if place.is_file():
        return f"{place.name} is there"
    out = WORK / "contrastive" / stem
    options = {"backbone": args.backbone, "steps": args.steps, "batch": args.batch, "size": args.size, "lr": args.lr}
    options |= ARMS[arm] | ({"teacher": args.teacher} if taught else {})
    begun = (out / "events.jsonl").is_file()
    if taught and not begun:
        shutil.copytree(taught_rows(args), out / "teacher", dirs_exist_ok=True)
    done = fit(args.photos, out=out, seed=seed, resume=begun, **options)
    found = all_photos(args.photos)
    classes = photo_files.labels(found, args.labels)
    train, test = photo_files.split(found, 0, classes)
    encoder = encoders.load(done.encoder)
    rows = measures.Embedding(features(encoder, found), encoder.hash)
    right = measures.probed(rows[train], classes[train], rows[test], classes[test])
    shares = {name: round(float(one.mean()), 4) for name, one in right.items()}
    about = {"arm": arm, "seed": seed, "steps": args.steps, "test": len(test), "photos": done.photos}
    checkpoint.write_json(place, {**about, **shares})
    shutil.rmtree(out)
    return f"{place.name} {shares}"


def summarised(done):
    """Per arm: mean over seeds, and its gain over plain SimCLR with the same seeds, with an interval."""
    table = {arm: {one["seed"]: one for one in done if one["arm"] == arm} for arm in ARMS}
    summary = {}
    for arm, runs in table.items():
        shared = sorted(runs.keys() & table["simclr"].keys())
        if not shared:
            continue
        summary[arm] = {"seeds": len(shared)}
        for name in SHOWN:
            own, plain = ([which[seed][name] for seed in shared] for which in (runs, table["simclr"]))
            gain = paired(own, plain)
            summary[arm][name] = {"mean": round(float(np.mean(own)), 4), "gain": round(gain.value, 4)}
            summary[arm][name] |= {"low": round(gain.low, 4), "high": round(gain.high, 4)}
    return summary


def alike(args, found):
    """How often the teacher's nearest photo of a batch has the same label, and any other photo of it."""
    classes, rows = photo_files.labels(found, args.labels), features(encoders.load(args.teacher), found)
    train, _ = photo_files.split(found, 0, classes)
    rows, classes, rng = np.asarray(rows)[train], np.asarray(classes)[train], numpy_stream(0, "batches")
    nearest, other = [], []
    for _ in range(200):
        batch = rng.permutation(len(rows))[: args.batch]
        near = rows[batch] @ rows[batch].T
        np.fill_diagonal(near, -np.inf)
        same = classes[batch][:, None] == classes[batch]
        nearest.append(same[np.arange(len(batch)), near.argmax(1)].mean())
        other.append((same.sum() - len(batch)) / (len(batch) * (len(batch) - 1)))
    return {"nearest": round(float(np.mean(nearest)), 3), "any": round(float(np.mean(other)), 3)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--name", default="photos")
    parser.add_argument("--labels", default="folder")
    parser.add_argument("--teacher", default="efficientnet-lite0")
    parser.add_argument("--backbone", default="toybox")
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--world", type=Path, help="a folder that `likewise toybox build` filled")
    parser.add_argument("--scenes", type=int, default=4000)
    args = parser.parse_args()
    if args.world:
        scenes(opened(args.world), args.photos, args.scenes)
        return
    guided.args = args
    found = all_photos(args.photos)
    named = photo_files.named_split(found)
    features(encoders.load(args.teacher), found[named[0]] if named else found, taught_rows(args))
    run_each(guided, range(len(ARMS) * args.seeds), args.jobs)
    folder, end = RESULTS / "contrastive_guidance", f"-*-{args.backbone}-{args.steps}-*.json"
    files = chain(*(folder.glob(f"{args.name}-{by}{end}") for by in ("alone", args.teacher)))
    summary = summarised([checkpoint.read_json(path) for path in sorted(files)])
    about = {key: getattr(args, key) for key in ("teacher", "steps", "batch", "backbone", "size", "lr")}
    about |= {"same label": alike(args, found), "arms": summary}
    print(write(f"contrastive_guidance_{args.name}_{args.teacher}", about))


if __name__ == "__main__":
    main()
