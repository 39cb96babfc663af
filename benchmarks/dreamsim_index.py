"""An index under load: rows in, rows out, a kill in the middle, a restart; recall against comparing every row.

Run: python benchmarks/dreamsim_index.py [--rows 1000000] [--width 64] [--pictures FOLDER ...] [--cuttings 100000]
Synthetic rows lie in a thousand clusters. FOLDERs add rows of real pictures with the embedded metric: each photo is cut
into as many pieces as make --cuttings in all, each a file. The kill is a SIGKILL of a child that is adding.
Each part is written as soon as it is done to results/dreamsim_index.json.
"""

import argparse
import os
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from bookkeeping import WORK, write

from likewise import dreamsim, images, seeds
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


def killed(folder, total, *arguments):
    """A child adds rows and is killed in the middle."""
    child = subprocess.Popen([sys.executable, __file__, "--child", str(folder), *arguments])
    while child.poll() is None and len(list((folder / "rows").glob("*.safetensors"))) < max(1, total // SHARD // 3):
        time.sleep(0.05)
    child.kill()
    child.wait()
    return len(index.open_(folder))


def synthetic(folder, total, width):
    index.create(folder, HASH, width)
    results = {"rows": total, "width": width}
    results["after_the_kill"] = killed(folder, total, "--rows", str(total), "--width", str(width))
    began, memory = time.perf_counter(), peak()
    made = fill(folder, total, width)
    results["seconds_to_add_the_rest"] = round(time.perf_counter() - began, 1)
    results["peak_mib"] = {"before": memory, "after": peak(), "rows_alone": round(total * width * 2 / 2**20)}
    return results | examined(made, total, rows(total, QUERIES, width))


def examined(made, total, queries):
    """What is in an index, what is left when one row in 97 is deleted, and what the graph finds of what is nearest."""
    names = [entry.name for shard in made.shards for entry in shard.entries]
    results = {"lost": total - len(set(names)), "doubled": len(names) - len(set(names))}
    gone = sorted(names)[::97]
    made.delete(gone)
    again = index.open_(made.folder, made.encoder)
    results["rows_after_deleting_and_restart"], results["deleted"] = len(again), len(gone)
    began = time.perf_counter()
    exact = again.query(queries, 10, exact=True)
    results["exact_ms_a_query"] = round(1000 * (time.perf_counter() - began) / len(queries), 2)
    began = time.perf_counter()
    again.query(queries[:1], 10, exact=False)
    results["graph_seconds_to_build"] = round(time.perf_counter() - began, 1)
    began = time.perf_counter()
    near = again.query(queries, 10, exact=False)
    results["graph_ms_a_query"] = round(1000 * (time.perf_counter() - began) / len(queries), 2)
    shared = [len({a.name for a in one} & {b.name for b in other}) / 10 for one, other in zip(near, exact, strict=True)]
    results["recall_at_10"] = round(float(np.mean(shared)), 4)
    results["deleted_ones_found"] = sum(a.name in set(gone) for one in near for a in one)
    return results


def cuttings(folder, photos, count):
    """`count` pieces of the photos, each a file: squares of a third to two thirds of the shorter side, anywhere."""
    made = []
    for number in range(count):
        made.append(folder / f"{number // 1000:03d}" / f"{number:06d}.jpg")
        if made[-1].exists():
            continue
        picture = images.read(photos[number % len(photos)])
        rng = seeds.numpy_stream(0, "cutting", number)
        side = round(min(picture.size) * rng.uniform(1 / 3, 2 / 3))
        left, top = (int(rng.integers(length - side + 1)) for length in picture.size)
        made[-1].parent.mkdir(parents=True, exist_ok=True)
        picture.crop((left, top, left + side, top + side)).save(made[-1], quality=90)
    return made


def real(folder, photos, count):
    """Pieces of photos by the command's own way in; the last ones ask and are not added."""
    paths = cuttings(folder / "pieces", photos, count + QUERIES)
    metric = dreamsim.load()
    index.create(folder / "index", metric.hash, metric.dimension)
    results = {"photos": len(photos), "rows": count, "width": metric.dimension}
    results["after_the_kill"] = killed(
        folder / "index", count, "--ingest", str(folder / "pieces"), "--rows", str(count)
    )
    memory, began = {}, time.perf_counter()
    for end in range(count // 10, count + 1, count // 10):
        if end > results["after_the_kill"]:
            memory[end] = grown(folder / "index", folder / "pieces", end)
    taken = time.perf_counter() - began
    results["seconds_a_picture"] = round(taken / (count - results["after_the_kill"]), 4)
    results["peak_mib_of_who_adds_up_to"] = memory
    return results | examined(index.open_(folder / "index"), count, metric.embed(paths[count:]))


def grown(folder, pieces, rows):
    """A child adds pictures until there are `rows`; its peak in MiB, which is not that of what was before."""
    told = ["--child", str(folder), "--ingest", str(pieces), "--rows", str(rows)]
    child = subprocess.Popen([sys.executable, __file__, *told])
    _, status, used = os.wait4(child.pid, 0)
    if status:
        raise SystemExit(f"adding up to {rows} rows failed: wait status {status}")
    return used.ru_maxrss // 2**10


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 2**10


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--pictures", type=Path, nargs="+", default=[])
    parser.add_argument("--cuttings", type=int, default=100_000)
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--ingest", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.child and asked.ingest:
        ingest(index.open_(asked.child), dreamsim.load(), found([asked.ingest])[: asked.rows])
        return
    if asked.child:
        fill(asked.child, asked.rows, asked.width)
        return
    place, results = WORK / "dreamsim_index", {}
    for part in ("synthetic", "real/index"):
        shutil.rmtree(place / part, ignore_errors=True)
    results["synthetic"] = synthetic(place / "synthetic", asked.rows, asked.width)
    write("dreamsim_index", results)
    if asked.pictures:
        results["real"] = real(place / "real", found(asked.pictures), asked.cuttings)
        write("dreamsim_index", results)
    print(results)


if __name__ == "__main__":
    main()
