"""How long everything takes, and how much memory at most, each in a process of its own.

    python benchmarks/speed.py [--repeat 7] [--without-teach]

Writes results/speed.json. Budgets, on two cores: help 0.5 s, load 4 s, four pictures 8 s, 5 minutes to the chosen
checkpoint, verdict 60 s.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

from bookkeeping import Child, likewise, measured, spread, write

from likewise.demo import mascot

LOAD = """
import json, time
began = time.perf_counter()
import likewise
imported = time.perf_counter()
backbone = likewise.load()
loaded = time.perf_counter()
likewise.imagine("a dog", backbone=backbone, n=4, steps=1)
drawing = time.perf_counter()
likewise.imagine("a 3d dog on the beach", backbone=backbone, n=4, steps=20)
done = time.perf_counter()
print(json.dumps({"load": loaded - began, "four_pictures": done - drawing, "first_four": drawing - loaded}))
"""


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--repeat", type=int, default=7)
    asked.add_argument("--without-teach", action="store_true")
    given = asked.parse_args()
    data = {"help": _help(given.repeat), **_drawing(given.repeat)}
    if not given.without_teach:
        data |= _teach()
    print(json.dumps(data, indent=2))
    print(write("speed", data))


def _help(repeat: int) -> dict[str, object]:
    """`likewise --help`, a new process each time."""
    return _told([measured(likewise("--help")) for _ in range(repeat)])


def _drawing(repeat: int) -> dict[str, object]:
    """Importing and opening the embedded model; then four pictures of 20 steps with it."""
    children = [measured([sys.executable, "-c", LOAD]) for _ in range(repeat)]
    times = [json.loads(child.out) for child in children]
    found = {name: {"seconds": spread([one[name] for one in times])} for name in times[0]}
    return {**found, "load_and_pictures_peak_mib": max(child.peak for child in children)}


def _teach() -> dict[str, object]:
    """The mascot with defaults, nothing cached before: until the chosen checkpoint was written, and the verdict."""
    with tempfile.TemporaryDirectory() as place:
        run = Path(place) / "run"
        began = time.time()
        command = likewise("teach", mascot.photos()[0].parent, "--noun", mascot.NOUN, "--out", run, "--no-install")
        child = measured([*command, "--name", mascot.NAME, "--json"], LIKEWISE_HOME=place)
        chosen = json.loads(child.out)["verdict"]["step"]
        saved = (run / "checkpoints" / f"{chosen:06d}" / "manifest.json").stat().st_mtime - began
        verdict = measured(likewise("verdict", run, "--json"), LIKEWISE_HOME=place)
    return {
        "teach": {"seconds": round(child.seconds, 1), "cpu": round(child.cpu, 1), "peak_mib": child.peak},
        "teach_to_chosen_checkpoint": {"seconds": round(saved, 1), "step": chosen},
        "verdict": {"seconds": round(verdict.seconds, 1), "cpu": round(verdict.cpu, 1), "peak_mib": verdict.peak},
    }


def _told(children: list[Child]) -> dict[str, object]:
    return {
        "seconds": spread([child.seconds for child in children]),
        "cpu": spread([child.cpu for child in children]),
        "peak_mib": max(child.peak for child in children),
    }


if __name__ == "__main__":
    main()
