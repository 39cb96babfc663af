"""Keys and values in fewer bytes: as they are, in half precision, or in single bytes."""

from dataclasses import dataclass

import torch
from torch import Tensor

from likewise.fabric.config import Precision


@dataclass(frozen=True)
class Packed:
    """A tensor as it is kept, and what brings it back."""

    data: Tensor
    scale: Tensor | None
    dtype: torch.dtype

    @property
    def bytes(self) -> int:
        """What it takes in memory."""
        return sum(part.numel() * part.element_size() for part in (self.data, self.scale) if part is not None)

    def open(self) -> Tensor:
        """The tensor, in the precision it came in."""
        data = self.data.to(self.dtype)
        return data if self.scale is None else data * self.scale


def pack(x: Tensor, precision: Precision) -> Packed:
    """x: (..., tokens, width). full keeps every bit.

    half: float16 of x as a part of its largest value, so nothing overflows. byte: whole numbers of -127 to 127, with a
    scale of its own for each column of `width`, as some columns of keys are much larger than others.
    """
    if precision == "full":
        return Packed(x.clone(memory_format=torch.contiguous_format), None, x.dtype)
    dims = tuple(range(x.ndim)) if precision == "half" else (-2,)
    largest = x.abs().amax(dims, keepdim=True).clamp(min=torch.finfo(x.dtype).tiny)
    if precision == "half":
        return Packed((x / largest).half().contiguous(), largest, x.dtype)
    scale = largest / 127
    return Packed((x / scale).round().to(torch.int8).contiguous(), scale, x.dtype)
