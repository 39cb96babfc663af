"""What changed: the links, the embeddings, the attention and the score of each domain, snapshot by snapshot.

A forecast fails under shift in one of three ways that a figure at the end cannot tell apart: the links come from
elsewhere (new pairs, another mix of domains), the nodes' states move, or the attention looks at what no longer holds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from torch import Tensor

from likewise.dida import measures
from likewise.dida.graph import Graph
from likewise.dida.model import Network
from likewise.dida.negatives import Pool
from likewise.dida.splits import Split
from likewise.dida.weights import LastLayer
from likewise.metrics.intervals import bootstrap

DRAWS = 500  # of each interval: there is one a domain and snapshot
PERIODS = ("training", "validation", "test")
NUMBERS = ("links", "new_pairs", "new_nodes", "mix", "drift", "age", "auc")


def changes(
    network: Network, graph: Graph, parts: Tensor, split: Split, scorer: measures.Scorer, *, seed: int = 0
) -> dict[str, Any]:
    """The shift report, as JSON. parts (T, N, d): the invariant ones of every time.

    "by_time": for each scored snapshot its place among all (from 0), period, links, "new_pairs" and "new_nodes"
    (shares never seen before), "mix" (total variation between its domains and training's, 0 to 1), "drift" (mean
    cosine distance of a linked node's embedding from the one before), "age" (snapshots back that the invariant weights
    look, mean over nodes) and "auc". "by_domain": AUC with interval at each snapshot, and over each period, and the
    domain's share of links, of the invariant and of the variant weights. "attention": row t, column s, the share of
    weight at t on links of s. "by_period": means.
    """
    times = [t for t in range(len(graph) - 1) if graph.links(t + 1).numel()]
    scored = {one.t: (one, measures.wins(one, scorer)) for one in measures.trials(graph, times, seed=seed, rivals=1)}
    seen = _attention(network, graph)
    mixes = _mixes(graph)
    usual = mixes[: split.window + 1].sum(0) / max(1.0, mixes[: split.window + 1].sum())
    rows = []
    for t, (_, wins) in scored.items():
        mix = mixes[t + 1] / mixes[t + 1].sum()
        row = {"snapshot": graph.labels[t + 1], "place": t + 1, "period": _period(split, t)}
        row |= {"links": graph.links(t + 1).shape[1]}
        row |= _novelty(graph, t) | {"mix": float(np.abs(mix - usual).sum() / 2), "drift": _drift(graph, parts, t)}
        rows.append(row | {"age": seen["age"][t], "auc": float(wins.mean())})
    return {
        "by_time": rows,
        "by_period": {name: _means([row for row in rows if row["period"] == name]) for name in PERIODS},
        "by_domain": _by_domain(graph, split, scored, seen, seed),
        "attention": seen["shares"],
        "snapshots": list(graph.labels),
    }


def _period(split: Split, t: int) -> str:
    return "training" if t in split.train else "validation" if t in split.val else "test"


def _means(rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    return {name: float(np.mean([row[name] for row in rows])) for name in NUMBERS} if rows else {}


def _mixes(graph: Graph) -> np.ndarray:
    """Links by snapshot and domain, (T, D)."""
    numbers = graph.snapshot_of * len(graph.domains) + graph.domain
    counts = torch.bincount(numbers, minlength=len(graph) * len(graph.domains))
    return counts.reshape(len(graph), -1).double().numpy()


def _novelty(graph: Graph, t: int) -> dict[str, float]:
    """The shares of snapshot t + 1's pairs, and of its nodes, that were never seen up to t."""
    pool, before, now = Pool(graph), graph.edges[:, : graph.ends[t]], graph.links(t + 1)
    pairs, nodes = pool.keys(now), np.unique(now.numpy())
    fresh = ~np.isin(pairs, pool.keys(before))
    return {"new_pairs": float(fresh.mean()), "new_nodes": float((~np.isin(nodes, before.numpy())).mean())}


def _drift(graph: Graph, parts: Tensor, t: int) -> float:
    """The mean of 1 - cos(z_t, z_{t-1}) over the nodes that link in snapshot t + 1."""
    if t == 0:
        return 0.0
    nodes = graph.links(t + 1).unique()
    now, before = parts[t].index_select(0, nodes), parts[t - 1].index_select(0, nodes)
    return float((1 - torch.cosine_similarity(now, before, dim=1)).mean())


def _attention(network: Network, graph: Graph) -> dict[str, Any]:
    """Where the weights of every time go: by the snapshot of a link ("shares", "age"), and by its domain."""
    last, count = LastLayer(network, graph), len(graph.domains)
    shares, ages = [], []
    domains = {"links": np.zeros(count), "invariant": np.zeros(count), "variant": np.zeros(count)}
    for t in range(len(graph)):
        found = last.weights(t)
        nodes = max(1, len(found.target.unique()))
        own = found.invariant.mean(1)
        by_snapshot = torch.bincount(found.snapshot, own, minlength=len(graph)) / nodes
        shares.append(by_snapshot.tolist())
        ages.append(float((by_snapshot * (t - torch.arange(len(graph)))).sum()))
        domain = graph.domain[found.link]
        each = 1 / torch.bincount(found.target, minlength=graph.size)[found.target]  # were all weights alike
        for name, weight in (("links", each), ("invariant", own), ("variant", _mean(found.variant))):
            if weight is not None:
                domains[name] += torch.bincount(domain, weight, minlength=count).double().numpy() / nodes / len(graph)
    return {"shares": shares, "age": ages, "domains": domains}


def _mean(weights: Tensor | None) -> Tensor | None:
    return None if weights is None else weights.mean(1)


def _by_domain(
    graph: Graph,
    split: Split,
    scored: Mapping[int, tuple[measures.Trial, np.ndarray]],
    seen: Mapping[str, Any],
    seed: int,
) -> dict[str, Any]:
    found = {}
    for number, name in enumerate(graph.domains):
        series, periods = [], {period: [] for period in PERIODS}
        for t, (trial, wins) in scored.items():
            own = trial.domain == number
            if own.any():
                span = bootstrap(wins[own], seed=seed, groups=trial.links[0].numpy()[own], draws=DRAWS)
                series.append({"snapshot": graph.labels[t + 1], "place": t + 1, **asdict(span)})
                periods[_period(split, t)].append(wins[own])
        means = {period: float(np.concatenate(each).mean()) for period, each in periods.items() if each}
        shares = {f"{kind}_share": float(each[number]) for kind, each in seen["domains"].items()}
        found[name] = {"auc": series, "auc_by_period": means, **shares}
    return found
