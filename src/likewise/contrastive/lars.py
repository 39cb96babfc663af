"""LARS: stochastic gradient descent with a learning rate of its own for each matrix (arXiv:1708.03888)."""

from collections.abc import Iterable, Mapping
from typing import Any, cast

import torch
from torch import Tensor

TRUST, MOMENTUM = 1e-3, 0.9  # of the published code of CLIP-guided SimCLR


class LARS(torch.optim.Optimizer):
    """v <- 0.9 v + lr * trust * |w| / |g + d w| * (g + d w);  w <- w - v.

    Groups with adapt False (biases, normalisations) take plain steps, without the ratio and without decay.
    """

    def __init__(self, groups: Iterable[Mapping[str, Any]], lr: float) -> None:
        """groups: {"params": ..., "weight_decay": ..., "adapt": ...} each."""
        super().__init__(cast(list[dict[str, Any]], list(groups)), {"lr": lr, "weight_decay": 0.0, "adapt": True})

    @torch.no_grad()
    def step(self) -> None:
        """One step of every group."""
        for group in self.param_groups:
            weights = [weight for weight in group["params"] if weight.grad is not None]
            if weights:
                self._take(group, weights)

    def _take(self, group: Mapping[str, Any], weights: list[Tensor]) -> None:
        many: Any = torch  # its optimisers' own functions over lists, which it does not list as public
        slopes = [weight.grad for weight in weights]
        speeds = [self.state[weight].setdefault("speed", torch.zeros_like(weight)) for weight in weights]
        rate = group["lr"]
        if group["adapt"]:
            slopes = many._foreach_add(slopes, weights, alpha=group["weight_decay"])
            sizes, steeps = many._foreach_norm(weights), many._foreach_norm(slopes)
            ratios = [
                torch.where((size > 0) & (steep > 0), TRUST * size / steep, 1.0)
                for size, steep in zip(sizes, steeps, strict=True)
            ]
            slopes = many._foreach_mul(slopes, ratios)
        many._foreach_mul_(speeds, MOMENTUM)
        many._foreach_add_(speeds, slopes, alpha=rate)
        many._foreach_sub_(weights, speeds)
