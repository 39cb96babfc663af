"""DIDA's training against the definition read literally and the authors' code: same losses, time and memory an epoch.

Run: python benchmarks/dida.py [--nodes 2000 --links 5000 --snapshots 8 16] [--reference FOLDER]. Every form runs in a
process of its own, on one thread, with the same weights, negatives and donors. The literal form projects every past
neighbour again for every time, looks at all snapshots and goes through the interventions one by one. FOLDER may hold a
checkout of the authors' code (its DIDA/model.py is then trained by the same loop; torch_scatter and torch_geometric are
replaced by a few lines here). "without" takes one fast path away from ours at a time. Graphs are random; the size of
COLLAB is --nodes 23035 --links 9500 --snapshots 16. Every process's figures are kept in results/dida.json as soon as it
is done, and it is not run again.
"""

import argparse
import json
import sys
import time
from pathlib import Path
from types import ModuleType, SimpleNamespace

import torch
from bookkeeping import RESULTS, measured, spread, write
from torch.nn import functional as F

from likewise.dida import authors, penalty
from likewise.dida.attention import past
from likewise.dida.config import Config
from likewise.dida.graph import build
from likewise.dida.learn import Task
from likewise.dida.networks import make
from likewise.dida.splits import split

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from oracles.dida import literal, segment_softmax

FIGURES = RESULTS / "dida.json"
WITHOUT = ("attention in blocks", "truncated window", "interpolated penalty")
LEARNED = {"test_snapshots": 2, "both_ways": False, "feature_mask": True}  # as the authors' code


def problem(given, times, dtype):
    random = torch.Generator().manual_seed(0)
    graph = build([torch.randint(given.nodes, (2, given.links), generator=random) for _ in range(times)], given.nodes)
    config = Config(draws=given.draws, strength=0.1, **LEARNED)
    cut = split(times, config.val_snapshots, config.test_snapshots)
    net = make(config, graph, 0).to(dtype)
    net.variant.requires_grad_(False)
    return graph, config, net, Task(graph, cut, config, 0)


def loops(task, invariant, variant, index):
    """The loss as the authors' loop makes it, from both kinds of parts (T, N, d) and the variant decoder's reader."""
    pairs, config = task.pairs(index), task.config
    flat = invariant.flatten(0, 1)
    p = torch.sigmoid((flat[pairs.rows[0]] * flat[pairs.rows[1]]).sum(1))
    read = torch.sigmoid(variant(pairs.rows).detach())
    labels = pairs.labels.to(p.dtype)
    _, picks = task._donors(pairs, index)
    risks = [F.binary_cross_entropy(s * p, labels) for s in read[picks(range(config.draws))[:, 0]]]
    risks = torch.stack(risks)
    return F.binary_cross_entropy(p, labels) + config.strength * (risks.mean() + (config.draws * risks).var())


def ours(graph, config, net, task, without):
    """A step of ours, perhaps without one of its fast paths."""
    if "truncated window" in without:
        task.window, task.past = graph, past(graph, both_ways=False)
    snapshots = [task.window.links(t) for t in range(len(task.window))]
    if "attention in blocks" in without:
        net.forward = lambda plan, features, random=None, variant=True: literal(net, snapshots, config.heads)
    if "interpolated penalty" in without:
        penalty.GROUPS = -1

    def step(index):
        return task.gradients(net, index)["loss"]

    return step, net.parameters()


def plainly(graph, config, net, task):
    """The literal definition, over all snapshots."""
    snapshots = [graph.links(t) for t in range(len(graph))]

    def step(index):
        invariant, variant = literal(net, snapshots, config.heads)
        rows = variant.flatten(0, 1)
        loss = loops(task, invariant, lambda pairs: net.variant_score(rows, pairs), index)
        loss.backward()
        return loss.item()

    return step, net.parameters()


def reference(folder, graph, config, net, task):
    """The authors' network with our weights, in the same loop."""
    for name in ("torch_geometric", "torch_geometric.nn", "torch_geometric.nn.inits", "torch_geometric.utils"):
        sys.modules[name] = ModuleType(name)
    sys.modules["torch_geometric.nn.inits"].glorot = torch.nn.init.xavier_uniform_
    sys.modules["torch_geometric.utils"].softmax = lambda values, index: segment_softmax(values, index, graph.size)
    sys.modules["torch_scatter"] = scatter = ModuleType("torch_scatter")
    scatter.scatter = lambda values, index, dim, dim_size, reduce: torch.zeros(
        dim_size, values.shape[1], dtype=values.dtype
    ).index_add(dim, index, values)
    sys.path.insert(0, str(folder))
    from DIDA.model import DGNN

    shape = {"num_nodes": graph.size, "nfeat": config.features, "nhid": config.width // 2, "device": "cpu"}
    flags = {"norm": 1, "skip": 0, "dropout": 0.0, "use_RTE": 1, "fmask": 1, "only_causal": 0}
    flags |= {"lin_bias": 0, "learns": 1, "n_layers": config.layers, "heads": config.heads}
    theirs = DGNN(SimpleNamespace(**shape, **flags)).to(net.feature.dtype)
    missing, unknown = theirs.load_state_dict(authors.named(net), strict=False)
    assert not unknown and all("update_linear" in name or name == "fmask" for name in missing), (missing, unknown)
    snapshots = [graph.links(t) for t in range(len(graph))]

    def step(index):
        _, invariant, variant = theirs(snapshots, None)
        rows = torch.stack(variant).flatten(0, 1).detach()
        loss = loops(task, torch.stack(invariant), lambda pairs: theirs.ss_decoder(rows, pairs), index)
        loss.backward()
        return loss.item()

    return step, [weight for name, weight in theirs.named_parameters() if "ss_decoder" not in name]


def child(given):
    """Train by one form and print its losses, seconds an epoch and peak memory."""
    torch.set_num_threads(1)
    (times,) = given.snapshots
    graph, config, net, task = problem(given, times, torch.float64 if given.double else torch.float32)
    made = {
        "ours": lambda: ours(graph, config, net, task, given.without),
        "literal": lambda: plainly(graph, config, net, task),
        "authors": lambda: reference(given.reference, graph, config, net, task),
    }
    step, weights = made[given.child]()
    optimiser = torch.optim.Adam([one for one in weights if one.requires_grad], lr=config.lr, weight_decay=5e-7)
    losses, seconds = [], []
    for index in range(1, given.epochs + 2):
        began = time.process_time()
        losses.append(step(index))
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        seconds.append(time.process_time() - began)
    print(json.dumps({"losses": losses[:-1], "seconds": seconds[1:]}))  # the first also asks the system for memory


def launch(given, form, times, epochs, *flags):
    """The figures of one process, new or kept."""
    argv = ["--child", form, "--snapshots", times, "--epochs", epochs, *flags]
    for name in ("nodes", "links", "draws"):
        argv += [f"--{name}", getattr(given, name)]
    key = " ".join(map(str, argv[1:]))
    kept = json.loads(FIGURES.read_text()) if FIGURES.exists() else {}
    runs = kept.get("runs", {})
    if key not in runs:
        argv += ["--reference", given.reference] if given.reference else []
        found = measured([sys.executable, __file__, *map(str, argv)])
        data = json.loads(found.out.splitlines()[-1])
        runs[key] = {"losses": data["losses"], "cpu_seconds": spread(data["seconds"]), "peak_mib": found.peak}
        write(FIGURES.stem, {**kept, "runs": runs})
        print(key, runs[key]["cpu_seconds"], runs[key]["peak_mib"], flush=True)
    return dict(runs[key])


def compared(given, times, forms):
    """Seconds and memory an epoch of every form, and what ours are of theirs; memory without that of the imports.

    Forms take turns, round by round, so that a slow minute of the machine meets them all; each round's quickest epoch
    counts, and a ratio is of one round.
    """
    ways = {form: (form,) for form in forms} | {f"ours without {path}": ("ours", "--without", path) for path in WITHOUT}
    found = {name: [] for name in ways}
    for number in range(given.rounds):
        for name, (form, *flags) in ways.items():
            found[name].append(launch(given, form, times, given.epochs, "--round", number, *flags))
    small = SimpleNamespace(**{**vars(given), "nodes": 20, "links": 10, "draws": 2})
    bare = launch(small, "ours", times, 1)["peak_mib"]
    mine, table = found["ours"], {}
    for name, runs in found.items():
        own = max(run["peak_mib"] for run in runs) - bare
        ratios = [a["cpu_seconds"]["min"] / b["cpu_seconds"]["min"] for a, b in zip(runs, mine, strict=True)]
        table[name] = {
            "cpu_seconds": spread([run["cpu_seconds"]["min"] for run in runs]),
            "own_mib": own,
            "time over ours": spread(ratios),
            "memory of ours over it": round((max(run["peak_mib"] for run in mine) - bare) / max(1, own), 3),
        }
    return table


def alike(given, forms):
    """The largest relative difference of a loss from that of the last form, in double precision."""
    losses = {form: launch(given, form, given.snapshots[0], given.parity, "--double")["losses"] for form in forms}
    gaps = {}
    for form in forms:
        each = [abs(a - b) / abs(b) for a, b in zip(losses[form], losses[forms[-1]], strict=True)]
        gaps[form] = {"first epoch": each[0], f"all of {given.parity}": max(each)}
    return gaps


def main():
    parser = argparse.ArgumentParser()
    for name, default in (("nodes", 2000), ("links", 5000), ("draws", 1000), ("epochs", 2), ("parity", 20)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--snapshots", type=int, nargs="+", default=[8])
    parser.add_argument("--reference", type=Path)
    parser.add_argument("--child", choices=("ours", "literal", "authors"), help=argparse.SUPPRESS)
    parser.add_argument("--without", nargs="*", choices=WITHOUT, default=[], help=argparse.SUPPRESS)
    parser.add_argument("--round", help=argparse.SUPPRESS)
    parser.add_argument("--double", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        child(given)
        return
    forms = ["ours", "literal", *(["authors"] if given.reference else [])]
    sizes = {name: getattr(given, name) for name in ("nodes", "links", "draws", "epochs")}
    found = {**sizes, **{f"{times} snapshots": compared(given, times, forms) for times in given.snapshots}}
    found["largest relative difference of losses"] = alike(given, [forms[0], forms[-1]])
    runs = json.loads(FIGURES.read_text())["runs"]
    write(FIGURES.stem, {"summary": found, "runs": runs})
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
