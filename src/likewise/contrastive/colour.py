"""Colour changes of a batch, each picture by its own factor: brightness, contrast, saturation, hue, grey.

Values are those of torchvision's float operations (and, but for rounding to 8 bits, of Pillow's). The operations work
in place, as new memory costs a processor more than the arithmetic, and return what they were given.
"""

import torch
from torch import Tensor

GREY = (0.299, 0.587, 0.114)  # ITU-R 601-2 luma, as Pillow converts


def grey(images: Tensor) -> Tensor:
    """Luma of (B, 3, H, W) as (B, 1, H, W)."""
    red, green, blue = images.split(1, dim=1)
    return (red * GREY[0]).add_(green, alpha=GREY[1]).add_(blue, alpha=GREY[2])


def brightness(images: Tensor, factor: Tensor) -> Tensor:
    """Towards black at 0, unchanged at 1; factor (B,)."""
    return images.mul_(_each(factor)).clamp_(0, 1)


def contrast(images: Tensor, factor: Tensor) -> Tensor:
    """Towards the picture's mean grey at 0."""
    mean = grey(images).mean((1, 2, 3), keepdim=True)
    return images.mul_(_each(factor)).add_(mean * (1 - _each(factor))).clamp_(0, 1)


def saturation(images: Tensor, factor: Tensor) -> Tensor:
    """Towards its grey version at 0."""
    other = grey(images).mul_(1 - _each(factor))
    return images.mul_(_each(factor)).add_(other).clamp_(0, 1)


def hue(images: Tensor, turn: Tensor) -> Tensor:
    """Turn the hue by a share of the circle, turn (B,) in [-0.5, 0.5]; value and saturation stay.

    Which channel is largest is told by arithmetic: selecting takes a processor three times as long.
    """
    red, green, blue = images.unbind(1)
    value = torch.maximum(red, torch.maximum(green, blue))
    low = torch.minimum(red, torch.minimum(green, blue))
    spread = value - low
    is_red, is_green = _largest(red, value), _largest(green, value)
    is_green.addcmul_(is_green, is_red, value=-1)  # the first of equals
    sixth = red - green
    sixth.addcmul_(is_green, (blue - red).sub_(sixth)).addcmul_(is_red, (green - blue).sub_(sixth))
    sixth.div_(spread.clamp(min=1e-12)).add_(4).sub_(is_green, alpha=2).sub_(is_red, alpha=4)
    sixth.add_(6 * turn[:, None, None])
    sixth.sub_((sixth / 6).floor_(), alpha=6)
    torch.addcmul(low, spread, (sixth - 3).abs_().sub_(1).clamp_(0, 1), out=red)
    torch.addcmul(low, spread, (sixth - 2).abs_().neg_().add_(2).clamp_(0, 1), out=green)
    torch.addcmul(low, spread, sixth.sub_(4).abs_().neg_().add_(2).clamp_(0, 1), out=blue)
    return images


def _largest(channel: Tensor, value: Tensor) -> Tensor:
    """1 where a channel is the largest, else 0; within 1e-9 of a tie something between, where both formulas agree."""
    return (channel - value).mul_(1e9).add_(1).clamp_(0, 1)


OPERATIONS = (brightness, contrast, saturation, hue)


def jitter(images: Tensor, factors: Tensor, order: Tensor, chosen: Tensor) -> Tensor:
    """The four operations in each picture's own order, on those that are chosen.

    factors: (B, 4) by operation as in OPERATIONS; order: (B, 4) their numbers, first to last; chosen: (B,) bool.
    Pictures with the same order are brought together, so that none is copied more than twice.
    """
    code = torch.where(chosen, (order * torch.tensor([64, 16, 4, 1], device=order.device)).sum(1), -1)
    place = code.argsort(stable=True)
    sorted_images, sorted_factors, sorted_order = images[place], factors[place], order[place]
    codes, counts = torch.unique_consecutive(code[place], return_counts=True)
    start = 0
    for one, count in zip(codes.tolist(), counts.tolist(), strict=True):
        rows = slice(start, start + count)
        start += count
        if one >= 0:
            for number in sorted_order[rows.start].tolist():
                OPERATIONS[number](sorted_images[rows], sorted_factors[rows, number])
    out = torch.empty_like(images)
    out[place] = sorted_images
    return out


def to_grey(images: Tensor, chosen: Tensor) -> Tensor:
    """Three equal channels, in place, where chosen (B,)."""
    rows = chosen.nonzero().flatten()
    if len(rows):
        images[rows] = grey(images[rows]).expand(-1, 3, -1, -1)
    return images


def _each(factor: Tensor) -> Tensor:
    return factor[:, None, None, None]
