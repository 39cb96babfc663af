"""What may stand between frozen features and the distance: a residual MLP, or one weight a feature."""

from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

Kind = Literal["mlp", "linear"]


class MLP(nn.Module):
    """x + W2 relu(W1 x + b1) + b2 (arXiv:2306.09344, appendix); the names are those of the released code."""

    kind: Kind = "mlp"

    def __init__(self, width: int, hidden: int = 512) -> None:
        """W2 and b2 start at zero, so that step 0 is the untuned metric."""
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(width, hidden), nn.Linear(hidden, width)
        nn.init.zeros_(self.fc2.weight)
        nn.init.zeros_(self.fc2.bias)

    @property
    def size(self) -> int:
        """The hidden width."""
        return self.fc1.out_features

    def forward(self, features: Float[Tensor, "*batch width"]) -> Float[Tensor, "*batch width"]:
        """The same shape."""
        return features + self.fc2(F.relu(self.fc1(features)))


class Reweighting(nn.Module):
    """exp(log_weight) times each feature: which of them count, and how much. It starts without effect."""

    kind: Kind = "linear"
    size = 0

    def __init__(self, width: int) -> None:
        super().__init__()
        self.log_weight = nn.Parameter(torch.zeros(width))

    def forward(self, features: Float[Tensor, "*batch width"]) -> Float[Tensor, "*batch width"]:
        """The same shape."""
        return features * self.log_weight.exp()


Head = MLP | Reweighting


def make(kind: Kind, width: int, hidden: int = 512) -> Head:
    """A fresh head; its random weights are torch's own initialisation, so key it with seeds.initialising."""
    return MLP(width, hidden) if kind == "mlp" else Reweighting(width)
