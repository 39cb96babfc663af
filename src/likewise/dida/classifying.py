"""Learn what nodes are, not whom they link with: a linear reader of the invariant parts, under the same interventions.

The embedding of (t, node) is asked for the node's class in snapshot t, where it is known. An intervention multiplies
the logits, class by class, by the sigmoid of what the variant reader makes of a donor's variant part.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from likewise import seeds
from likewise.dida.classes import LastSeen, cells, newest
from likewise.dida.config import Config
from likewise.dida.graph import Graph
from likewise.dida.model import Entrance
from likewise.dida.networks import embed, plan
from likewise.dida.penalty import ROOM, Penalty, Picks, combined, donors, groups, weights
from likewise.dida.robust import Robust
from likewise.dida.splits import Split
from likewise.errors import NothingToLearnError
from likewise.metrics.intervals import bootstrap


class ClassTask:
    """What every step needs, made once; the counterpart of `learn.Task`."""

    def __init__(self, graph: Graph, cut: Split, config: Config, seed: int) -> None:
        """cut: as for links, where t is asked for t + 1; a class is asked of its own snapshot, see `own`."""
        cut = own(cut)
        if graph.classes is None:
            raise NothingToLearnError("The graph has no classes", "Give a file of them with --classes.")
        self.config, self.seed = config, seed
        self.window, self.seen = graph.until(cut.window), graph.until(cut.val.stop)
        self.past, self.later = plan(config, self.window), plan(config, self.seen)
        self.snapshot, self.node, self.labels = cells(graph.classes, cut.train)
        self.asked = cells(graph.classes, cut.val)
        few = len(self.labels.unique()) < 2
        if few or not len(self.asked[0]):
            what = "fewer than two classes" if few else "no class to choose by"
            raise NothingToLearnError(
                f"The snapshots to learn from have {what}", "Give more classes, or cut time otherwise."
            )
        self.objective = Robust(config.objective, config.objective_strength, len(cut.train))

    def gradients(self, network: Entrance, index: int) -> dict[str, float]:
        """Accumulate the gradient of step `index` and return its losses."""
        config = self.config
        assert network.classify is not None and network.reclassify is not None, "a network that classifies"
        random = seeds.stream(self.seed, "dropout", index) if config.dropout else None
        parts, others = network(self.past, network.features_of(self.window), random, variant=config.intervenes)
        logits = network.classify(parts[self.snapshot, self.node])
        loss = self.objective.classes(logits, self.labels, self.snapshot)
        losses = {"task": F.cross_entropy(logits.detach(), self.labels).item()}
        if others is not None:
            read = network.reclassify(others[self.snapshot, self.node].detach())
            group = groups(config.intervention, self.snapshot, self.node)
            picks = donors(config.intervention, group, config.draws, self.seed, index)
            found = penalty(logits, self.labels, torch.sigmoid(read), group, picks, config.draws, config.penalty)
            loss = loss + config.strength * found.value
            losses |= {"risk": found.mean, "risk_variance": found.variance, "spread": found.spread}
            if config.variant_decoder == "trained":
                loss = loss + F.cross_entropy(read, self.labels)
        loss.backward()
        return {"loss": loss.item(), **losses}

    @torch.no_grad()
    def validate(self, network: Entrance) -> float:
        """The accuracy on the validation snapshots; NaN for scores that are not finite."""
        parts, _ = network(self.later, network.features_of(self.seen), variant=False)
        snapshot, node, labels = self.asked
        assert network.classify is not None, "a network that classifies"
        logits = network.classify(parts[snapshot, node])
        return (logits.argmax(1) == labels).float().mean().item() if torch.isfinite(logits).all() else math.nan


def penalty(
    logits: Tensor, labels: Tensor, scales: Tensor, group: Tensor, picks: Picks, draws: int, form: str = "reference"
) -> Penalty:
    """As `likewise.dida.penalty.penalty`, of K nodes and C classes: logits and scales (K, C), labels and group (K,).

    R_i = mean_k CE(s_donor(i, k) * logits_k, y_k), draw by draw; the gradient by the logits is written out, so that
    memory does not grow with the draws.
    """
    scales = scales.detach().double()
    wide, count = logits.double(), len(labels)
    size = max(1, ROOM // logits.numel())
    chunks = [range(first, min(draws, first + size)) for first in range(0, draws, size)]

    def scaled(rows: range) -> tuple[Tensor, Tensor]:
        s = scales[picks(rows)][:, group]  # (rows, K, C)
        return s, (s * wide.detach()).log_softmax(-1)

    right = labels[None, :, None]
    risks = torch.cat([-logs.gather(2, right.expand(len(logs), -1, 1)).mean((1, 2)) for _, logs in map(scaled, chunks)])
    weight, slope = weights(risks, form), torch.zeros_like(wide)
    wanted = F.one_hot(labels, logits.shape[1])
    for rows in chunks:
        s, logs = scaled(rows)
        slope += torch.einsum("i,ikc->kc", weight[rows.start : rows.stop], s * (logs.exp() - wanted))
    linear = (slope / count * wide).sum()  # its gradient is the penalty's, and its value is taken off again
    value = combined(risks, form) + linear - linear.detach()
    return Penalty(value, risks.mean().item(), risks.var().item(), scales.std(unbiased=False).item())


def own(cut: Split) -> Split:
    """The same snapshots to train, choose and test, each asked of its own embedding and not of the one before."""
    train, val, test = cut.train, cut.val, cut.test
    return Split(range(train.stop + 1), range(val.start + 1, val.stop + 1), range(test.start + 1, test.stop + 1))


@dataclass(frozen=True)
class Guess:
    """What a node is taken for."""

    node: str
    kind: str
    probability: float  # of the softmax; it is not calibrated
    known: str | None  # its newest known class, if it ever had one


def guesses(network: Entrance, graph: Graph, t: int) -> list[Guess]:
    """What every node that has had a link by snapshot t is taken for after it, the surest first."""
    assert network.classify is not None and graph.classes is not None, "a network that classifies"
    chances = network.classify(embed(network, graph.until(t + 1))[t]).softmax(1)
    there = graph.edges[:, : graph.ends[t]].unique()
    best, kind = chances[there].max(1)
    known = newest(graph.classes[: t + 1].numpy())
    found = [
        Guess(graph.nodes[node], graph.kinds[k], float(p), graph.kinds[known[node]] if known[node] >= 0 else None)
        for node, k, p in zip(there.tolist(), kind.tolist(), best.tolist(), strict=True)
    ]
    return sorted(found, key=lambda guess: -guess.probability)


def report(name: str, network: Entrance, graph: Graph, times: Sequence[int], seed: int) -> dict[str, Any]:
    """Accuracy and macro F1 of a network on these snapshots, beside a node's newest class before (`LastSeen`), as JSON.

    "nodes": how many; "known": their classes, one a node and snapshot. Intervals resample nodes, each with all its
    snapshots; "over_memory" is the paired difference.
    """
    assert network.classify is not None and graph.classes is not None, "a network that classifies"
    snapshot, node, labels = (part.numpy() for part in cells(graph.classes, times))
    answers = network.classify(embed(network, graph)[snapshot, node]).argmax(1).numpy()
    memory = LastSeen(graph)
    remembered = np.concatenate([memory(t, node[snapshot == t]) for t in times]) if len(labels) else labels
    made: dict[str, Any] = {
        "snapshots": [graph.labels[t] for t in times],
        "nodes": len(np.unique(node)),
        "known": len(labels),
    }
    for who, found in ((name, answers), ("last seen", remembered)):
        right = (found == labels).astype(float)
        each = {t: right[snapshot == t] for t in times}
        made[who] = {
            "accuracy": vars(bootstrap(right, seed=seed, groups=node)),
            "macro_f1": round(macro_f1(found, labels), 4),
            "by_time": {graph.labels[t]: round(float(one.mean()), 4) for t, one in each.items() if len(one)},
        }
    gain = (answers == labels).astype(float) - (remembered == labels)
    made["over_memory"] = vars(bootstrap(gain, seed=seed, groups=node))
    return made


def validation(network: Entrance, graph: Graph, cut: Split, seed: int) -> dict[str, float]:
    """Accuracy on the validation snapshots, of the network and of memory."""
    found = report("accuracy", network, graph, own(cut).val, seed)
    return {name: found[name]["accuracy"]["value"] for name in ("accuracy", "last seen")}


def macro_f1(found: np.ndarray, labels: np.ndarray) -> float:
    """The mean over the classes that occur of 2 TP / (2 TP + FP + FN)."""
    each = []
    for kind in np.unique(labels):
        hits = np.sum((found == kind) & (labels == kind))
        each.append(2 * hits / (np.sum(found == kind) + np.sum(labels == kind)))
    return float(np.mean(each))
