"""The one softmax loss that NT-Xent, CLIP and every rule of guided resampling are cases of.

    loss = sum_i sum_p w_ip ( log sum_{j in K_i} exp(s_ij) - s_{i, index_ip} ),   s_ij = scale * queries_i . keys_j

The weights w sum to 1 over all rows of all processes. Two forms: `chunk=None` is the formula under autograd, and holds
the whole matrix s; a chunk computes that many rows at a time, with their gradients, and holds no more than those.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

CELLS = 1 << 21  # of s at a time: 8 MiB in float32, which a processor's cache still serves


@dataclass(frozen=True)
class Pairs:
    """Who attracts whom and who repels whom, for R queries and N keys."""

    index: Tensor  # (R, P) int64, the keys that attract each query
    weight: Tensor  # (R, P), 0 where there is none
    own: Tensor | None = None  # (R,) int64, the key that is the query itself and takes no part
    keep: Tensor | None = None  # (R, N) bool, the keys in the denominator; None: all but `own`


def contrast(queries: Tensor, keys: Tensor, scale: Tensor | float, pairs: Pairs, chunk: int | None = None) -> Tensor:
    """The loss above of queries (R, D) and keys (N, D); chunk: rows at a time, 0 chooses, None is the plain form.

    The chunked form has first derivatives only.
    """
    scale = torch.as_tensor(scale, dtype=queries.dtype, device=queries.device)
    if chunk is not None:
        return _Fused.apply(queries, keys, scale, pairs, chunk or rows_of(len(keys)))
    logits = _masked(scale * (queries @ keys.T), pairs, slice(None))
    attract = logits.gather(1, pairs.index)
    return (pairs.weight * (logits.logsumexp(1)[:, None] - _silent(attract, pairs.weight))).sum()


def rows_of(columns: int) -> int:
    """How many rows of `columns` keys are computed at a time by default."""
    return max(32, CELLS // columns)


def blocks(count: int, chunk: int) -> Iterator[slice]:
    """Slices of `chunk` rows that cover `count`."""
    return (slice(start, min(start + chunk, count)) for start in range(0, count, chunk))


def _masked(logits: Tensor, pairs: Pairs, rows: slice) -> Tensor:
    """Minus infinity, in place, wherever a key takes no part."""
    if pairs.keep is not None:
        logits.masked_fill_(~pairs.keep[rows], -torch.inf)
    if pairs.own is not None:
        logits.scatter_(1, pairs.own[rows, None], -torch.inf)
    return logits


def _silent(attract: Tensor, weight: Tensor) -> Tensor:
    """Zero where no weight is, so that 0 * infinity is never asked for."""
    return attract.masked_fill(weight == 0, 0.0)


class _Fused(torch.autograd.Function):
    """Loss and gradients in one sweep over blocks of rows: three matrix products and one exponential a cell."""

    @staticmethod
    def forward(ctx, queries: Tensor, keys: Tensor, scale: Tensor, pairs: Pairs, chunk: int) -> Tensor:
        """Everything that backward needs is three small gradients."""
        loss = queries.new_zeros(())
        asked = any(ctx.needs_input_grad[:3])
        d_queries, d_keys = (torch.zeros_like(x) for x in (queries, keys)) if asked else (None, None)
        d_scale = torch.zeros_like(scale)
        for rows in blocks(len(queries), chunk):
            weight, index = pairs.weight[rows], pairs.index[rows]
            logits = _masked((queries[rows] @ keys.T).mul_(scale), pairs, rows)
            attract = _silent(logits.gather(1, index), weight)
            rest = logits.logsumexp(1, keepdim=True)
            loss += (weight * (rest - attract)).sum()
            if d_queries is not None and d_keys is not None:
                slope = logits.sub_(rest).exp_().mul_(weight.sum(1, keepdim=True)).scatter_add_(1, index, -weight)
                torch.matmul(slope, keys, out=d_queries[rows])
                d_keys.addmm_(slope.T, queries[rows])
                d_scale += (d_queries[rows] * queries[rows]).sum()
        if d_queries is not None and d_keys is not None:
            ctx.save_for_backward(d_queries.mul_(scale), d_keys.mul_(scale), d_scale)
        return loss

    @staticmethod
    @once_differentiable
    def backward(ctx, upstream: Tensor) -> tuple:
        """The gradients of the sweep, scaled."""
        d_queries, d_keys, d_scale = ctx.saved_tensors
        return upstream * d_queries, upstream * d_keys, upstream * d_scale, None, None
