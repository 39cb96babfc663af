"""Cached accumulation: the exact gradient of a large contrastive batch, a small part of it in memory at a time.

(GradCache, arXiv:2101.06983.) Embed part by part without keeping anything for backward, take the loss's gradient by the
embeddings, then embed each part again and pass its share on. Twice the forward cost, the memory of one part.

With batch normalisation each part is normalised by itself, in both passes alike; only the second moves its averages.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import cast

import torch
from torch import Tensor, nn

Embed = Callable[[Tensor], Sequence[Tensor]]


def accumulate(embed: Embed, rows: Tensor, part: int, loss: Callable[..., Tensor], module: nn.Module) -> Tensor:
    """Add the gradient of loss(*embed(rows)) to the parameters and return the loss, without a graph.

    rows: (B,) numbers of the batch's items; embed(some rows) gives one or more tensors (b, D), the same each time it
    is asked; part: items at a time. Equal to the plain gradient but for rounding where items do not affect each other.
    """
    parts = rows.split(part)
    with torch.no_grad(), _still(module):
        found = [embed(one) for one in parts]
    whole = [torch.cat(pieces).requires_grad_() for pieces in zip(*found, strict=True)]
    value = loss(*whole)
    value.backward()
    start = 0
    for one in parts:
        pieces = embed(one)
        slopes = [cast(Tensor, full.grad)[start : start + len(one)] for full in whole]
        torch.autograd.backward(list(pieces), slopes)
        start += len(one)
    return value.detach()


@contextmanager
def _still(module: nn.Module) -> Iterator[None]:
    """Running averages of batch normalisation do not move."""
    norms = [layer for layer in module.modules() if isinstance(layer, nn.modules.batchnorm._BatchNorm)]
    kept = [(layer.momentum, layer.num_batches_tracked) for layer in norms]
    for layer in norms:
        layer.momentum = 0.0
        layer.num_batches_tracked = None
    try:
        yield
    finally:
        for layer, (momentum, tracked) in zip(norms, kept, strict=True):
            layer.momentum, layer.num_batches_tracked = momentum, tracked
