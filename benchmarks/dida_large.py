"""Graphs that do not fit: training by neighbour sampling, its memory, and a stream of new links.

Run: python benchmarks/dida_large.py [--nodes 50000 --links 1000000 --snapshots 64 --stream 10000].
Writes results/dida_large.json; every part is a process of its own and is not run again once its figures are there.

The graph has communities, favourites and friends that last: 60 % of links stay within the source's community, 30 %
repeat an earlier one, targets are drawn with weights 1 / rank.

- fit: the whole of `DIDA.fit` on all links, batch and fan-out as given, until it stops by itself; minutes, memory, and
  its AUC beside EdgeBank's
- memory: by links and by batch, the peak with the graph and its index alone, less that of a graph of 1,000 links; and
  that of 20 steps and their validations above it, for which the batch should count
- stream: the last snapshot's links added to a finished forecaster, by `update` and by going through everything again:
  seconds of both, and the largest difference of an embedding
"""

import argparse
import json
import sys
import time
from itertools import product

import numpy as np
import torch
from bookkeeping import RESULTS, measured, write

from likewise import seeds
from likewise.dida import DIDA
from likewise.dida.config import Config
from likewise.dida.graph import Graph, build
from likewise.dida.learn import Task, learn
from likewise.dida.splits import split
from likewise.dida.stream import Stream

FIGURES = RESULTS / "dida_large.json"
COMMUNITY, WITHIN, AGAIN = 200, 0.6, 0.3  # nodes of a community; shares of links
STEPS = 20


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("nodes", 50_000), ("links", 1_000_000), ("snapshots", 64), ("stream", 10_000)):
        asked.add_argument(f"--{name}", type=int, default=default)
    asked.add_argument("--batch", type=int, default=4096)
    asked.add_argument("--fan-out", type=int, default=8)
    asked.add_argument("--steps", type=int, default=STEPS, help=argparse.SUPPRESS)
    asked.add_argument("--part", choices=("fit", "memory", "stream"), help=argparse.SUPPRESS)
    given = asked.parse_args()
    if given.part:
        print(json.dumps({"fit": fit, "memory": memory, "stream": stream}[given.part](given)))
        return
    bare, few = launch(given, "memory", links=1000, steps=0)["peak_mib"], given.batch // 4
    for links, batch in product((given.links // 4, given.links, 4 * given.links), (given.batch, few)):
        held, found = (launch(given, "memory", links=links, batch=batch, steps=steps) for steps in (0, STEPS))
        graph, above = held["peak_mib"] - bare, found["peak_mib"] - held["peak_mib"]
        print(f"{links:,} links, batch {batch}: graph {graph} MiB, steps {above}, {found['seconds']:.2f} s a step")
    for part in ("stream", "fit"):
        print(part, launch(given, part))


def launch(given: argparse.Namespace, part: str, **other: int) -> dict:
    """The figures of one process, new or kept."""
    options = {**vars(given), **other, "part": part}
    argv = [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]
    kept = json.loads(FIGURES.read_text())["runs"] if FIGURES.exists() else {}
    key = " ".join(argv)
    if key not in kept:
        child = measured([sys.executable, __file__, *argv])
        kept[key] = {**json.loads(child.out.splitlines()[-1]), "peak_mib": child.peak, "wall": round(child.seconds, 1)}
        write(FIGURES.stem, {"runs": kept})
    return kept[key]


def drawn(given: argparse.Namespace, last: int | None = None) -> Graph:
    """The graph; last: links of the last snapshot, if not as many as in the others."""
    random = seeds.numpy_stream(0, "large graph")
    each = [given.links // given.snapshots] * given.snapshots
    each[-1] = last if last is not None else each[-1]
    popular = 1 / np.arange(1, COMMUNITY + 1)
    ranks = np.cumsum(popular / popular.sum())
    order, snapshots = random.permutation(given.nodes), []
    for count in each:
        source = random.integers(given.nodes, size=count)
        near = random.random(count) < WITHIN / (1 - AGAIN)
        home = np.where(near, source, random.integers(given.nodes, size=count)) // COMMUNITY * COMMUNITY
        target = (home + np.searchsorted(ranks, random.random(count))) % given.nodes
        pairs = np.stack([source, target])
        if snapshots:
            again = random.random(count) < AGAIN
            before = snapshots[int(random.integers(len(snapshots)))]
            pairs[:, again] = before[:, random.integers(before.shape[1], size=int(again.sum()))]
        snapshots.append(pairs)
    return build([torch.from_numpy(order[pairs]) for pairs in snapshots], given.nodes)


def fit(given: argparse.Namespace) -> dict:
    """Minutes to the end of training, and what was learned."""
    model = DIDA(batch=given.batch, fan_out=given.fan_out, epochs=1000, min_epochs=100)
    began = time.perf_counter()
    model.fit(drawn(given))
    minutes = (time.perf_counter() - began) / 60
    return {"minutes": round(minutes, 1), **model.validation, "test": model.evaluate(kinds=["auto"])["by_negatives"]}


def memory(given: argparse.Namespace) -> dict:
    """Seconds a step; its parent sees the peak."""
    config = Config(batch=given.batch, fan_out=given.fan_out, epochs=STEPS, validate_every=2 * STEPS)
    graph = drawn(given)
    if not given.steps:
        Task(graph, split(len(graph), config.val_snapshots, config.test_snapshots), config, 0)
        return {}
    steps = learn(graph, config, 0)
    next(steps)
    began = time.perf_counter()
    for _ in range(given.steps - 2):
        next(steps)
    seconds = (time.perf_counter() - began) / (given.steps - 2)
    next(steps)  # the last is validated, as the first
    return {"seconds": round(seconds, 3)}


def stream(given: argparse.Namespace) -> dict:
    """Seconds of an update by as many links as asked for, and of going through everything again."""
    graph = drawn(given, given.stream)
    known = graph.until(len(graph) - 1)
    model = DIDA(batch=given.batch, fan_out=given.fan_out, epochs=2, min_epochs=1, test_snapshots=0).fit(known)
    names = [(graph.nodes[a], graph.nodes[b]) for a, b in graph.links(len(graph) - 1).T.tolist()]
    model.update(names[:1])  # the first update goes through the past; it is not what is timed
    began = time.perf_counter()
    model.update(names)
    updated = time.perf_counter() - began
    began = time.perf_counter()
    model.forecast(20, source=names[0][0])
    told = time.perf_counter() - began
    began = time.perf_counter()
    again = Stream(model._network).through(model.graph)[-1]
    whole = time.perf_counter() - began
    apart = float(np.abs(again.numpy() - model.embed()).max())
    return {"update": round(updated, 2), "forecast": round(told, 2), "recompute": round(whole, 2), "difference": apart}


if __name__ == "__main__":
    main()
