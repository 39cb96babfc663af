"""Work on rows, done a piece at a time: what lies between stays in a processor's cache.

Hidden rows of all nodes and times are several times as large as what they are made from. Made at once, each needs fresh
memory of the system, which takes longer than filling it; made in pieces, memory is used again from step to step.
"""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

NUMBERS = 1 << 17  # of the result in a piece

Work = Callable[..., Tensor]


def in_pieces(work: Work, rows: tuple[Tensor, ...], weights: tuple[Tensor, ...]) -> Tensor:
    """work(*rows), as large as the first of `rows`, (..., R, d), each of its rows made of the same row of each.

    weights: all that `work` reads besides and that may want a gradient.
    """
    if not rows[0].is_cpu or rows[0].numel() <= NUMBERS:
        return work(*rows)
    return Pieces.apply(work, weights, len(rows), torch.is_grad_enabled(), *rows, *weights)


class Pieces(torch.autograd.Function):
    """See `in_pieces`."""

    @staticmethod
    def forward(ctx: Any, work: Work, weights: tuple[Tensor, ...], count: int, kept: bool, *given: Tensor) -> Tensor:
        """The result, made piece by piece; kept: with what the gradient needs of each."""
        made = torch.empty_like(given[0], memory_format=torch.contiguous_format)
        ctx.pieces, ctx.weights = [], weights
        with torch.set_grad_enabled(kept):
            for cut in _cuts(made):
                leaves = [rows[..., cut, :].detach().requires_grad_(kept) for rows in given[:count]]
                piece = work(*leaves)
                made[..., cut, :] = piece.detach()
                if kept:
                    ctx.pieces.append((cut, leaves, piece))
        return made

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Any, ...]:
        """The gradients of the rows and of the weights."""
        assert ctx.pieces, "what the gradient needs is gone after one backward pass"
        wanted = ctx.needs_input_grad[4:]
        places = [i for i, wants in enumerate(wanted) if wants]
        found: list[Tensor | None] = [None] * len(wanted)
        while ctx.pieces:
            cut, leaves, piece = ctx.pieces.pop()  # and its memory with it
            inputs = [*leaves, *ctx.weights]
            slopes = torch.autograd.grad(piece, [inputs[i] for i in places], slope[..., cut, :], allow_unused=True)
            for i, part in zip(places, slopes, strict=True):
                if part is None:
                    continue  # what work does not read has no gradient
                if i >= len(leaves):
                    total = found[i]
                    found[i] = part if total is None else total.add_(part)
                    continue
                whole = found[i]
                if whole is None:  # every row is of one piece, which fills it
                    whole = found[i] = slope.new_empty(*part.shape[:-2], slope.shape[-2], part.shape[-1])
                whole[..., cut, :] = part
        return None, None, None, None, *found


def _cuts(rows: Tensor) -> Iterator[slice]:
    """Parts of the rows, (..., R, d), with about NUMBERS numbers each."""
    size = max(1, NUMBERS * rows.shape[-2] // rows.numel())
    yield from (slice(start, start + size) for start in range(0, rows.shape[-2], size))
