"""Pictures to float32 batches in [0, 1] and back, exact for 8-bit values."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from likewise.errors import ImageBatchError


def to_tensor(images: Sequence[Image.Image]) -> Float[Tensor, "images 3 height width"]:
    """RGB pictures of one size as float32 (B, 3, H, W) in [0, 1]; ImageBatchError names the sizes that differ."""
    sizes = sorted({f"{image.width}x{image.height} {image.mode}" for image in images})
    if len(sizes) != 1 or not sizes[0].endswith("RGB"):
        needed = "a batch needs one or more RGB pictures of one size (images.cover makes them so)"
        raise ImageBatchError(f"pictures of {', '.join(sizes) or 'no size at all'}", needed)
    pixels = np.stack([np.asarray(image) for image in images])  # (B, H, W, 3) uint8
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous().float().div_(255)


def to_pil(batch: Tensor) -> list[Image.Image]:
    """The pictures of a batch (B, 3, H, W), rounded to 8 bits; beyond [0, 1] is clipped, NaN is an ImageBatchError."""
    if batch.ndim != 4 or batch.shape[1] != 3:
        raise ImageBatchError(f"a tensor of shape {tuple(batch.shape)}", "pictures have the shape (B, 3, H, W)")
    values = batch.detach().to("cpu", torch.float32)
    if not torch.isfinite(values).all():
        bad = [index for index, one in enumerate(values) if not torch.isfinite(one).all()]
        raise ImageBatchError(f"NaN or infinity in pictures {bad}", "the model that made them is broken or overflowed")
    pixels = values.clamp(0, 1).mul(255).round().to(torch.uint8).permute(0, 2, 3, 1).contiguous().numpy()
    return [Image.fromarray(one) for one in pixels]
