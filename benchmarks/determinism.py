"""Same seed, same bytes; and a lesson killed at any moment and gone on with ends in the same bytes.

    python benchmarks/determinism.py [--steps 24] [--kills 3]

Every run is a process of its own. Kills are SIGKILL: at random moments between and inside optimiser steps, and, the
last one, inside the saving of a checkpoint. Writes results/determinism.json.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from bookkeeping import likewise, measured, write

from likewise import checkpoint, seeds
from likewise.demo import mascot

# Runs `likewise ARGV`, and kills itself: at the N-th event logged, or at the N-th tensor file that is being written.
KILLED = """
import os, signal, sys
from likewise import checkpoint, records
where, count = sys.argv[1], int(sys.argv[2])
left = [count]

def dying(real):
    def call(*given, **how):
        left[0] -= 1
        if left[0] == 0:
            if where == "save":
                target = given[0] if given else how["path"]
                open(target, "wb").write(b"half a file")
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*given, **how)
    return call

if where == "save":
    checkpoint.write_tensors = dying(checkpoint.write_tensors)
else:
    records.Events.append = dying(records.Events.append)
from likewise.cli.main import main
main(sys.argv[3:])
"""
FILES = ("events.jsonl", "concept/pytorch_lora_weights.safetensors")


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--steps", type=int, default=24)
    asked.add_argument("--kills", type=int, default=3)
    asked.add_argument("--seed", type=int, default=0, help="of the moments at which it is killed")
    given = asked.parse_args()
    with tempfile.TemporaryDirectory() as place:
        bench = _Bench(Path(place), given.steps)
        data = {"imagine": bench.imagine(), "teach": bench.twice(), "killed": bench.killed(given.kills, given.seed)}
    print(json.dumps(data, indent=2))
    print(write("determinism", data))
    same = [data["imagine"]["same"], data["teach"]["same"], *(one["same"] for one in data["killed"])]
    raise SystemExit(not all(same))


class _Bench:
    """Runs of one lesson in one folder, with one home."""

    def __init__(self, place: Path, steps: int) -> None:
        self.place, self.steps = place, steps

    def imagine(self) -> dict[str, object]:
        """Four pictures twice, once all together and once one by one."""
        found = []
        for name, batch in (("first", 4), ("second", 1)):
            words = ("imagine", "a 3d dog on the beach", "--steps", 8, "--batch", batch, "--out", self.place / name)
            measured(likewise(*words), LIKEWISE_HOME=str(self.place))
            found.append({path.name: checkpoint.hash_file(path) for path in (self.place / name).glob("0*.png")})
        return {"same": found[0] == found[1] and len(found[0]) == 4, "pictures": found[0]}

    def twice(self) -> dict[str, object]:
        """The same lesson twice, left alone."""
        for name in ("one", "two"):
            measured(likewise(*self._lesson(name)), LIKEWISE_HOME=str(self.place))
        return {"same": self._bytes("one") == self._bytes("two"), "files": self._bytes("one")}

    def killed(self, count: int, seed: int) -> list[dict[str, object]]:
        """The same lesson, killed once at each of `count` moments, then gone on with."""
        rng = seeds.numpy_stream(seed, "kills")
        # every step logs an event and a timing; a save logs one more
        moments = [("step", int(rng.integers(2, 2 * self.steps))) for _ in range(count - 1)]
        moments.append(("save", int(rng.integers(2, 8))))
        return [self._killed(f"killed{index}", *moment) for index, moment in enumerate(moments)]

    def _killed(self, name: str, where: str, at: int) -> dict[str, object]:
        script = [sys.executable, "-c", KILLED, where, str(at), *map(str, self._lesson(name))]
        environment = {"LIKEWISE_HOME": str(self.place)}
        ended = subprocess.run(script, env={**os.environ, **environment}, capture_output=True, check=False).returncode
        places = self.place / name / "checkpoints"
        left = [path.name for path in places.iterdir()] if places.is_dir() else []
        newest = checkpoint.latest(places) if places.is_dir() else None
        measured(likewise(*self._lesson(name), "--resume"), **environment)
        return {
            "where": where,
            "at": at,
            "killed": ended == -signal.SIGKILL,
            "half_written": sum(not one.isdigit() for one in left),
            "resumed_from": int(newest.name) if newest else 0,
            "same": ended == -signal.SIGKILL and self._bytes(name) == self._bytes("one"),
        }

    def _lesson(self, name: str) -> list[object]:
        photos = mascot.photos()[0].parent
        words = ["teach", photos, "--noun", mascot.NOUN, "--name", "pip", "--out", self.place / name, "--no-install"]
        return [*words, "--steps", self.steps, "--batch", 1, "--class-images", 4, "--class-steps", 4, "--no-verdict"]

    def _bytes(self, name: str) -> dict[str, str]:
        """Hashes of the log, the LoRA file, and every checkpoint's tensors."""
        run = self.place / name
        weights = sorted(run.glob("checkpoints/*/state.safetensors"))
        paths = [*(run / file for file in FILES), *weights]
        return {path.relative_to(run).as_posix(): checkpoint.hash_file(path) for path in paths}


if __name__ == "__main__":
    main()
