"""How the learning rate moves over a run, and AdamW as the settings ask for it."""

import math
from collections.abc import Sequence

import torch
from torch import nn

from likewise.tuning.config import Tuning


def lr_factor(index: int, config: Tuning) -> float:
    """The share of the learning rate that optimiser step `index` (from 1) uses.

    It rises linearly to 1 at step `warmup`, then stays, or falls to lr_final at the last step.
    """
    if index <= config.warmup:
        return index / config.warmup
    if config.lr_schedule == "constant":
        return 1.0
    done = (index - config.warmup) / (config.steps - config.warmup)
    fall = done if config.lr_schedule == "linear" else (1 - math.cos(math.pi * done)) / 2
    return 1 - (1 - config.lr_final) * fall


def adamw(groups: list[dict], config: Tuning) -> torch.optim.AdamW:
    """AdamW over groups that say their `peak` learning rate, and whatever else torch's AdamW takes of a group."""
    groups = [{**group, "lr": group["peak"]} for group in groups]
    return torch.optim.AdamW(groups, betas=(config.beta1, config.beta2), weight_decay=config.weight_decay)


def many(tensors: Sequence[nn.Parameter], peak: float) -> dict:
    """A group of many tensors: on a CPU updated by one call instead of a dozen for each; elsewhere torch knows best.

    A word's few rows stay with the plain update, which is bit for bit that of the table they stand for.
    """
    return {"params": tensors, "peak": peak, "fused": all(one.device.type == "cpu" for one in tensors) or None}


def set_rate(optimiser: torch.optim.Optimizer, index: int, config: Tuning) -> float:
    """Give every group its learning rate of step `index`, and return the first group's."""
    for group in optimiser.param_groups:
        group["lr"] = group["peak"] * lr_factor(index, config)
    return optimiser.param_groups[0]["lr"]
