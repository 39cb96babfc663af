"""Which past links carried a decision: each one's invariant and variant weight, and what the score is without it."""

from dataclasses import dataclass

import torch
from torch import Tensor

from likewise.dida.graph import Graph
from likewise.dida.model import Network
from likewise.dida.weights import LastLayer, Weights


@dataclass(frozen=True)
class Carrier:
    """One past link as one end of the pair sees it, in the last layer."""

    end: str  # the node of the pair that attends to it
    other: str  # who the link is with
    snapshot: str
    domain: str
    invariant: float  # its share of the end's invariant sum, mean over heads; 0 to 1
    variant: float | None  # its share of the variant sum, which no forecast reads; None for plain attention
    effect: float  # the pair's logit less the logit were this link not there


@dataclass(frozen=True)
class Explanation:
    """Why a pair has the logit that it has after snapshot t."""

    source: str
    target: str
    after: str  # the last snapshot looked at
    logit: float
    probability: float  # calibrated
    own: float  # the logit were no past link seen in the last layer: what the ends' own states bring
    carriers: tuple[Carrier, ...]  # the strongest effect first


@torch.no_grad()
def carriers(network: Network, graph: Graph, pair: tuple[int, int], t: int) -> tuple[float, float, list[Carrier]]:
    """The pair's logit after snapshot t, the same without any past link, and every link of both ends.

    Leaving a message out of a softmax only scales the others' sum: c' = (c - m v) / (1 - m).
    """
    last = LastLayer(network, graph)
    seen = [last.weights(t, node) for node in pair]
    sums = [_sum(one) for one in seen]
    x = [last.x[t, node] for node in pair]
    parts = [last.layer.finish(total[None], own[None])[0] for total, own in zip(sums, x, strict=True)]
    logit = float(parts[0] @ parts[1])
    alone = [last.layer.finish(torch.zeros_like(own)[None], own[None])[0] for own in x]
    found: list[Carrier] = []
    for end in (0, 1):
        without = last.layer.finish(_left_out(seen[end], sums[end]), x[end].expand(len(seen[end].link), -1))
        effects = logit - without @ parts[1 - end]
        found += _named(graph, pair[end], seen[end], effects)
    return logit, float(alone[0] @ alone[1]), sorted(found, key=lambda one: -abs(one.effect))


def _sum(seen: Weights) -> Tensor:
    """The invariant sum of one node, (d,)."""
    return _spread(seen.invariant, seen.value).mul(seen.value).sum(0)


def _left_out(seen: Weights, total: Tensor) -> Tensor:
    """The invariant sum without each message in turn, (M, d); zeros where it was the only one."""
    m = _spread(seen.invariant, seen.value)
    rest = (total - m * seen.value) / (1 - m).clamp(min=1e-6)
    return rest if len(m) > 1 else torch.zeros_like(rest)


def _spread(weights: Tensor, value: Tensor) -> Tensor:
    """(M, h) weights to every number of a value, (M, d): heads share the width."""
    return weights.repeat_interleave(value.shape[1] // weights.shape[1], dim=1)


def _named(graph: Graph, end: int, seen: Weights, effects: Tensor) -> list[Carrier]:
    other = seen.variant.mean(1).tolist() if seen.variant is not None else [None] * len(seen.link)
    return [
        Carrier(graph.nodes[end], graph.nodes[v], graph.labels[s], graph.domains[int(graph.domain[e])], m, n, effect)
        for v, s, e, m, n, effect in zip(
            seen.sender.tolist(),
            seen.snapshot.tolist(),
            seen.link.tolist(),
            seen.invariant.mean(1).tolist(),
            other,
            effects.tolist(),
            strict=True,
        )
    ]
