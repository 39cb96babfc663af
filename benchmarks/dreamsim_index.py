"""An index under load: rows in, rows out, a kill in the middle, a restart; recall against comparing every row.

Run: python benchmarks/dreamsim_index.py [--rows 1000000] [--width 64] [--pictures FOLDER]. Synthetic rows lie in a
thousand clusters; FOLDER adds real ones, with the embedded metric. The kill is a SIGKILL of a child that is adding.
Each part is written as soon as it is done to results/dreamsim_index.json.
"""

import argparse
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from bookkeeping import WORK, write

from likewise import dreamsim
from likewise.dreamsim import index
from likewise.dreamsim.index import SHARD, Entry
from likewise.dreamsim.ingest import ingest
from likewise.dreamsim.pictures import found

HASH = "0" * 64
QUERIES = 200


def rows(start, count, width):
    """Rows start .. start + count of an endless list: any part of it is the same whoever asks."""
    made = []
    for block in range(start // SHARD, -(-(start + count) // SHARD)):
        random = np.random.Generator(np.random.Philox(key=block))
        centre = np.random.Generator(np.random.Philox(key=10**9)).normal(size=(1000, width))
        made.append(centre[random.integers(1000, size=SHARD)] + 0.7 * random.normal(size=(SHARD, width)))
    values = np.concatenate(made)[start % SHARD :][:count]
    return (values / np.linalg.norm(values, axis=1, keepdims=True)).astype(np.float32)


def fill(folder, total, width):
    """Add up to `total` rows, from where the index is."""
    made = index.open_(folder, HASH)
    for start in range(sum(len(shard.entries) for shard in made.shards), total, SHARD):
        count = min(SHARD, total - start)
        made.add(rows(start, count, width), [Entry(f"{n}", f"{n:064d}") for n in range(start, start + count)])
    return made


def killed(folder, total, width):
    """A child adds rows and is killed in the middle."""
    child = subprocess.Popen(
        [sys.executable, __file__, "--child", str(folder), "--rows", str(total), "--width", str(width)]
    )
    while len(list((folder / "rows").glob("*.safetensors"))) < max(1, total // SHARD // 3):
        time.sleep(0.05)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    return len(index.open_(folder, HASH))


def synthetic(folder, total, width):
    index.create(folder, HASH, width)
    results = {"rows": total, "width": width, "after_the_kill": killed(folder, total, width)}
    began, memory = time.perf_counter(), peak()
    made = fill(folder, total, width)
    results["seconds_to_add_the_rest"] = round(time.perf_counter() - began, 1)
    results["peak_mib"] = {"before": memory, "after": peak(), "rows_alone": round(total * width * 2 / 2**20)}
    names = [entry.name for shard in made.shards for entry in shard.entries]
    results["lost"], results["doubled"] = total - len(set(names)), len(names) - len(set(names))
    gone = [str(n) for n in range(0, total, 97)]
    made.delete(gone)
    again = index.open_(folder, HASH)
    results["rows_after_deleting_and_restart"], results["deleted"] = len(again), len(gone)
    queries = rows(total, QUERIES, width)
    began = time.perf_counter()
    exact = again.query(queries, 10, exact=True)
    results["exact_ms_a_query"] = round(1000 * (time.perf_counter() - began) / QUERIES, 2)
    began = time.perf_counter()
    again.query(queries[:1], 10, exact=False)
    results["graph_seconds_to_build"] = round(time.perf_counter() - began, 1)
    near = again.query(queries, 10, exact=False)
    shared = [len({a.name for a in one} & {b.name for b in other}) / 10 for one, other in zip(near, exact, strict=True)]
    results["recall_at_10"] = round(float(np.mean(shared)), 4)
    results["deleted_ones_found"] = sum(a.name in set(gone) for one in near for a in one)
    return results


def real(folder, pictures):
    metric, paths = dreamsim.load(), found([pictures])
    made = index.create(folder, metric.hash, metric.dimension)
    began = time.perf_counter()
    done = ingest(made, metric, paths)
    return {"pictures": done.added, "seconds_a_picture": round((time.perf_counter() - began) / len(paths), 4)}


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 2**10


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--pictures", type=Path)
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.child:
        fill(asked.child, asked.rows, asked.width)
        return
    place, results = WORK / "dreamsim_index", {}
    shutil.rmtree(place, ignore_errors=True)
    results["synthetic"] = synthetic(place / "synthetic", asked.rows, asked.width)
    write("dreamsim_index", results)
    if asked.pictures:
        results["real"] = real(place / "real", asked.pictures)
        write("dreamsim_index", results)
    print(results)


if __name__ == "__main__":
    main()
