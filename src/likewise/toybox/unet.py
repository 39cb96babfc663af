"""The U-Net: 16 x 16 latents, self- and cross-attention at every level, trained on cached latents and captions."""

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import Any

import torch
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from likewise.contrastive.learn import restore, snapshot
from likewise.devices import Device
from likewise.diffusion.schedule import Schedule
from likewise.seeds import numpy_stream, stream
from likewise.toybox.muon import Muon, split
from likewise.training import State, Step

ENDS = ("conv_in", "conv_out", "time_embedding")  # what faces latents and clocks is left to AdamW


class Config(BaseModel):
    """Settings of the U-Net's training."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    steps: int = Field(default=4000, ge=1, description="Optimiser steps.")
    batch: int = Field(default=48, ge=1, description="Pictures a step.")
    lr: float = Field(default=1e-3, gt=0, description="Learning rate at its highest.")
    warmup: int = Field(default=100, ge=0, description="Steps over which the learning rate rises.")
    cooldown: float = Field(
        default=0.3, ge=0, le=1, description="Share of the steps, at the end, over which it falls to zero."
    )
    weight_decay: float = Field(default=0.01, ge=0, description="Decoupled weight decay.")
    gamma: float = Field(default=0.0, ge=0, description="Min-SNR gamma; 0 weighs all timesteps alike.")
    emphasis: float = Field(
        default=2.0, ge=1, description="Timesteps are 1 - u^emphasis of all, u uniform: above 1, more of them noisy."
    )
    focus: float = Field(default=3.0, ge=0, description="How much more a cell counts where it shows the subject.")
    drop: float = Field(
        default=0.1, ge=0, le=1, description="Share of captions replaced by '' for classifier-free guidance."
    )
    ema: float = Field(
        default=0.985, ge=0, lt=1, description="Decay of the weight average that is shipped; 0 keeps none."
    )
    seed: int = Field(default=0, description="Names every random stream.")


def build(
    channels: int, text_width: int, widths: tuple[int, ...] = (64, 128, 256), layers: int = 1
) -> UNet2DConditionModel:
    """An untrained U-Net over 16 x 16 latents with attention at every level."""
    heads: Any = tuple(max(1, w // 64) for w in widths)  # one number a level, which the annotation leaves out
    return UNet2DConditionModel(
        sample_size=16,
        in_channels=channels,
        out_channels=channels,
        layers_per_block=layers,
        block_out_channels=widths,
        down_block_types=("CrossAttnDownBlock2D",) * len(widths),
        up_block_types=("CrossAttnUpBlock2D",) * len(widths),
        cross_attention_dim=text_width,
        attention_head_dim=heads,
    )


def rate(config: Config, index: int) -> float:
    """Learning rate of step `index`: a rise, a plateau, a straight fall."""
    fall = min(1.0, (config.steps - index + 1) / max(1.0, config.cooldown * config.steps))
    return config.lr * min(1.0, index / max(1, config.warmup)) * fall


def learn(
    unet: UNet2DConditionModel,
    average: UNet2DConditionModel,
    schedule: Schedule,
    batches: Callable[[Tensor, Tensor], tuple[Tensor, Tensor, Tensor]],
    count: int,
    config: Config,
    resume: State | None = None,
    device: Device | None = None,
) -> Iterator[Step]:
    """Yield after each step; `average` holds the exponential moving average of the weights.

    `batches(rows, dropped)` gives latents (B, C, h, w) and text (B, L, D) of those rows, the empty prompt's text where
    dropped (B,) is true, and what subjects cover of each cell, 0 to 1 (B, 1, h, w). Rows come from a keyed permutation
    an epoch; timesteps and noise are keyed by the step and drawn on the CPU. The networks are on `device` already; it
    gives the precision.
    """
    scope = device.autocast if device else nullcontext
    optimiser = Muon(*split(unet, ENDS), config.lr, weight_decay=config.weight_decay)
    done = 0
    if resume is not None:
        done = restore(unet, optimiser, resume)
        kept = {
            name.removeprefix("average/"): value
            for name, value in resume.tensors.items()
            if name.startswith("average/")
        }
        average.load_state_dict(kept)
    for index in range(done + 1, config.steps + 1):
        lr = rate(config, index)
        for group in optimiser.param_groups:
            group["lr"] = lr
        rng = stream(config.seed, "unet", index)
        dropped = torch.rand(config.batch, generator=rng) < config.drop
        latents, text, covered = batches(_rows(config, count, index), dropped)
        t = timesteps(config, schedule.timesteps, rng).to(latents.device)
        noise = torch.randn(latents.shape, generator=rng).to(latents.device)
        with scope():
            drawn = unet(schedule.add_noise(latents, noise, t), t, text).sample
        error = (drawn.float() - schedule.target(latents, noise, t)).square()
        weight = schedule.min_snr_weight(t, config.gamma) if config.gamma else 1.0
        loss = ((error * focused(covered, config.focus)).mean((1, 2, 3)) * weight).mean()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(unet.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad()
        _follow(average, unet, min(config.ema, index / (10 + index)))
        losses = {"weighted": loss.item(), "plain": error.mean().item()}
        yield Step(index, losses, lr, lambda i=index: _state(unet, average, optimiser, i))


def focused(covered: Tensor, focus: float) -> Tensor:
    """Weights (B, 1, h, w) of a picture's cells, 1 on average: what a subject covers counts 1 + focus times as much."""
    weight = 1 + focus * covered
    return weight / weight.mean((1, 2, 3), keepdim=True)


def timesteps(config: Config, count: int, rng: torch.Generator) -> Tensor:
    """A batch (B,) of timesteps below `count`. What a picture shows is decided where the noise is strong."""
    share = 1 - torch.rand(config.batch, generator=rng) ** config.emphasis
    return (share * count).long().clamp(max=count - 1)


def _rows(config: Config, count: int, index: int) -> Tensor:
    first = (index - 1) * config.batch
    rows = []
    for place in range(first, first + config.batch):
        epoch = place // count
        rows.append(_order(config.seed, count, epoch)[place % count])
    return torch.tensor(rows)


_orders: dict[tuple[int, int, int], list[int]] = {}


def _order(seed: int, count: int, epoch: int) -> list[int]:
    if (seed, count, epoch) not in _orders:
        _orders.clear()
        _orders[seed, count, epoch] = numpy_stream(seed, "epoch", epoch).permutation(count).tolist()
    return _orders[seed, count, epoch]


@torch.no_grad()
def _follow(average: torch.nn.Module, module: torch.nn.Module, decay: float) -> None:
    many: Any = torch  # its optimisers' own functions over lists, which it does not list as public
    many._foreach_lerp_(list(average.parameters()), list(module.parameters()), 1 - decay)


def _state(unet: torch.nn.Module, average: torch.nn.Module, optimiser: torch.optim.Optimizer, step: int) -> State:
    state = snapshot(unet, optimiser, step)
    tensors = state.tensors | {f"average/{name}": value.clone() for name, value in average.state_dict().items()}
    return State(tensors, state.data)
