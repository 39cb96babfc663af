"""Networks that learn features from pictures, by name, and how each wants its pictures."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import cast

from jaxtyping import Float
from torch import Tensor, nn

from likewise.encoders import efficientnet, resnet
from likewise.encoders.image_tower import ImageTower
from likewise.encoders.vit import Shape, ViT

WIDTHS = {"vit-tiny": 192, "vit-small": 384, "vit-base": 768}  # 12 blocks, 64 numbers a head
SMALL = 100  # px; below it ResNets read with a stem that keeps the resolution, and patches are smaller


def _resnet(name: str) -> Callable[[int], nn.Module]:
    return lambda size: resnet.resnet(name, small=size < SMALL)


def _vit(name: str) -> Callable[[int], nn.Module]:
    width = WIDTHS[name]
    return lambda size: _Token(Shape(8 if size < SMALL else 16, width, 12, width // 64, size))


class _Token(ViT):
    """A vision transformer read at its class token, normalised; untrained places start apart from each other."""

    def __init__(self, shape: Shape) -> None:
        super().__init__(shape)
        self.dimension = shape.width
        nn.init.normal_(self.pos_embed, std=0.02)
        nn.init.normal_(self.cls_token, std=0.02)

    def forward(self, images: Tensor) -> Tensor:
        return super().forward(images, "last_layer")


@dataclass(frozen=True)
class Backbone:
    """How to make a network for pictures of `size` pixels, and the mean and deviation that it wants of values."""

    make: Callable[[int], nn.Module]
    mean: float = 0.5
    deviation: float = 0.25


BACKBONES: Mapping[str, Backbone] = {
    "toybox": Backbone(lambda size: ImageTower((48, 96, 192), 1, 192), 0.0, 1.0),  # standardises by itself
    "resnet18": Backbone(_resnet("resnet18")),
    "resnet50": Backbone(_resnet("resnet50")),
    "vit-tiny": Backbone(_vit("vit-tiny")),
    "vit-small": Backbone(_vit("vit-small")),
    "vit-base": Backbone(_vit("vit-base")),
    "efficientnet-lite0": Backbone(lambda size: efficientnet.Network(), 127 / 255, 128 / 255),
}


class Features(nn.Module):
    """A backbone by name: pictures in [0, 1] to features (B, dimension)."""

    def __init__(self, name: str, size: int) -> None:
        super().__init__()
        chosen = BACKBONES[name]
        self.mean, self.deviation = chosen.mean, chosen.deviation
        self.net = chosen.make(size)
        self.dimension = _dimension(self.net)

    def forward(self, images: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch dim"]:
        """Features before any projection, as probes read them."""
        return self.net((images - self.mean) / self.deviation)


def _dimension(net: nn.Module) -> int:
    if isinstance(net, ImageTower):
        return net.head.out_features
    return efficientnet.WIDTH if isinstance(net, efficientnet.Network) else cast(int, net.dimension)
