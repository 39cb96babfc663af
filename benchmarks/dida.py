"""DIDA's attention and penalty against the definition read literally: same figures, how much faster, on one thread.

Run: python benchmarks/dida.py [--nodes 2000 --snapshots 8 --links 5000] [--reference FOLDER]. The literal form projects
every past neighbour again for every time and goes through the interventions one by one. FOLDER may hold a checkout of
the authors' code (its DIDA/model.py is then run with the same weights; torch_scatter and torch_geometric are replaced
by a few lines here). Writes results/dida.json.
"""

import argparse
import json
import math
import statistics
import sys
import time
from pathlib import Path
from types import ModuleType, SimpleNamespace

import torch
from bookkeeping import write
from torch.nn import functional as F

from likewise.dida.attention import past
from likewise.dida.config import Config
from likewise.dida.graph import build
from likewise.dida.networks import make
from likewise.dida.penalty import donors, groups, penalty


def softmax(values, index, size):
    top = torch.full((size, values.shape[1]), -math.inf, dtype=values.dtype)
    top = top.scatter_reduce(0, index[:, None].expand_as(values), values.detach(), "amax")
    raised = torch.exp(values - top[index])
    return raised / (torch.zeros(size, values.shape[1], dtype=values.dtype).index_add(0, index, raised)[index] + 1e-16)


def literal_layer(layer, snapshots, xs, heads):
    """One layer, time by time and snapshot by snapshot, messages along links only."""
    invariant, variant = [], []
    for t, x in enumerate(xs):
        logits, values, targets = [], [], []
        for s in range(t + 1):
            sender, target = snapshots[s]
            q = layer.query(x[target] + layer.time(layer.table[t]))
            k = layer.key(xs[s][sender] + layer.time(layer.table[s]))
            v = layer.value(xs[s][sender] + layer.time(layer.table[s]))
            q, k, v = (part.unflatten(1, (heads, -1)) for part in (q, k, v))
            logits.append((q * k).sum(-1) / math.sqrt(q.shape[-1]))
            values.append(v)
            targets.append(target)
        logit, value, index = torch.cat(logits), torch.cat(values), torch.cat(targets)
        m = softmax(logit, index, len(x))
        n = softmax(-m, index, len(x))
        c, o = (torch.zeros_like(x).index_add(0, index, (w[..., None] * value).flatten(1)) for w in (m, n))
        c = c * layer.mask.softmax(0)
        invariant.append(_network(layer, c + x))
        variant.append(_network(layer, o))
    return invariant, variant


def _network(layer, x):
    return x + layer.network(layer.norm(x))


def literal(net, snapshots, heads):
    xs = [net.enter(net.feature)] * len(snapshots)
    for number, layer in enumerate(net.layers, start=1):
        invariant, variant = literal_layer(layer, snapshots, xs, heads)
        if number < len(net.layers):
            xs = [F.relu(a + b) for a, b in zip(invariant, variant, strict=True)]
    return torch.stack(invariant), torch.stack(variant).detach()


def authors(folder, net, snapshots, config):
    """The authors' network with the same weights, as a function without arguments."""
    for name in ("torch_geometric", "torch_geometric.nn", "torch_geometric.nn.inits", "torch_geometric.utils"):
        sys.modules[name] = ModuleType(name)
    sys.modules["torch_geometric.nn.inits"].glorot = torch.nn.init.xavier_uniform_
    sys.modules["torch_geometric.utils"].softmax = lambda values, index: softmax(values, index, len(net.feature))
    sys.modules["torch_scatter"] = scatter = ModuleType("torch_scatter")
    scatter.scatter = lambda values, index, dim, dim_size, reduce: torch.zeros(
        dim_size, values.shape[1], dtype=values.dtype
    ).index_add(dim, index, values)
    sys.path.insert(0, str(folder))
    from DIDA.model import DGNN

    shape = {"num_nodes": len(net.feature), "nfeat": config.features, "nhid": config.width // 2, "device": "cpu"}
    flags = {"norm": 1, "skip": 0, "dropout": 0.0, "use_RTE": 1, "fmask": 1, "only_causal": 0}
    flags |= {"lin_bias": 0, "learns": 1}
    theirs = DGNN(SimpleNamespace(n_layers=config.layers, heads=config.heads, **shape, **flags)).to(net.feature.dtype)
    names = {"query": "q_linear", "key": "k_linear", "value": "v_linear", "time": "time_emb.lin", "norm": "update_norm"}
    names |= {"network": "cs_mlp", "gate": "update_skip", "mask": "fmask", "table": "time_emb.emb.weight"}
    weights = {"feat": net.feature, "linear.weight": net.enter.weight}
    for number, layer in enumerate(net.layers):
        for name, value in layer.named_parameters():
            head, _, rest = name.partition(".")
            weights[f"layers.{number}.{names[head]}" + (f".{rest}" if rest else "")] = value
    missing, unknown = theirs.load_state_dict(weights, strict=False)
    dead = ("update_linear", "ss_decoder", "fmask")
    assert not unknown and all(any(part in name for part in dead) for name in missing), (missing, unknown)

    def run():
        _, invariant, variant = theirs(snapshots, None)
        return torch.stack(invariant), torch.stack(variant).detach()

    return run, theirs


def timed(run, rounds):
    """Processor seconds, which others at work on the machine disturb least, of forward and backward."""
    seconds = []
    for _ in range(rounds):
        began = time.process_time()
        run()[0].square().mean().backward()
        seconds.append(time.process_time() - began)
    return {"median": statistics.median(seconds), "least": min(seconds)}


def main():
    parser = argparse.ArgumentParser()
    for name, default in (("nodes", 2000), ("snapshots", 8), ("links", 5000), ("rounds", 5), ("draws", 1000)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--reference", type=Path)
    given = parser.parse_args()
    torch.set_num_threads(1)
    random = torch.Generator().manual_seed(0)
    shape = (2, given.links)
    snapshots = [torch.randint(given.nodes, shape, generator=random) for _ in range(given.snapshots)]
    config = Config(both_ways=False)
    graph = build(snapshots, given.nodes)
    began = time.process_time()
    plan = past(graph, both_ways=False)
    sizes = {name: value for name, value in vars(given).items() if name != "reference"}
    found = {**sizes, "plan": time.process_time() - began}

    net = make(config, graph, 0).double()
    ours, plain = net(plan, None), literal(net, snapshots, config.heads)
    gaps = {"literal": max(float((a - b).detach().abs().max()) for a, b in zip(ours, plain, strict=True))}
    if given.reference:
        run, _ = authors(given.reference, net, snapshots, config)
        gaps["authors"] = max(float((a - b).detach().abs().max()) for a, b in zip(ours, run(), strict=True))
    found["largest difference, float64"] = gaps

    net = net.float()
    forms = {"ours": lambda: net(plan, None), "literal": lambda: literal(net, snapshots, config.heads)}
    if given.reference:
        forms["authors"] = authors(given.reference, net, snapshots, config)[0]
    forms["ours"]()[0].sum().backward()  # what is loaded at first use
    found["forward and backward, seconds"] = {name: timed(run, given.rounds) for name, run in forms.items()}
    found["penalty"] = interventions(given, random)
    print(json.dumps(found, indent=2))
    write("dida", found)


def interventions(given, random):
    """The penalty at as many pairs as the graph has links and negatives, and the loop over draws that it stands for."""
    count = 2 * given.links * (given.snapshots - 1)
    logits = torch.randn(count, generator=random, dtype=torch.float64).mul(3).requires_grad_()
    labels = (torch.rand(count, generator=random) < 0.5).double()
    scales = torch.sigmoid(torch.rand(count, generator=random, dtype=torch.float64))
    group = groups("space-time", torch.zeros(count), torch.zeros(count))
    picks = donors("space-time", group, given.draws, 0, 1)

    def fast():
        return penalty(logits, labels, scales, group, picks, given.draws).value

    def loop():
        p, chosen = torch.sigmoid(logits), scales[picks(range(given.draws))][:, 0]
        risks = torch.stack([F.binary_cross_entropy(s * p, labels) for s in chosen])
        return risks.mean() + (given.draws * risks).var()

    seconds, values, slopes = {}, {}, {}
    for name, run in (("ours", fast), ("loop", loop)):
        began = time.process_time()
        value = run()
        (slopes[name],) = torch.autograd.grad(value, logits)
        seconds[name], values[name] = time.process_time() - began, value.item()
    worst = float((slopes["ours"] - slopes["loop"]).abs().max() / slopes["loop"].abs().max())
    return {"pairs": count, "seconds": seconds, "values": values, "largest difference of gradients, relative": worst}


if __name__ == "__main__":
    main()
