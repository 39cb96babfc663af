"""Does DIDA hold where features betrayed the next snapshot in training and no longer do? Variants, baselines, seeds.

Run: python benchmarks/dida_shift.py [--nodes 300 --links 600 --seeds 3 --epochs 100 --strengths 0.4 0.6 0.8]. The world
is likewise.dida.shift's: groups that last, meetings that do not, 16 features that tell the group and 16 that leak. It
was frozen on what plain attention loses by the shift, before anything else ran on it. Every (strength, seed, variant)
is kept in results/dida_shift_NODES_LEAK.json as soon as it is done, and is not run again.
"""

import argparse
import itertools
import json
import statistics
import time

import numpy as np
import torch
from bookkeeping import RESULTS, write

from likewise.dida import measures, shift
from likewise.dida.config import Config
from likewise.dida.edgebank import EdgeBank
from likewise.dida.evaluation import scorer
from likewise.dida.learn import best, learn
from likewise.dida.networks import embed, make
from likewise.dida.splits import split
from likewise.metrics.intervals import paired

FLEETING, WIDTH, TEST = 0.3, 16, 4
NEWEST = {"moving_features": "newest"}  # as the authors' code and every baseline's: all but the first five
VARIANTS = {
    "dida": {},
    "dida, settled, masked": {"feature_mask": True},
    "attention, settled": {"model": "attention"},
    "dysat, settled": {"model": "dysat"},
    "gcn-gru, settled": {"model": "gcn-gru"},
    "attention": {"model": "attention", **NEWEST},
    "dida, newest": NEWEST,
    "dida, masked": {"feature_mask": True, **NEWEST},
    "dida, no penalty": {"strength": 0.0, **NEWEST},
    "dida, masked, no penalty": {"feature_mask": True, "strength": 0.0, **NEWEST},
    "dida, penalty 0.1": {"strength": 0.1, **NEWEST},
    "dida, penalty 10": {"strength": 10.0, **NEWEST},
    "dida, only invariant": {"only_invariant": True, **NEWEST},
    "dida, paper's softmax": {"variant_softmax": "paper", **NEWEST},
    "dida, trained decoder": {"variant_decoder": "trained", **NEWEST},
    "dida, pairwise": {
        "variant_decoder": "trained", "penalty": "paper", "intervention": "pairwise", "strength": 1.0, "draws": 50,
        **NEWEST,
    },
    "dysat": {"model": "dysat", **NEWEST},
    "gae": {"model": "gae", **NEWEST},
    "gcn-gru": {"model": "gcn-gru", **NEWEST},
    "evolvegcn": {"model": "evolvegcn", **NEWEST},
    "attention, irm": {"model": "attention", "objective": "irm", **NEWEST},
    "attention, vrex": {"model": "attention", "objective": "vrex", **NEWEST},
    "attention, groupdro": {"model": "attention", "objective": "groupdro", "objective_strength": 0.01, **NEWEST},
}  # fmt: skip


def world(given, strength, seed):
    sizes = {"nodes": given.nodes, "links": given.links, "snapshots": given.snapshots + 1}
    graph = shift.world(seed, fleeting=FLEETING, **sizes)
    return shift.leak(graph, strength=strength, test_snapshots=TEST, seed=seed, width=WIDTH, by=given.leak)


def auc(graph, times, score):
    return float(np.mean([measures.wins(one, score).mean() for one in measures.trials(graph, times, rivals=1)]))


def run(graph, config, seed):
    began = time.process_time()
    *_, step = learn(graph, config, seed)
    state = step.state()
    network = make(config, graph, seed)
    network.load_state_dict(best(state))
    score, cut = scorer(embed(network, graph)), split(len(graph), config.val_snapshots, config.test_snapshots)
    found = {"train": auc(graph, list(cut.train), score), "test": auc(graph, list(cut.test), score)}
    about = state.data["best"]
    spread = step.losses.get("spread")
    return {**found, "val": about["val_auc"], "step": about["step"], "spread": spread,
            "cpu_seconds": time.process_time() - began}  # fmt: skip


def _is(run, strength, name):
    return (run["strength"], run["variant"]) == (strength, name)


def summed(runs):
    """Means over seeds, and the gain of each variant over plain attention, paired by seed."""
    table = {}
    for strength, name in sorted({(run["strength"], run["variant"]) for run in runs}):
        mine = {run["seed"]: run for run in runs if _is(run, strength, name)}
        row = {part: round(statistics.mean(run[part] for run in mine.values()), 4) for part in ("train", "test")}
        plain = {
            run["seed"]: run["test"] for run in runs if (run["strength"], run["variant"]) == (strength, "attention")
        }
        seeds = sorted(mine.keys() & plain.keys())
        if name != "attention" and seeds:
            gain = paired([mine[seed]["test"] for seed in seeds], [plain[seed] for seed in seeds])
            row["over attention"] = [round(value, 4) for value in (gain.value, gain.low, gain.high)]
        table[f"{strength}: {name}"] = {**row, "seeds": len(mine)}
    return table


def main():
    parser = argparse.ArgumentParser()
    sizes = (("nodes", 300), ("links", 600), ("snapshots", 11), ("seeds", 3), ("epochs", 100))
    for name, default in sizes:
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--leak", choices=("eigenvectors", "sketch"), default="eigenvectors")
    parser.add_argument("--strengths", type=float, nargs="+", default=[0.8])
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=list(VARIANTS))
    given = parser.parse_args()
    torch.set_num_threads(1)
    about = {name: getattr(given, name) for name in ("nodes", "links", "snapshots", "epochs")}
    path = RESULTS / f"dida_shift_{given.nodes}_{given.leak}.json"
    runs = json.loads(path.read_text())["runs"] if path.exists() else []
    done = {(run["strength"], run["variant"], run["seed"]) for run in runs}
    for strength, seed in itertools.product(given.strengths, range(given.seeds)):
        graph = world(given, strength, seed)
        times = split(len(graph), 1, TEST)
        if (strength, "edgebank", seed) not in done:
            memory = {part: auc(graph, list(getattr(times, part)), EdgeBank(graph)) for part in ("train", "test")}
            runs.append({"strength": strength, "variant": "edgebank", "seed": seed, **memory})
        for name in given.variants:
            if (strength, name, seed) in done:
                continue
            how = {"epochs": given.epochs, "validate_every": 10, "test_snapshots": TEST, **VARIANTS[name]}
            runs.append({"strength": strength, "variant": name, "seed": seed, **run(graph, Config(**how), seed)})
            write(path.stem, {**about, "fleeting": FLEETING, "summary": summed(runs), "runs": runs})
            print(json.dumps(runs[-1]), flush=True)
    print(json.dumps(summed(runs), indent=2))


if __name__ == "__main__":
    main()
