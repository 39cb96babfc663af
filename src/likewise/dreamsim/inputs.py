"""Pictures as people hand them over, of any kind and size, as one batch of the size that a metric reads.

A file, a PIL picture and an array of bytes take Pillow's path: 8-bit RGB, then Pillow's bicubic resize, which is what
the published weights were trained behind. Tensors, and arrays of floats in [0, 1], stay tensors: an antialiased bicubic
resize that gradients pass through, within 0.02 of Pillow's, which rounds to 8 bits.
"""

from collections.abc import Sequence
from os import PathLike
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from PIL import Image, ImageOps
from torch import Tensor

from likewise.errors import ImageBatchError
from likewise.images import read
from likewise.images.colour import eight_bits, opaque, to_srgb

Aspect = Literal["squash", "pad", "crop"]
PictureLike = Any  # a path, a PIL picture, an array or a tensor
WHITE = 1.0
_NEEDED = (
    "a picture is a path, a PIL picture, an array (H, W), (H, W, 3) or (H, W, 4) of bytes or of floats in [0, 1], or a "
    "tensor (3, H, W) of floats in [0, 1]"
)


def is_many(value: Any) -> bool:
    """Whether this is several pictures: a list or tuple, or an array or tensor with a batch axis."""
    return isinstance(value, (list, tuple)) or getattr(value, "ndim", 0) == 4


def listed(value: Any) -> Sequence[Any]:
    """The pictures, one by one."""
    return value if is_many(value) else [value]


def to_batch(value: PictureLike, pixels: int, aspect: Aspect = "squash") -> Float[Tensor, "1 3 pixels pixels"]:
    """One picture as (1, 3, pixels, pixels) in [0, 1]. Raises ImageBatchError, or ImageFileError for a path.

    aspect: "squash" changes the sides' ratio, as the paper does; "pad" keeps all on white; "crop" takes the middle.
    """
    if isinstance(value, np.ndarray) and value.dtype.kind == "f":
        value = _floats(value)
    if isinstance(value, Tensor):
        return resized(_checked(value), pixels, aspect)
    return from_picture(to_picture(value), pixels, aspect)


def to_picture(value: PictureLike) -> Image.Image:
    """A path, a PIL picture of any mode or an array of bytes as an upright 8-bit RGB picture."""
    if isinstance(value, (str, PathLike)):
        return read(value)
    if isinstance(value, np.ndarray):
        return _bytes(value)
    if not isinstance(value, Image.Image):
        raise ImageBatchError(f"{type(value).__name__}", _NEEDED)
    if not value.width or not value.height:
        raise ImageBatchError(f"a picture of {value.width}x{value.height}", "both sides must be at least 1 pixel")
    try:
        shallow = eight_bits(ImageOps.exif_transpose(value))
    except ValueError as error:
        raise ImageBatchError(f"a picture: {error}", _NEEDED) from error
    return opaque(to_srgb(shallow, value.info.get("icc_profile"))[0])[0]


def from_picture(picture: Image.Image, pixels: int, aspect: Aspect = "squash") -> Float[Tensor, "1 3 pixels pixels"]:
    """An RGB picture resized by Pillow's bicubic filter, its bytes divided by 255."""
    if aspect != "squash" and picture.width != picture.height:
        picture = _squared(picture, aspect)
    small = picture.resize((pixels, pixels), Image.Resampling.BICUBIC)  # of this very size it is only copied
    values = torch.from_numpy(np.array(small)).permute(2, 0, 1).unsqueeze(0)
    return values.contiguous().float().div_(255)


def resized(images: Float[Tensor, "batch 3 height width"], pixels: int, aspect: Aspect = "squash") -> Tensor:
    """A batch in [0, 1] as (B, 3, pixels, pixels), differentiable."""
    height, width = images.shape[-2:]
    if aspect == "crop":
        side = min(height, width)
        top, left = (height - side) // 2, (width - side) // 2
        images = images[..., top : top + side, left : left + side]
    elif aspect == "pad":
        more = max(height, width)
        across, down = more - width, more - height
        images = F.pad(images, (across // 2, across - across // 2, down // 2, down - down // 2), value=WHITE)
    if images.shape[-2:] == (pixels, pixels):
        return images
    return F.interpolate(images, (pixels, pixels), mode="bicubic", antialias=True).clamp(0, 1)


def _squared(picture: Image.Image, aspect: Aspect) -> Image.Image:
    long, short = max(picture.size), min(picture.size)
    if aspect == "crop":
        left, top = (picture.width - short) // 2, (picture.height - short) // 2
        return picture.crop((left, top, left + short, top + short))
    canvas = Image.new("RGB", (long, long), "white")
    canvas.paste(picture, ((long - picture.width) // 2, (long - picture.height) // 2))
    return canvas


def _bytes(values: np.ndarray) -> Image.Image:
    if values.ndim == 3 and values.shape[2] == 1:
        values = values[..., 0]
    fits = values.ndim == 2 or (values.ndim == 3 and values.shape[2] in (3, 4))
    if not fits or not values.size or values.dtype not in (np.uint8, np.uint16, np.bool_):
        raise ImageBatchError(f"an array {values.shape} of {values.dtype}", _NEEDED)
    if values.dtype == np.bool_:
        values = values.astype(np.uint8) * 255
    if values.dtype == np.uint16:
        values = np.rint(values / 257).astype(np.uint8)
    return opaque(Image.fromarray(values))[0]


def _floats(values: np.ndarray) -> Tensor:
    """(H, W), (H, W, C) to (C, H, W)."""
    values = values[..., None] if values.ndim == 2 else values
    if values.ndim != 3:
        raise ImageBatchError(f"an array {values.shape}", _NEEDED)
    return torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32)).permute(2, 0, 1)


def _checked(values: Tensor) -> Tensor:
    """A tensor as (B, 3, H, W) floats in [0, 1]: greys repeated, bytes divided, transparency on white."""
    if values.dtype == torch.uint8:
        values = values.float() / 255
    batch = values[None] if values.ndim == 3 else values
    if batch.ndim != 4 or batch.shape[1] not in (1, 3, 4) or not batch.numel() or not batch.is_floating_point():
        raise ImageBatchError(f"a tensor of shape {tuple(values.shape)} and {values.dtype}", _NEEDED)
    low, high = float(batch.detach().min()), float(batch.detach().max())
    if not (low >= -1e-3 and high <= 1 + 1e-3):  # false for NaN too
        raise ImageBatchError(f"values from {low:g} to {high:g}", _NEEDED)
    if batch.shape[1] == 4:
        colours, alpha = batch[:, :3], batch[:, 3:]
        batch = colours * alpha + WHITE * (1 - alpha)
    return batch.expand(-1, 3, -1, -1)
