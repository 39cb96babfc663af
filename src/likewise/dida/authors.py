"""Weights of the authors' implementation, by its names, in and out of ours; nothing but names differs.

Theirs hold parameters that nothing reads (`update_linear` of each layer, `fmask` of the whole, and `feat` where
features are given); they are left out on the way in. Theirs pass messages along links only: load with both_ways=False.
"""

from collections.abc import Mapping

from torch import Tensor

from likewise.dida.config import Config
from likewise.dida.graph import Graph
from likewise.dida.model import Network
from likewise.dida.networks import ROWS
from likewise.errors import AuthorsWeightsError

NAMES = {
    "query": "q_linear",
    "key": "k_linear",
    "value": "v_linear",
    "time": "time_emb.lin",
    "table": "time_emb.emb.weight",
    "norm": "update_norm",
    "network": "cs_mlp",
    "gate": "update_skip",
    "mask": "fmask",
}
DEAD = ("update_linear",)


def theirs(name: str) -> str:
    """The authors' name of one of our parameters: layers.0.query.bias is layers.0.q_linear.bias."""
    if name in ("feature", "enter.weight"):
        return {"feature": "feat", "enter.weight": "linear.weight"}[name]
    head, _, rest = name.partition(".")
    if head == "variant":  # our Sequential has a ReLU between its two
        number, _, kind = rest.partition(".")
        return f"ss_decoder.lins.{int(number) // 2}.{kind}"
    number, _, rest = rest.partition(".")
    part, _, kind = rest.partition(".")
    return ".".join(filter(None, ["layers", number, NAMES[part], kind]))


def load(weights: Mapping[str, Tensor], config: Config, graph: Graph) -> Network:
    """A network with the authors' weights. Raises AuthorsWeightsError where a name or a shape does not fit."""
    width = None if graph.features is None else graph.features.shape[-1]
    network = Network(config, graph.size, width, ROWS)
    own = {name: theirs(name) for name in network.state_dict()}
    needless = {"fmask", "feat"} | {name for name in weights if any(f".{dead}." in name for dead in DEAD)}
    missing = [name for name in own.values() if name not in weights]
    unknown = [name for name in weights if name not in own.values() and name not in needless]
    shapes = [
        f"{name} is {tuple(weights[name].shape)}, not {tuple(value.shape)}"
        for ours, value in network.state_dict().items()
        if (name := own[ours]) in weights and weights[name].shape != value.shape
    ]
    if missing or unknown or shapes:
        raise AuthorsWeightsError(missing, unknown, shapes)
    network.load_state_dict({ours: weights[name] for ours, name in own.items()})
    return network


def named(network: Network) -> dict[str, Tensor]:
    """A network's weights by the authors' names, without those that nothing reads."""
    return {theirs(name): value for name, value in network.state_dict().items()}
