"""Adapters out of matrices: the best of a given rank, by singular values (Eckart and Young, 1936).

A model trained in full becomes a LoRA of what changed in its matrices, and a LoRA becomes one of a smaller rank.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from likewise.diffusion.formats.lora_names import Place
from likewise.diffusion.lora_formats import LoraFile


@dataclass(frozen=True)
class Kept:
    """How much of the change the adapters hold: shares of the squared norm, over all layers and in the worst one."""

    total: float
    worst: float
    layers: int


def resize(file: LoraFile, rank: int) -> tuple[LoraFile, Kept]:
    """The same adapters with ranks of at most `rank`; one that is no larger stays as it is, but for its alpha.

    Works on small matrices: up and down are reduced by QR first, so SDXL takes seconds.
    """
    pairs, shares = {}, []
    for place, (down, up, scale) in file.pairs.items():
        if len(down) <= rank:
            pairs[place] = (down.float(), up.float() * scale, 1.0)
            shares.append((1.0, 1.0))
            continue
        q_up, r_up = torch.linalg.qr(up.float().flatten(1))
        q_down, r_down = torch.linalg.qr(down.float().flatten(1).T)
        u, s, vt = torch.linalg.svd(scale * r_up @ r_down.T)
        new_up, new_down, share = _cut(q_up @ u, s, vt @ q_down.T, rank)
        pairs[place] = (new_down.reshape(-1, *down.shape[1:]), new_up.reshape(len(up), -1, *up.shape[2:]), 1.0)
        shares.append(share)
    return LoraFile(pairs, (), file.metadata, file.scheme), _kept(shares)


def extract(
    base: Mapping[Place, Tensor],
    learned: Mapping[Place, Tensor],
    rank: int,
    told: Callable[[int], None] = lambda _: None,
) -> tuple[LoraFile, Kept]:
    """Adapters that turn `base` into `learned` as far as their rank allows; layers that did not change get none.

    Weights (out, in) or (out, in, h, w) by layer; told: called after each layer with the number done.
    """
    pairs, shares = {}, []
    for done, (place, weight) in enumerate(sorted(base.items()), start=1):
        change = (learned[place].float() - weight.float()).flatten(1)
        if change.abs().max() > 0:
            up, down, share = _cut(*_singular(change), rank)
            kernel = weight.shape[2:]
            pairs[place] = (down.reshape(-1, weight.shape[1], *kernel), up.reshape(*up.shape, *(1,) * len(kernel)), 1.0)
            shares.append((share[0], change.square().sum().item()))
        told(done)
    return LoraFile(pairs, (), {}), _kept(shares)


def _singular(change: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Left vectors, values, right vectors, largest first; by eigenvectors of the smaller Gram matrix."""
    wide, change = change.shape[0] <= change.shape[1], change.double()  # squares need twice the digits
    values, vectors = torch.linalg.eigh(change @ change.T if wide else change.T @ change)
    values, vectors = values.flip(0).clamp(min=0).sqrt(), vectors.flip(1)
    if wide:
        left, right = vectors, (vectors.T @ change) / values.clamp(min=1e-30)[:, None]
    else:
        left, right = (change @ vectors) / values.clamp(min=1e-30), vectors.T
    return left.float(), values.float(), right.float()


def _cut(left: Tensor, values: Tensor, right: Tensor, rank: int) -> tuple[Tensor, Tensor, tuple[float, float]]:
    """up, down, and (share of the squared norm, squared norm); the values are split evenly between the two."""
    rank = max(1, min(rank, int((values > values[0] * 1e-7).sum())))
    root = values[:rank].sqrt()
    total = values.square().sum().item()
    share = values[:rank].square().sum().item() / total if total else 1.0
    return (left[:, :rank] * root).contiguous(), (root[:, None] * right[:rank]).contiguous(), (share, total)


def _kept(shares: list[tuple[float, float]]) -> Kept:
    total = sum(norm for _, norm in shares)
    kept = sum(share * norm for share, norm in shares) / total if total else 1.0
    return Kept(kept, min((share for share, _ in shares), default=1.0), len(shares))
