"""Snapshots that come one by one: keys and values of the past are kept, so a new one asks of it and changes none.

An embedding of time t is made of snapshots up to t, in every layer. What was computed for the past therefore stays as
it is when a snapshot arrives: an update projects its own nodes and attends once, where a recompute does so for every
time. It is also how a graph too large for all times at once is embedded: time by time, with one time's memory.
"""

import torch
from torch import Tensor

from likewise.dida.attention import Past, past
from likewise.dida.graph import Graph
from likewise.dida.model import Layer, Network
from likewise.errors import TimeTableFullError


class Stream:
    """The kept keys and values, layer by layer, of all senders of a graph so far."""

    def __init__(self, network: Network) -> None:
        self.network, self.times = network, 0
        nothing = network.enter.weight.new_zeros(0, network.config.width)
        self._kept = [(nothing, nothing) for _ in network.layers]
        self._sum: Tensor | float = 0.0  # of features that move, so far

    @torch.no_grad()
    def advance(self, graph: Graph) -> Tensor:
        """The invariant parts of the graph's last snapshot, (N, d); the ones before must have been gone through.

        Raises TimeTableFullError where the network knows no such snapshot.
        """
        assert len(graph) == self.times + 1, "snapshots come one after the other"
        network, t = self.network, self.times
        rows = len(network.layers[0].table)
        if t >= rows and network.config.time_code != "none":
            raise TimeTableFullError(rows)
        plan = past(graph, both_ways=network.config.both_ways, last=True)
        x = network.entered(self._features(graph, t)).index_select(1, plan.order)
        for number, layer in enumerate(network.layers):
            last = number == len(network.layers) - 1
            query = layer.project(layer.query, x, plan.moments)
            kept = self._kept[number] = self._grown(number, layer, x[0], plan)
            own, other = layer.answer(query, *kept, x, plan, last=last, variant=not last and network.passes_variant)
            x = own if last else network.passed_on(own, other)
        self.times += 1
        return x[0].index_select(0, plan.place)

    def through(self, graph: Graph) -> Tensor:
        """The invariant parts of every snapshot that the stream has not seen yet, (T', N, d)."""
        return torch.stack([self.advance(graph.until(t + 1)) for t in range(self.times, len(graph))])

    def _features(self, graph: Graph, t: int) -> Tensor | None:
        """What `Network.features_of` has for time t, of one time's work."""
        features = graph.features
        if features is None or features.ndim == 2:
            return features
        self._sum = features[t : t + 1] + self._sum
        return features[t : t + 1] if self.network.config.moving_features == "newest" else self._sum / (t + 1)

    def _grown(self, number: int, layer: Layer, x: Tensor, plan: Past) -> tuple[Tensor, Tensor]:
        """Keys and values with those of the new snapshot's senders behind; x (N, d)."""
        fresh = plan.snapshot == self.times
        senders = x.index_select(0, plan.place[plan.sender[fresh]])
        key, value = (
            torch.cat([kept, layer.project(linear, senders, plan.snapshot[fresh])])
            for kept, linear in zip(self._kept[number], (layer.key, layer.value), strict=True)
        )
        return key, value
