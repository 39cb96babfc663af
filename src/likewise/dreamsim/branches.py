"""One network of an ensemble: pictures in [0, 1] to the features that the metric compares.

A branch normalises inside, takes its features where the paper does, and names the layers that LoRA adapts. `early` and
`late` cut it in two where all adapted layers lie behind, so that what never changes is computed once a picture.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from likewise.encoders.efficientnet import Network
from likewise.encoders.image_tower import ImageTower
from likewise.encoders.vit import Feature, ViT

GRID = 3  # the coarse map of where things are has 3 x 3 places
CUTS = {"lite0": (10, 15), "lite1": (15, 20), "lite2": (15, 20)}  # first adapted block; blocks before the layout


class Branch(nn.Module, ABC):
    """What all branches share; a final class defines `early` and `late`, and these facts."""

    name: str  # of the network, such as "dino_vitb16"
    feature: str  # where its features are taken, such as "cls"
    width: int  # features a picture (or a token)
    pixels: int  # a side, at which it reads pictures
    targets: tuple[str, ...]  # endings of the names of the layers that LoRA adapts

    def __init__(self, name: str, feature: str, network: nn.Module) -> None:
        super().__init__()
        self.name, self.feature, self.network = name, feature, network
        self.weight = 1.0  # its length in a balanced ensemble

    def adapts(self, layer: str) -> bool:
        """Whether a layer of the network that a target names is adapted; all are, unless `early` computes it."""
        return True

    def early(self, images: Float[Tensor, "batch 3 height width"]) -> Tensor:
        """What comes before the first adapted layer."""
        return images

    @abstractmethod
    def late(self, middle: Tensor) -> Tensor:
        """From what `early` gives to the features (B, width), or (B, 1 + patches, width)."""

    def forward(self, images: Float[Tensor, "batch 3 height width"]) -> Tensor:
        """Pictures in [0, 1], `pixels` a side, to (B, width), or to (B, 1 + patches, width)."""
        return self.late(self.early(images))


class ViTBranch(Branch):
    """A vision transformer. Adapters go to the fused query, key and value layers of all blocks, as in the paper."""

    targets = ("attn.qkv",)
    mean: Tensor
    deviation: Tensor

    def __init__(
        self, name: str, feature: Feature, network: ViT, mean: Sequence[float], deviation: Sequence[float], pixels: int
    ) -> None:
        super().__init__(name, feature, network)
        self.width = network.shape.projection if feature == "embedding" else network.shape.width
        self.pixels = pixels
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("deviation", torch.tensor(deviation).view(1, 3, 1, 1), persistent=False)

    def late(self, middle: Tensor) -> Tensor:
        """Pictures to the features of `feature`."""
        return self.network((middle - self.mean) / self.deviation, self.feature)


class LiteBranch(Branch):
    """An EfficientNet-Lite: what there is ("pooled", 1280 numbers), where it is ("layout"), or both ("scene").

    The layout is the last 6 x 6 map but one (192 channels in lite0), averaged over 3 x 3 places. Both parts are
    centred and brought to one length, so that neither drowns the other. Adapters go to the 1 x 1 convolutions behind
    the cut, the fifth stage on.
    """

    targets = ("expand", "project", "head")
    network: Network

    def __init__(self, name: str, feature: str, network: Network, pixels: int = 192) -> None:
        super().__init__(name, feature, network)
        self.first, self.before = CUTS[name.rpartition("-")[2]]
        self.pixels = pixels
        layout = network.channels(self.before) * GRID**2
        self.width = {"pooled": network.head.out_channels, "layout": layout}.get(
            feature, network.head.out_channels + layout
        )

    def adapts(self, layer: str) -> bool:
        """Whether the layer stands behind the cut."""
        return not layer.startswith("blocks.") or int(layer.split(".")[1]) >= self.first

    def early(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) to the map before the first adapted block."""
        return self.network.blocks[: self.first](F.relu6(self.network.stem((images * 255 - 127) / 128)))

    def late(self, middle: Tensor) -> Tensor:
        """That map to features."""
        fine = self.network.blocks[self.first : self.before](middle)
        layout = F.avg_pool2d(fine, self.pixels // 32 // GRID).flatten(1)  # a fixed window, as ONNX asks for
        if self.feature == "layout":
            return layout
        pooled = F.relu6(self.network.head(self.network.blocks[self.before :](fine))).mean((2, 3))
        return pooled if self.feature == "pooled" else torch.cat([centred(pooled), centred(layout)], dim=1)


class TowerBranch(Branch):
    """The Toybox image tower: a unit row that meets texts. Adapters go to its two linear layers."""

    targets = ("image.head", "projection")
    network: "Tower"
    pixels = 192  # the tower itself reduces them to 64 by plain means

    def __init__(self, name: str, feature: str, network: "Tower") -> None:
        super().__init__(name, feature, network)
        self.width = network.projection.out_features

    def early(self, images: Tensor) -> Tensor:
        """Pictures to what the first adapted layer reads, (B, 2 * width of the last stage)."""
        return self.network.image.pooled(images)

    def late(self, middle: Tensor) -> Tensor:
        """That to unit rows."""
        return F.normalize(self.network.projection(self.network.image.head(middle)), dim=1)


class Tower(nn.Module):
    """The image half of the Toybox towers."""

    def __init__(self, image: ImageTower, dim: int) -> None:
        super().__init__()
        self.image, self.projection = image, nn.Linear(image.head.out_features, dim, bias=False)


def centred(features: Float[Tensor, "*batch dim"]) -> Float[Tensor, "*batch dim"]:
    """Minus its own mean, then of length 1; the product of two such rows is Pearson's correlation."""
    return F.normalize(features - features.mean(-1, keepdim=True), dim=-1)
