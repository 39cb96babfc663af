"""The small convolutional image tower, apart from the text tower, so that it loads without transformers."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

PX = 64  # the image tower reads pictures reduced to this size


class Residual(nn.Module):
    """Two 3 x 3 convolutions with group norm around a skip."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.GroupNorm(8, width), nn.SiLU(), nn.Conv2d(width, width, 3, padding=1))
        last = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Sequential(nn.GroupNorm(8, width), nn.SiLU(), last)
        nn.init.zeros_(last.weight)

    def forward(self, x: Tensor) -> Tensor:
        """x (B, width, H, W) to the same shape."""
        return x + self.second(self.first(x))


class ImageTower(nn.Module):
    """Pictures (B, 3, 64, 64) in [0, 1] to features (B, D): 4 px patches, then three levels of residual blocks."""

    def __init__(self, widths: Sequence[int] = (48, 96, 192), blocks: int = 2, dim: int = 192) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(3, widths[0], 4, stride=4)]
        for width, following in zip(widths, [*widths[1:], None], strict=True):
            layers += [Residual(width) for _ in range(blocks)]
            if following:
                layers += [nn.Conv2d(width, following, 2, stride=2)]
        self.layers = nn.Sequential(*layers, nn.GroupNorm(8, widths[-1]), nn.SiLU())
        self.head = nn.Linear(widths[-1] * 2, dim)

    def forward(self, images: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch dim"]:
        """Mean and maximum over places: what there is, and what stands out."""
        return self.head(self.pooled(images))

    def pooled(self, images: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch twice"]:
        """What the head reads: both side by side."""
        x = self.layers(F.interpolate(images, size=(PX, PX), mode="area") * 2 - 1)
        return torch.cat([x.mean((2, 3)), x.amax((2, 3))], dim=1)
