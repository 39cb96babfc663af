"""`attention.blend` and its gradient where nodes have few links each: no products of matrices, nodes side by side.

A product of 12 by 4 and 4 by 6 numbers costs a matrix library far more in starting it than in making it, and there is
one a node and head. Here each of the few (time, link, feature) steps is one pass over all nodes and heads at once,
which lie next to each other: (T, n, h, b) for weights, (m, d/h, h, b) for rows.
"""

import math

import torch
from torch import Tensor

MOST = 128  # links a node times features a head: with more, products of matrices take less time
NEVER = -1e30  # added to a logit whose link has not come: exp gives exactly 0, and a row of nothing else stays finite


def narrow(links: int, width: int) -> bool:
    """Whether this way is the faster for blocks of this many links a node and features a head."""
    return links * width <= MOST


def waiting(there: Tensor, like: Tensor, links: int) -> tuple[Tensor, Tensor]:
    """0 where a link is there, NEVER elsewhere; and 1 where any along the dimension `links` is there, else 0."""
    wait = torch.where(there, like.new_zeros(()), like.new_full((), NEVER))
    return wait, there.any(links, keepdim=True).to(like.dtype)


def blend(
    q: Tensor, k: Tensor, v: Tensor, since: Tensor, moments: Tensor, variant: str | None
) -> tuple[Tensor, Tensor | None]:
    """Both sums, (b, h, T, d/h) each; q (b, h, T, d/h), k and v (b, h, n, d/h), since (b, n), moments (T,)."""
    q, k, v = _aside(q / math.sqrt(q.shape[-1])), _aside(k), _aside(v)
    wait, alive = _wait(since, moments, q)
    weights, against = _weights(q, k, wait, variant)
    own = _mixed(weights, v).mul_(alive)
    return _back(own), None if against is None else _back(_mixed(against, v).mul_(alive))


def slopes(
    q: Tensor, k: Tensor, v: Tensor, since: Tensor, moments: Tensor, variant: str | None, own: Tensor, other: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """The gradients of q, k and v from those of `blend`'s sums; `other` is not read where there is no variant."""
    scale = 1 / math.sqrt(q.shape[-1])
    q, k, v = _aside(q * scale), _aside(k), _aside(v)
    wait, alive = _wait(since, moments, q)
    weights, against = _weights(q, k, wait, variant)
    slope = _aside(own) * alive
    by_v = _summed(weights, slope)
    by_weight = _dots(slope, v)
    if against is None:
        found = _through(weights, by_weight)
    else:
        slope = _aside(other) * alive
        by_v += _summed(against, slope)
        by_other = _through(against, _dots(slope, v))
        if variant == "reference":
            found = _through(weights, by_weight - by_other)
        else:
            found = _through(weights, by_weight) - by_other
    return _back(_mixed(found, k).mul_(scale)), _back(_summed(found, q)), _back(by_v)


def _aside(rows: Tensor) -> Tensor:
    """(b, h, m, d/h) to (m, d/h, h, b)."""
    return rows.permute(2, 3, 1, 0).contiguous()


def _back(rows: Tensor) -> Tensor:
    """(m, d/h, h, b) to (b, h, m, d/h)."""
    return rows.permute(3, 2, 0, 1)


def _wait(since: Tensor, moments: Tensor, like: Tensor) -> tuple[Tensor, Tensor]:
    """(T, n, 1, b): 0 where the link has come, NEVER before; and (T, 1, 1, b): 1 where any has come, else 0."""
    return waiting((moments[:, None, None] >= since.T)[:, :, None], like, 1)


def _weights(q: Tensor, k: Tensor, wait: Tensor, variant: str | None) -> tuple[Tensor, Tensor | None]:
    logits = _dots(q, k)
    weights = (logits + wait).softmax(1)
    if not variant:
        return weights, None
    return weights, (wait - (weights if variant == "reference" else logits)).softmax(1)


def _through(weights: Tensor, slope: Tensor) -> Tensor:
    """The gradient before a softmax over links from that after it, (T, n, h, b); slope is overwritten."""
    slope -= (weights * slope).sum(1, keepdim=True)
    return slope.mul_(weights)


def _dots(a: Tensor, b: Tensor) -> Tensor:
    """Every row of a (T, d/h, h, b) times every one of b (n, d/h, h, b): (T, n, h, b)."""
    found = a[:, None, 0] * b[None, :, 0]
    for i in range(1, a.shape[1]):
        found.addcmul_(a[:, None, i], b[None, :, i])
    return found


def _mixed(weights: Tensor, rows: Tensor) -> Tensor:
    """Rows (n, d/h, h, b) summed by their weights (T, n, h, b): (T, d/h, h, b)."""
    found = weights[:, 0, None] * rows[0]
    for i in range(1, len(rows)):
        found.addcmul_(weights[:, i, None], rows[i])
    return found


def _summed(weights: Tensor, rows: Tensor) -> Tensor:
    """Rows (T, d/h, h, b) summed by their weights (T, n, h, b): (n, d/h, h, b)."""
    found = weights[0, :, None] * rows[0]
    for i in range(1, len(rows)):
        found.addcmul_(weights[i, :, None], rows[i])
    return found
