"""The invariant and the variant sum of a block of nodes, and their gradient by hand.

Both are products of small matrices and softmaxes, and a processor wants them in one of two layouts. Where nodes have
few links, a product of 12 by 4 and 4 by 6 numbers costs a matrix library far more in starting it than in making it, and
there is one a node and head: `Narrow` takes each of the few (time, link, feature) steps as one pass over all nodes and
heads, which lie next to each other. `Wide` multiplies matrices.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

MOST = 128  # links a node times features a head: with more, products of matrices take less time
NEVER = -1e30  # added to a logit whose link has not come: exp gives exactly 0, and a row of nothing else stays finite


class Narrow:
    """Weights (T, n, h, b) and rows (m, d/h, h, b)."""

    links = 1  # the dimension of a node's links in the weights

    @staticmethod
    def laid(rows: Tensor) -> Tensor:
        """Rows (b, h, m, d/h) in this layout."""
        return rows.permute(2, 3, 1, 0).contiguous()

    @staticmethod
    def back(rows: Tensor) -> Tensor:
        """The opposite of `laid`."""
        return rows.permute(3, 2, 0, 1)

    @staticmethod
    def there(since: Tensor, moments: Tensor) -> Tensor:
        """Which links (b, n) have come by which moment (T,), as the weights lie."""
        return (moments[:, None, None] >= since.T)[:, :, None]

    @staticmethod
    def dots(a: Tensor, b: Tensor) -> Tensor:
        """Every row of a, (T, ...), times every one of b, (n, ...): weights."""
        found = a[:, None, 0] * b[None, :, 0]
        for i in range(1, a.shape[1]):
            found.addcmul_(a[:, None, i], b[None, :, i])
        return found

    @staticmethod
    def mixed(weights: Tensor, rows: Tensor) -> Tensor:
        """Rows (n, ...) summed over links by their weights: (T, ...)."""
        found = weights[:, 0, None] * rows[0]
        for i in range(1, len(rows)):
            found.addcmul_(weights[:, i, None], rows[i])
        return found

    @staticmethod
    def summed(weights: Tensor, rows: Tensor) -> Tensor:
        """Rows (T, ...) summed over times by their weights: (n, ...)."""
        found = weights[0, :, None] * rows[0]
        for i in range(1, len(rows)):
            found.addcmul_(weights[i, :, None], rows[i])
        return found


class Wide:
    """Weights (b, h, T, n) and rows (b, h, m, d/h)."""

    links = -1

    @staticmethod
    def laid(rows: Tensor) -> Tensor:
        """As `Narrow.laid`."""
        return rows.contiguous()

    @staticmethod
    def back(rows: Tensor) -> Tensor:
        """As `Narrow.back`."""
        return rows

    @staticmethod
    def there(since: Tensor, moments: Tensor) -> Tensor:
        """As `Narrow.there`."""
        return since[:, None, None] <= moments[:, None]

    @staticmethod
    def dots(a: Tensor, b: Tensor) -> Tensor:
        """As `Narrow.dots`."""
        return a @ b.transpose(-1, -2)

    @staticmethod
    def mixed(weights: Tensor, rows: Tensor) -> Tensor:
        """As `Narrow.mixed`."""
        return weights @ rows

    @staticmethod
    def summed(weights: Tensor, rows: Tensor) -> Tensor:
        """As `Narrow.summed`."""
        return weights.transpose(-1, -2) @ rows


Layout = type[Narrow] | type[Wide]


def layout(links: int, width: int) -> Layout:
    """The quicker one for blocks of this many links a node and features a head."""
    return Narrow if links * width <= MOST else Wide


class Made(NamedTuple):
    """What sums are made of and gradients need, in one layout."""

    way: Layout
    q: Tensor  # over the square root of d/h
    k: Tensor
    v: Tensor
    alive: Tensor  # 1 where any link has come, else 0
    weights: Tensor
    against: Tensor | None  # of the variant sum

    @property
    def numbers(self) -> int:
        """How many numbers it holds."""
        return sum(part.numel() for part in self[1:] if isinstance(part, Tensor))


def make(q: Tensor, k: Tensor, v: Tensor, since: Tensor, moments: Tensor, variant: str | None) -> Made:
    """Weights of q (b, h, T, d/h) over k and v (b, h, n, d/h); since (b, n), moments (T,)."""
    way = layout(*k.shape[2:])
    q, k, v = way.laid(q / math.sqrt(q.shape[-1])), way.laid(k), way.laid(v)
    there = way.there(since, moments)
    wait = torch.where(there, q.new_zeros(()), q.new_full((), NEVER))
    alive = there.any(way.links, keepdim=True).to(q.dtype)
    logits = way.dots(q, k)
    weights = (logits + wait).softmax(way.links)
    if not variant:
        return Made(way, q, k, v, alive, weights, None)
    against = (wait - (weights if variant == "reference" else logits)).softmax(way.links)
    return Made(way, q, k, v, alive, weights, against)


def sums(made: Made) -> tuple[Tensor, Tensor | None]:
    """Both sums, (b, h, T, d/h) each."""
    way = made.way
    own = way.back(way.mixed(made.weights, made.v).mul_(made.alive))
    if made.against is None:
        return own, None
    return own, way.back(way.mixed(made.against, made.v).mul_(made.alive))


def slopes(made: Made, own: Tensor, other: Tensor | None, variant: str | None) -> tuple[Tensor, Tensor, Tensor]:
    """The gradients of q, k and v from those of the sums; `other` is None where no gradient passes through it."""
    way, weights = made.way, made.weights
    slope = way.laid(own) * made.alive
    by_v = way.summed(weights, slope)
    by_weight = way.dots(slope, made.v)
    if other is None or made.against is None:
        found = _through(way, weights, by_weight)
    else:
        slope = way.laid(other) * made.alive
        by_v += way.summed(made.against, slope)
        by_other = _through(way, made.against, way.dots(slope, made.v))
        if variant == "reference":
            found = _through(way, weights, by_weight - by_other)
        else:
            found = _through(way, weights, by_weight) - by_other
    scale = 1 / math.sqrt(own.shape[-1])
    return way.back(way.mixed(found, made.k).mul_(scale)), way.back(way.summed(found, made.q)), way.back(by_v)


def _through(way: Layout, weights: Tensor, slope: Tensor) -> Tensor:
    """The gradient before a softmax over links from that after it; slope is overwritten."""
    slope -= (weights * slope).sum(way.links, keepdim=True)
    return slope.mul_(weights)
