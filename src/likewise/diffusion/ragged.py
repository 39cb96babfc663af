"""Pictures of several shapes in one tensor: filled up with zeros, and their own shapes beside it."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import pad


def stack(pictures: Sequence[Tensor]) -> tuple[Tensor, Tensor | None]:
    """(C, h, w) each as (N, C, H, W) of the largest sides, and (N, 2) heights and widths, or None if all are alike."""
    shapes = torch.tensor([picture.shape[-2:] for picture in pictures])
    if (shapes == shapes[0]).all():
        return torch.stack(list(pictures)), None
    high, wide = shapes.amax(dim=0).tolist()
    filled = [pad(picture, (0, wide - picture.shape[-1], 0, high - picture.shape[-2])) for picture in pictures]
    return torch.stack(filled), shapes


def unstack(filled: Tensor, shapes: Tensor | None) -> list[Tensor]:
    """The pictures that `stack` put together, each in its own shape."""
    if shapes is None:
        return list(filled)
    return [picture[..., :high, :wide] for picture, (high, wide) in zip(filled, shapes.tolist(), strict=True)]


def alike(shapes: Tensor) -> list[Tensor]:
    """The numbers of the rows (n,) of each shape, in order of first appearance."""
    found: dict[tuple[int, ...], list[int]] = {}
    for row, shape in enumerate(shapes.tolist()):
        found.setdefault(tuple(shape), []).append(row)
    return [torch.tensor(rows) for rows in found.values()]
