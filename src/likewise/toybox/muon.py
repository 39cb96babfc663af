"""Muon: momentum whose every matrix is made orthogonal before it is applied (Keller Jordan, 2024); AdamW for the rest.

Convolutions count as matrices (out, in * height * width). The Newton-Schulz iteration runs on the small Gram matrix
rather than on the matrix itself, which costs a third for the shapes of a U-Net and gives the same polynomial.
"""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

QUINTIC = (3.4445, -4.7750, 2.0315)  # coefficients that take singular values of 0 to 1 near 1 in few iterations
ITERATIONS = 5
RMS = 0.2  # root mean square of an update a unit of learning rate: what AdamW's is about (arXiv:2502.16982, eq. 4)


class Muon(torch.optim.Optimizer):
    """Muon for `matrices` (two or more axes), AdamW for `others`; one learning rate for both."""

    def __init__(
        self,
        matrices: Iterable[Tensor],
        others: Iterable[Tensor],
        lr: float,
        *,
        momentum: float = 0.95,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.01,
    ) -> None:
        groups = [{"params": list(matrices), "matrices": True}, {"params": list(others), "matrices": False}]
        super().__init__(groups, {"lr": lr, "momentum": momentum, "betas": betas, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self) -> None:
        """One update of every tensor that has a gradient."""
        for group in self.param_groups:
            update = _muon if group["matrices"] else _adam
            for tensor in group["params"]:
                if tensor.grad is not None:
                    tensor.mul_(1 - group["lr"] * group["weight_decay"])
                    update(tensor, tensor.grad, self.state[tensor], group)


def split(module: nn.Module, ends: tuple[str, ...]) -> tuple[list[Tensor], list[Tensor]]:
    """The matrices of a network, and the rest: vectors, and whatever is named by a prefix in `ends`."""
    named = list(module.named_parameters())
    matrices: list[Tensor] = [tensor for name, tensor in named if tensor.ndim >= 2 and not name.startswith(ends)]
    kept = {id(tensor) for tensor in matrices}
    return matrices, [tensor for _, tensor in named if id(tensor) not in kept]


def orthogonal(matrix: Tensor) -> Tensor:
    """About U V^T of a matrix (m, n) = U S V^T: its singular values brought near 1, zeros left alone."""
    wide = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    wide = wide / (wide.norm() + 1e-7)
    gram, product = wide @ wide.T, None
    a, b, c = QUINTIC
    for index in range(ITERATIONS):
        factor = torch.addmm(b * gram, gram, gram, alpha=c)
        factor.diagonal().add_(a)
        product = factor if product is None else factor @ product
        if index < ITERATIONS - 1:  # of X = factor X the Gram matrix is factor G factor, and they commute
            gram = gram @ (factor @ factor)
    assert product is not None, "there is at least one iteration"
    turned = product @ wide
    return turned if matrix.shape[0] <= matrix.shape[1] else turned.T


def _muon(tensor: Tensor, gradient: Tensor, state: dict, group: dict) -> None:
    if not state:
        state["mean"] = torch.zeros_like(tensor)
    state["mean"].lerp_(gradient, 1 - group["momentum"])
    ahead = gradient.lerp(state["mean"], group["momentum"]).flatten(1)  # Nesterov's
    scale = RMS * max(ahead.shape) ** 0.5  # an orthogonal (m, n) has a root mean square of 1 / sqrt(max(m, n))
    tensor.add_(orthogonal(ahead).view_as(tensor), alpha=-group["lr"] * scale)


def _adam(tensor: Tensor, gradient: Tensor, state: dict, group: dict) -> None:
    if not state:
        state["mean"], state["square"] = torch.zeros_like(tensor), torch.zeros_like(tensor)
        state["step"] = torch.zeros(())  # under this name a loaded state keeps its type and place
    first, second = group["betas"]
    state["step"] += 1
    state["mean"].lerp_(gradient, 1 - first)
    state["square"].lerp_(gradient.square(), 1 - second)
    count = int(state["step"])
    spread = (state["square"] / (1 - second**count)).sqrt_().add_(1e-8)
    tensor.addcdiv_(state["mean"] / (1 - first**count), spread, value=-group["lr"])
