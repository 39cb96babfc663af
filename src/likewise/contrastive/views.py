"""Random views of a whole batch at once, seeded picture by picture, on whatever device the batch is.

The recipe is SimCLR's (arXiv:2002.05709, appendix A): a random crop, a flip, colour jitter in random order, grey, blur.
All chances are drawn on the CPU from a stream named by step and view, one row a picture, so that device, batch layout
and number of processes never change a view, but for rounding to 8 bits where the CPU crops 8-bit pictures.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from likewise import seeds
from likewise.contrastive import colour
from likewise.contrastive.resample import blur, crop, crop_bytes

TRIES = 10  # of a crop that fits, before the whole picture is taken
COLUMNS = 2 * TRIES + 15  # chances a picture
RATIO = 4 / 3  # most and, inverted, least width to height of a crop


class Recipe(BaseModel):
    """How views differ from their picture."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    size: int = Field(default=64, ge=8, description="Side of a view, pixels.")
    crop: float = Field(default=0.08, gt=0, le=1, description="Least share of the picture's area that a crop covers.")
    flip: float = Field(default=0.5, ge=0, le=1, description="Chance of a flip, left to right.")
    colour: float = Field(default=1.0, ge=0, le=1.25, description="Strength of colour jitter: 0.8 of it, 0.2 for hue.")
    jitter: float = Field(default=0.8, ge=0, le=1, description="Chance of colour jitter.")
    grey: float = Field(default=0.2, ge=0, le=1, description="Chance of a grey view.")
    blur: float = Field(
        default=0.5, ge=0, le=1, description="Chance of a blur, sigma 0.1 to 2 pixels at 224, scaled to size."
    )


@dataclass(frozen=True)
class Chances:
    """What happens to each of B pictures."""

    boxes: Tensor  # (B, 4) top, left, height, width, whole pixels
    flip: Tensor  # (B,)
    factors: Tensor  # (B, 4)
    order: Tensor  # (B, 4)
    jitter: Tensor  # (B,)
    grey: Tensor  # (B,)
    blur: Tensor  # (B,)
    sigma: Tensor  # (B,) pixels

    def to(self, device: torch.device) -> "Chances":
        """The same on another device."""
        return Chances(*(getattr(self, name).to(device) for name in self.__dataclass_fields__))

    def __getitem__(self, rows: slice | Tensor) -> "Chances":
        """Those of some pictures."""
        return Chances(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))


def draw(recipe: Recipe, count: int, side: int, seed: int, *names: str | int) -> Chances:
    """The chances of `count` pictures of side x side pixels; those of a smaller count are the first of them."""
    random = seeds.numpy_stream(seed, "views", *names).random((count, COLUMNS), dtype=np.float32)
    chance = torch.from_numpy(random)
    tries, rest = chance[:, : 2 * TRIES].reshape(count, TRIES, 2), chance[:, 2 * TRIES :]
    strength = torch.tensor([0.8, 0.8, 0.8, 0.2]) * recipe.colour
    factors = (2 * rest[:, 2:6] - 1) * strength + torch.tensor([1.0, 1.0, 1.0, 0.0])
    sigma = (0.1 + 1.9 * rest[:, 14]) * recipe.size / 224
    return Chances(
        _boxes(recipe.crop, tries, rest[:, :2], side),
        rest[:, 6] < recipe.flip,
        factors,
        rest[:, 7:11].argsort(dim=1, stable=True),
        rest[:, 11] < recipe.jitter,
        rest[:, 12] < recipe.grey,
        rest[:, 13] < recipe.blur,
        sigma,
    )


def _boxes(least: float, tries: Tensor, corner: Tensor, side: int) -> Tensor:
    """The first try that fits, else the whole picture."""
    area = side * side * (least + (1 - least) * tries[..., 0])
    ratio = (np.log(RATIO) * (2 * tries[..., 1] - 1)).exp()
    height, width = (area / ratio).sqrt().round(), (area * ratio).sqrt().round()
    fits = (height >= 1) & (width >= 1) & (height <= side) & (width <= side)
    first = fits.int().argmax(1, keepdim=True)
    fitting = fits.any(1)
    height, width = (torch.where(fitting, x.gather(1, first)[:, 0], torch.tensor(float(side))) for x in (height, width))
    top, left = ((corner[:, 0] * (side - height + 1)).floor(), (corner[:, 1] * (side - width + 1)).floor())
    return torch.stack([top, left, height, width], 1).long()


def views(images: Tensor, chances: Chances, recipe: Recipe) -> Tensor:
    """Views (B, 3, size, size) in [0, 1] of square pictures (B, 3, side, side), uint8 or float in [0, 1]."""
    chances = chances.to(images.device)
    if images.dtype == torch.uint8 and images.device.type == "cpu":
        made = crop_bytes(images, chances.boxes, chances.flip, recipe.size).contiguous().float().div_(255)
    else:
        plain = images.float().div_(255) if images.dtype == torch.uint8 else images
        made = crop(plain, chances.boxes, chances.flip, recipe.size)
    made = colour.to_grey(colour.jitter(made, chances.factors, chances.order, chances.jitter), chances.grey)
    rows = chances.blur.nonzero().flatten()
    if len(rows):
        made[rows] = blur(made[rows], chances.sigma[rows], max(1, recipe.size // 20))
    return made


def whole(images: Tensor, size: int) -> Tensor:
    """The pictures themselves at the size of views, without chance."""
    count, side = len(images), images.shape[-1]
    boxes = torch.tensor([[0, 0, side, side]], device=images.device).expand(count, 4)
    plain = images.float().div_(255) if images.dtype == torch.uint8 else images
    return crop(plain, boxes, torch.zeros(count, dtype=torch.bool, device=images.device), size)


@dataclass(frozen=True)
class Probe:
    """Views a second on each device, and a sentence on which to use."""

    speeds: dict[str, float]
    fastest: str
    note: str


def probe(recipe: Recipe, side: int, devices: Sequence[str], *, count: int = 128, repeats: int = 3) -> Probe:
    """Measure on each device, the copy to it included; never assume that the faster card is the faster place."""
    images = torch.from_numpy(seeds.numpy_stream(0, "probe").integers(0, 256, (count, 3, side, side), dtype=np.uint8))
    chances = draw(recipe, count, side, 0, "probe")
    speeds = {}
    for device in devices:
        taken = []
        for _ in range(repeats + 1):
            began = time.perf_counter()
            views(images.to(device), chances, recipe)[:1].cpu()  # waits until it is done
            taken.append(time.perf_counter() - began)
        speeds[device] = count / min(taken[1:])
    fastest = max(speeds, key=lambda name: speeds[name])
    listed = ", ".join(f"{name} {speed:.0f}" for name, speed in speeds.items())
    return Probe(speeds, fastest, f"views are made on {fastest}: {listed} views a second were measured")
