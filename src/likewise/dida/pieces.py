"""Work on rows, done a piece at a time and again for the gradient: what lies between stays in a processor's cache.

Hidden rows of all nodes and times take several times the memory of what they are made from; asking the system for that
memory afresh in each step costs more time than making the rows twice.
"""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

NUMBERS = 1 << 15  # of the result in a piece

Work = Callable[..., Tensor]


def in_pieces(work: Work, rows: tuple[Tensor, ...], weights: tuple[Tensor, ...]) -> Tensor:
    """work(*rows), as large as the first of `rows`, (..., R, d), each of its rows made of the same row of each.

    weights: all that `work` reads besides and that may want a gradient.
    """
    if not rows[0].is_cpu or rows[0].numel() <= NUMBERS:
        return work(*rows)
    return Pieces.apply(work, weights, len(rows), *rows, *weights)


class Pieces(torch.autograd.Function):
    """See `in_pieces`."""

    @staticmethod
    def forward(ctx: Any, work: Work, weights: tuple[Tensor, ...], count: int, *given: Tensor) -> Tensor:
        """The result, made piece by piece; only what was given is kept."""
        ctx.save_for_backward(*given[:count])
        ctx.how = work, weights
        made = torch.empty_like(given[0], memory_format=torch.contiguous_format)
        for cut in _cuts(made):
            made[..., cut, :] = work(*(rows[..., cut, :] for rows in given[:count]))
        return made

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Any, ...]:
        """The gradients of the rows and of the weights."""
        work, weights = ctx.how
        given, wanted = ctx.saved_tensors, ctx.needs_input_grad[3:]
        found: list[Tensor | None] = [None] * len(wanted)
        for cut in _cuts(slope):
            leaves = [rows[..., cut, :].detach().requires_grad_() for rows in given]
            with torch.enable_grad():
                made = work(*leaves)
            asked = [(*leaves, *weights)[i] for i, wants in enumerate(wanted) if wants]
            slopes = iter(torch.autograd.grad(made, asked, slope[..., cut, :], allow_unused=True))
            for i, wants in enumerate(wanted):
                part = next(slopes) if wants else None
                if part is None:
                    continue  # what work does not read has no gradient
                total = found[i]
                if total is None:
                    total = found[i] = torch.zeros_like((*given, *weights)[i])
                (total[..., cut, :] if i < len(given) else total).add_(part)
        return None, None, None, *found


def _cuts(rows: Tensor) -> Iterator[slice]:
    """Parts of the rows, (..., R, d), with about NUMBERS numbers each."""
    size = max(1, NUMBERS * rows.shape[-2] // rows.numel())
    yield from (slice(start, start + size) for start in range(0, rows.shape[-2], size))
