"""How much every past link counts: the weights that the last layer gives the messages of all links that have come.

`attention` never holds them, as it works in padded blocks. This is the same softmax over the segments of an index, so
its sums are those of `attention`, which a test holds it to.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from likewise.dida.attention import messages, past
from likewise.dida.graph import Graph
from likewise.dida.model import Network


@dataclass(frozen=True)
class Weights:
    """M messages that had come by one time; the weights of a target's messages sum to 1 in each of h heads."""

    sender: Tensor  # (M,)
    target: Tensor  # (M,)
    snapshot: Tensor  # (M,)
    link: Tensor  # (M,) the graph's link that each is of
    invariant: Tensor  # (M, h)
    variant: Tensor | None  # (M, h); None for plain attention
    value: Tensor  # (M, d) what each carries


class LastLayer:
    """The last layer of a network over a graph, asked for the weights of one time after another."""

    @torch.no_grad()
    def __init__(self, network: Network, graph: Graph) -> None:
        plan = past(graph, both_ways=network.config.both_ways)
        self.graph, self.layer, self.config = graph, network.layers[-1], network.config
        x = network.before_last(plan, network.features_of(graph))
        query, key, value = self.layer.ask(x, plan)
        self.x, self.query = (rows.expand(len(graph), -1, -1)[:, plan.place] for rows in (x, query))  # (T, N, d)
        self.sender, self.target, self.snapshot = messages(graph, both_ways=network.config.both_ways)
        cells = plan.snapshot * graph.size + plan.sender
        row = torch.searchsorted(cells, self.snapshot * graph.size + self.sender)
        self.key, self.value = key[row], value[row]

    @torch.no_grad()
    def weights(self, t: int, target: int | None = None) -> Weights:
        """The weights at snapshot t of all messages, or of those to one node."""
        there = self.snapshot <= t
        chosen = torch.nonzero(there if target is None else there & (self.target == target)).squeeze(1)
        to, size = self.target[chosen], self.graph.size
        heads = (self.config.heads, -1)
        key, value = self.key[chosen], self.value[chosen]
        asked = self.query[t].index_select(0, to).unflatten(1, heads)
        logits = (asked * key.unflatten(1, heads)).sum(-1) / math.sqrt(asked.shape[-1])  # (M, h)
        own = softmax(logits, to, size)
        other = None
        if self.config.branches:
            other = softmax(-own if self.config.variant_softmax == "reference" else -logits, to, size)
        link = chosen % self.graph.edges.shape[1]
        return Weights(self.sender[chosen], to, self.snapshot[chosen], link, own, other, value)


def softmax(values: Tensor, index: Tensor, size: int) -> Tensor:
    """The softmax of (M, h) values within each segment of the index (M,) of `size` segments."""
    places = index[:, None].expand_as(values)
    top = values.new_full((size, values.shape[1]), -math.inf).scatter_reduce(0, places, values, "amax")
    raised = torch.exp(values - top[index])
    return raised / values.new_zeros(size, values.shape[1]).index_add(0, index, raised)[index]
