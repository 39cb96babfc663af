"""Teaching from photos beside diffusers' own scripts: the same losses, and what a step costs.

    python benchmarks/personalization.py --scripts CHECKOUT/examples --parity diffusers [--record]
    python benchmarks/personalization.py --scripts CHECKOUT/examples [--repeat 3] [--steps 16]

CHECKOUT is a copy of the diffusers repository. `--parity` writes results/parity_training.json; with `--record` also the
losses that the tests compare with. Otherwise results/personalization.json: CPU seconds a step and memory, on one
thread, ours and theirs in turn, each training in a process of its own; a run that was stopped goes on.
"""

import argparse
import json
import shutil
import statistics
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bookkeeping import WORK, measured, spread, write

from likewise import checkpoint
from likewise.demo import mascot
from likewise.diffusion import tiny
from likewise.diffusion.loading import toybox_folder

WARM = 4  # steps of each training that are not counted
SETTINGS = (
    "float32 on one thread; LoRA of rank 4 and alpha 4 on the attention of the U-Net, Gaussian start, without a prior; "
    "one vector for a word; AdamW; a constant rate; four photos of the mascot, cropped at the centre (LoRA) or "
    "stretched (their script for words). Theirs: the scripts as they are, without trackers and checkpoints; "
    "for Toybox its AutoencoderTiny is put where they load an AutoencoderKL. Ours: from files as `likewise teach` "
    "does, with latents and texts in its cache, steps logged by training.run. Memory is the process's most; in "
    "`above_libraries_mib` less what the libraries take before a model is loaded."
)
CASES = {  # pipeline, pixels, batch
    "toybox-1": ("toybox", 128, 1),
    "tiny-1": ("tiny", 32, 1),
    "toybox-4": ("toybox", 128, 4),
    "tiny-4": ("tiny", 32, 4),
}


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--scripts", type=Path, required=True)
    asked.add_argument("--parity", choices=["diffusers"])
    asked.add_argument("--record", action="store_true")
    asked.add_argument("--repeat", type=int, default=3)
    asked.add_argument("--steps", type=int, default=16)
    asked.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    args = asked.parse_args()
    if args.parity:
        from stock_parity import compare

        data = compare(args.scripts, args.record)
        print(f"largest difference of all: {data['largest_difference']:.1e}, of at most {data['limit']:.0e}")
        print(write("parity_training", data))
        return
    rows = [_compared(found) for found in _trained(args)]
    print(write("personalization", {"settings": SETTINGS, "steps": args.steps, "repeat": args.repeat, "rows": rows}))


def _trained(args: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """For each case, what the children of both sides said, repetition by repetition."""
    photos = _photos()
    for base, size, batch in map(CASES.__getitem__, args.cases):
        folder = toybox_folder() if base == "toybox" else _tiny()
        for train in ("lora", "word"):
            job = {"base": str(folder), "size": size, "batch": batch, "train": train, "steps": args.steps, "warm": WARM}
            job |= {"scripts": str(args.scripts.resolve()), "photos": str(photos)}
            said: dict[str, list[Any]] = {"ours": [], "theirs": []}
            for number in range(args.repeat):
                for who, rows in said.items():
                    rows.append(_child({**job, "who": who}, WORK / "teaching", number))
            yield {"pipeline": base, "train": train, "size": size, "batch": batch, **said}


def _photos() -> Path:
    """As many photos as the largest batch: their loader ends each pass with what is left, which is a smaller batch."""
    folder = WORK / "four-photos"
    folder.mkdir(parents=True, exist_ok=True)
    for photo in mascot.photos()[:4]:
        shutil.copy(photo, folder)
    return folder


def _tiny() -> Path:
    folder = WORK / "tiny-sd1"
    return folder if folder.exists() else tiny.pipeline(folder, "sd1")


def _child(job: dict[str, Any], place: Path, number: int) -> dict[str, Any]:
    name = place / f"{checkpoint.hash_json(job)[:16]}-{number}.json"
    if not name.is_file():
        checkpoint.write_json(place / "job.json", job)
        script = Path(__file__).with_name("teaching_child.py")
        child = measured([sys.executable, script, place / "job.json"], OMP_NUM_THREADS="1")
        checkpoint.write_json(name, json.loads(child.out.splitlines()[-1]))
    return checkpoint.read_json(name)


def _compared(found: dict[str, Any]) -> dict[str, Any]:
    """Medians over all steps of all repetitions; memory the least of the repetitions, which noise only adds to."""
    row = {key: found[key] for key in ("pipeline", "train", "size", "batch")}
    for who in ("ours", "theirs"):
        steps = [second for one in found[who] for second in one["cpu_seconds"]]
        peak = min(one["mib_peak"] for one in found[who])
        above = min(one["mib_peak"] - one["mib_before"] for one in found[who])
        row[who] = {"cpu_seconds": spread(steps), "peak_mib": round(peak), "above_libraries_mib": round(above)}
    middles = {
        who: statistics.median(s for one in found[who] for s in one["cpu_seconds"]) for who in ("ours", "theirs")
    }
    row["times_faster"] = round(middles["theirs"] / middles["ours"], 2)
    for key in ("peak_mib", "above_libraries_mib"):
        row[f"{key}_ratio"] = round(row["ours"][key] / row["theirs"][key], 2)
    print(json.dumps({key: value for key, value in row.items() if key not in ("ours", "theirs")}), flush=True)
    return row


if __name__ == "__main__":
    main()
