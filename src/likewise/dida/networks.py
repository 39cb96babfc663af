"""The networks by their name in the settings, each with the plan that it needs of a graph."""

import torch
from torch import Tensor

from likewise import seeds
from likewise.dida.attention import Past, past
from likewise.dida.config import Config
from likewise.dida.graph import Graph
from likewise.dida.model import Entrance, Network
from likewise.dida.rivals import RIVALS, Steps, steps
from likewise.dida.stream import Stream

ROWS = 50  # snapshots that the time table has room for, or as many as there are and a few more
SPARE = 16

Plan = Past | Steps


def make(config: Config, graph: Graph, seed: int) -> Entrance:
    """A fresh network for a graph, its weights drawn from the seed; called as `Network.forward` is."""
    width = None if graph.features is None else graph.features.shape[-1]
    rows = max(ROWS, len(graph) + SPARE)
    kind = RIVALS.get(config.model, Network)
    with seeds.initialising(seed, "dida"):
        network = kind(config, graph.size, width, rows)
        if config.task == "classes":
            network.classified(len(graph.kinds))
        return network


def plan(config: Config, graph: Graph) -> Plan:
    """What a network of these settings has to know of a graph; made once."""
    if config.model in RIVALS:
        return steps(graph, both_ways=config.both_ways, whole=config.model == "gae")
    return past(graph, both_ways=config.both_ways)


@torch.no_grad()
def embed(network: Entrance, graph: Graph) -> Tensor:
    """The invariant parts of every time and node, (T, N, d); time by time where the settings ask for batches."""
    if network.config.batch and isinstance(network, Network):
        return Stream(network).through(graph)
    return network(plan(network.config, graph), network.features_of(graph), variant=False)[0]
