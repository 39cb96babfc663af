"""Crops and blurs as matrix products: each picture of a batch has its own box and its own sigma, at one speed.

A resize is linear, row by row and column by column, so the crop of box b to S x S pixels is Wy @ picture @ Wx^T. The
weights are those of Pillow's antialiased bilinear filter on the cut box; a flip reverses the rows of Wx.
"""

import torch
import torch.nn.functional as F
from torch import Tensor


def crop(images: Tensor, boxes: Tensor, flip: Tensor, size: int) -> Tensor:
    """Boxes of a batch (B, C, H, W), resized to (B, C, size, size).

    boxes: (B, 4) top, left, height, width in whole pixels, inside the picture. flip: (B,) bool, left to right.
    """
    height, width = images.shape[-2:]
    down = resize_weights(boxes[:, 0], boxes[:, 2], height, size)
    across = resize_weights(boxes[:, 1], boxes[:, 3], width, size)
    across = torch.where(flip[:, None, None], across.flip(1), across)
    return between(images, down, across)


def crop_bytes(images: Tensor, boxes: Tensor, flip: Tensor, size: int) -> Tensor:
    """The same crops of 8-bit pictures on the CPU, as 8-bit pictures: one by one, which is faster there.

    Like Pillow it rounds, so that values are within 1 of 255 of those of `crop`.
    """
    out = torch.empty(len(images), 3, size, size, dtype=torch.uint8).to(memory_format=torch.channels_last)
    for index, (top, left, height, width) in enumerate(boxes.tolist()):
        cut = images[index : index + 1, :, top : top + height, left : left + width]
        cut = cut.contiguous(memory_format=torch.channels_last)
        out[index] = F.interpolate(cut, (size, size), mode="bilinear", antialias=True)[0]
    rows = flip.nonzero().flatten()
    out[rows] = out[rows].flip(3)
    return out


def resize_weights(start: Tensor, length: Tensor, source: int, size: int) -> Tensor:
    """(B, size, source): how much each source pixel counts for each pixel of the box start ... start + length.

    A triangle of half width max(1, length / size) pixels around the centre, cut at the box, rows adding up to 1.
    """
    start, length = start[:, None, None].float(), length[:, None, None].float()
    scale = length / size
    centre = start + (torch.arange(size, device=start.device)[:, None] + 0.5) * scale
    place = torch.arange(source, device=start.device) + 0.5
    weight = (1 - (place - centre).abs() / scale.clamp(min=1)).clamp(min=0)
    weight = weight * ((place > start) & (place < start + length))
    return weight / weight.sum(2, keepdim=True)


def blur(images: Tensor, sigma: Tensor, radius: int) -> Tensor:
    """Gaussian blur of each picture of (B, C, H, W) with its own sigma (B,) in pixels, edges mirrored.

    The kernel has 2 * radius + 1 taps, as torchvision's gaussian_blur; the radius is below the sides.
    """
    height, width = images.shape[-2:]
    taps = torch.arange(-radius, radius + 1, device=images.device)
    kernel = (-0.5 * (taps / sigma[:, None]).square()).exp()
    kernel = kernel / kernel.sum(1, keepdim=True)
    across = _mirrored(kernel, radius, width)
    down = across if height == width else _mirrored(kernel, radius, height)
    return between(images, down, across)


def between(images: Tensor, down: Tensor, across: Tensor) -> Tensor:
    """Pictures (B, C, H, W) between a matrix from the left (B, h, H) and one from the right (B, w, W)."""
    count, channels, height, width = images.shape
    wide = torch.bmm(images.reshape(count, channels * height, width), across.transpose(1, 2))
    return down[:, None] @ wide.view(count, channels, height, -1)


def _mirrored(kernel: Tensor, radius: int, side: int) -> Tensor:
    """(B, side, side): the kernels (B, 2 radius + 1) as matrices, where a place beyond an edge is its mirror image."""
    places = torch.arange(side, device=kernel.device)[:, None] + torch.arange(-radius, radius + 1, device=kernel.device)
    places = places.abs()
    places = torch.where(places >= side, 2 * (side - 1) - places, places)
    shifts = torch.zeros(side, 2 * radius + 1, side, device=kernel.device).scatter_(2, places[..., None], 1.0)
    return torch.einsum("bt,its->bis", kernel, shifts)
