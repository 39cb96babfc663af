"""Train two towers on pictures and their captions, one optimiser step a yield (CLIP, arXiv:2103.00020)."""

from collections.abc import Callable, Iterator

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from likewise.contrastive.losses import clip_loss
from likewise.encoders.towers import Towers
from likewise.seeds import stream
from likewise.training import State, Step


class Config(BaseModel):
    """Settings of contrastive training."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    steps: int = Field(default=800, ge=1, description="Optimiser steps.")
    batch: int = Field(default=128, ge=2, description="Pairs a step; every other pair of the batch is a negative.")
    lr: float = Field(default=1e-3, gt=0, description="AdamW learning rate at its highest.")
    warmup: int = Field(default=50, ge=0, description="Steps over which the learning rate rises.")
    weight_decay: float = Field(default=0.05, ge=0, description="AdamW weight decay, matrices only.")
    seed: int = Field(default=0, description="Names every random stream.")


def learn(
    towers: Towers,
    pairs: Callable[[Tensor], tuple[Tensor, Tensor]],
    count: int,
    config: Config,
    resume: State | None = None,
) -> Iterator[Step]:
    """Yield after each step. `pairs(rows)` gives pictures (B, 3, H, W) in [0, 1] and token ids (B, L) of those rows.

    Rows are drawn without repeats inside a batch, keyed by the step, from `count` of them.
    """
    matrices = [p for p in towers.parameters() if p.ndim > 1]
    others = [p for p in towers.parameters() if p.ndim <= 1]
    groups = [{"params": matrices, "weight_decay": config.weight_decay}, {"params": others, "weight_decay": 0.0}]
    optimiser = torch.optim.AdamW(groups, lr=config.lr, betas=(0.9, 0.98))
    done = 0
    if resume is not None:
        done = restore(towers, optimiser, resume)
    for index in range(done + 1, config.steps + 1):
        lr = config.lr * min(1.0, index / max(1, config.warmup)) * (1 - 0.98 * (index / config.steps) ** 2)
        for group in optimiser.param_groups:
            group["lr"] = lr
        rows = torch.randperm(count, generator=stream(config.seed, "pairs", index))[: config.batch]
        images, ids = pairs(rows)
        loss = clip_loss(towers.embed_images(images), towers.embed_texts(ids), towers.scale)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(towers.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad()
        yield Step(index, {"contrastive": loss.item()}, lr, lambda i=index: snapshot(towers, optimiser, i))


def snapshot(module: torch.nn.Module, optimiser: torch.optim.Optimizer, step: int) -> State:
    """Weights and optimiser moments as flat tensors: 'weight/<name>' and 'optimiser/<index>/<moment>'."""
    tensors = {f"weight/{name}": value.detach().clone() for name, value in module.state_dict().items()}
    for index, moments in optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser/{index}/{name}": value.clone() for name, value in moments.items()}
    return State(tensors, {"step": step})


def restore(module: torch.nn.Module, optimiser: torch.optim.Optimizer, state: State) -> int:
    """Undo `snapshot`: load weights and moments, and return the step they belong to."""
    module.load_state_dict({k.removeprefix("weight/"): v for k, v in state.tensors.items() if k.startswith("weight/")})
    moments: dict[int, dict[str, Tensor]] = {}
    for name, value in state.tensors.items():
        if name.startswith("optimiser/"):
            _, index, moment = name.split("/")
            moments.setdefault(int(index), {})[moment] = value
    optimiser.load_state_dict(optimiser.state_dict() | {"state": moments})
    return int(state.data["step"])
