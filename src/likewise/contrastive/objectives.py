"""The objectives by name, right in one process and in many: each declares its distributed kind.

Every objective takes the embeddings of this process and returns a loss whose gradient, averaged over the processes as
DDP averages, is that of the whole batch in one process; `whole` of it, averaged likewise, is the whole batch's loss.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from likewise.contrastive.contrast import Pairs, contrast
from likewise.contrastive.distributed import gather, gather_images, world
from likewise.contrastive.losses import sigmoid_sum, square_sum, view_pairs
from likewise.contrastive.rules import CountMode, guide
from likewise.errors import SmallBatchError

Kind = Literal["gather", "local"]  # gather: of all processes' rows, with gradient; local: of this process's alone


@dataclass(frozen=True)
class Objective:
    """A loss by name: how many modalities it learns from, and how it behaves over processes."""

    modalities: int
    loss: Callable[..., Tensor]
    distributed: Kind = "gather"
    normalised: bool = True  # whether rows are made unit rows first


def ntxent(
    views: Tensor,
    *,
    temperature: float = 0.1,
    teacher: Tensor | None = None,
    rules: Sequence[str] | Mapping[str, float] = (),
    mode: CountMode = "exact",
    chunk: int | None = 0,
) -> Tensor:
    """NT-Xent (see losses.ntxent_loss) of views (V, B, D), with rules; teacher: unit rows (V, B, T) of the same."""
    keys, here = gather_images(F.normalize(views, dim=2))
    _enough(len(keys) // len(views))
    if teacher is None or not rules:
        pairs = _rows(view_pairs(len(views), len(keys) // len(views), keys), here)
    else:
        with torch.no_grad():
            seen, _ = gather_images(teacher)
            pairs = guide(seen, len(views), rules, rows=here, mode=mode, dtype=keys.dtype)
    return world() * contrast(keys[here], keys, 1 / temperature, pairs, chunk)


def clip(images: Tensor, texts: Tensor, *, scale: Tensor, chunk: int | None = 0) -> Tensor:
    """CLIP's loss (see losses.clip_loss) of unit rows (B, D): this process's rows against all processes'."""
    (every_image, start), (every_text, _) = gather(images), gather(texts)
    _enough(len(every_image))
    index = torch.arange(len(images), device=images.device)[:, None] + start
    weight = torch.full(index.shape, 1 / (2 * len(every_image)), dtype=images.dtype, device=images.device)
    pairs = Pairs(index, weight)
    return world() * (
        contrast(images, every_text, scale, pairs, chunk) + contrast(texts, every_image, scale, pairs, chunk)
    )


def siglip(images: Tensor, texts: Tensor, *, scale: Tensor, bias: Tensor, chunk: int | None = 0) -> Tensor:
    """SigLIP's loss (see losses.siglip_loss) of unit rows (B, D)."""
    every_text, start = gather(texts)
    _enough(len(every_text))
    return world() * sigmoid_sum(images, every_text, scale, bias, start, chunk) / len(every_text)


def spectral(first: Tensor, second: Tensor, *, chunk: int | None = 0) -> Tensor:
    """The spectral loss (see losses.spectral_loss) of rows (B, D) as they are."""
    every, _ = gather(second)
    count = len(every)
    _enough(count)
    attract = (first * second).sum(1)
    squares = square_sum(first, every, chunk) - attract.square().sum()
    return world() * (squares / (count * (count - 1)) - 2 * attract.sum() / count)


def _rows(pairs: Pairs, here: Tensor) -> Pairs:
    return replace(pairs, index=pairs.index[here], weight=pairs.weight[here], own=here)


def _enough(count: int) -> None:
    if count < 2:
        raise SmallBatchError(count)


OBJECTIVES: Mapping[str, Objective] = {
    "ntxent": Objective(1, ntxent),
    "spectral": Objective(1, spectral, normalised=False),
    "clip": Objective(2, clip),
    "siglip": Objective(2, siglip),
    "spectral-pairs": Objective(2, spectral, normalised=False),
}
