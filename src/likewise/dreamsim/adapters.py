"""LoRA adapters of the released checkpoints, in every layout they were published in, merged into the weights.

v0.2: one folder for all branches, keys `base_model.model.extractor_list.I.model.blocks.N.attn.qkv.lora_A.weight`.
v0.1: a folder a branch, `base_model.model.model.blocks.N...`, some keys doubled under `base_model.model.blocks.N...`.
In memory peft adds `.default`. The update is W += (alpha / r) B A (arXiv:2106.09685), done once, at load.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import torch
from torch import Tensor

from likewise.checkpoint import read_json
from likewise.dreamsim import backbones
from likewise.dreamsim.branches import Branch
from likewise.encoders.vit import ViT
from likewise.errors import MetricWeightsError

CONFIG = "adapter_config.json"
FILES = ("adapter_model.safetensors", "adapter_model.bin")
_KEY = re.compile(
    r"(?:base_model\.model\.)?(?:extractor_list\.(?P<branch>\d+)\.)?(?:model\.)?"
    r"blocks\.(?P<block>\d+)\.attn\.qkv\.lora_(?P<part>[AB])(?:\.default)?\.weight"
)


@dataclass(frozen=True)
class Adapter:
    """The low-rank updates of one folder: (branch, block, "A" or "B") -> tensor; branch 0 where none is named."""

    path: Path
    scale: float  # alpha / r
    tensors: Mapping[tuple[int, int, str], Tensor]


def is_adapter(folder: Path) -> bool:
    """Whether a folder holds an adapter."""
    return (folder / CONFIG).is_file() and any((folder / name).is_file() for name in FILES)


def read(folder: Path) -> Adapter:
    """The adapter of a folder. MetricWeightsError names what does not belong there."""
    rank, alpha = _numbers(folder / CONFIG)
    path = next(folder / name for name in FILES if (folder / name).is_file())
    found: dict[tuple[int, int, str], Tensor] = {}
    problems = []
    for name, tensor in backbones.read(path).items():
        match = _KEY.fullmatch(name)
        if match is None or not isinstance(tensor, Tensor):
            problems.append(f"unknown: {name}")
            continue
        key = (int(match["branch"] or 0), int(match["block"]), match["part"])
        if key in found and not torch.equal(found[key], tensor):
            problems.append(f"two values: {name}")
        found[key] = tensor.float()
    if problems:
        raise MetricWeightsError(path, problems)
    return Adapter(path, alpha / rank, found)


def _numbers(path: Path) -> tuple[int, float]:
    config = read_json(path)
    rank, alpha, bias = config.get("r"), config.get("lora_alpha"), config.get("bias", "none")
    numbers = isinstance(rank, int) and isinstance(alpha, (int, float)) and rank > 0
    problems = [] if numbers else [f"r is {rank!r} and lora_alpha {alpha!r}"]
    problems += [] if bias == "none" else [f"bias is {json.dumps(bias)}; only 'none' was ever released"]
    problems += [f"{name} is set" for name in ("use_rslora", "use_dora") if config.get(name)]
    if problems:
        raise MetricWeightsError(path, problems)
    return rank, float(alpha)


@torch.no_grad()
def merge(branches: Sequence[Branch], adapter: Adapter) -> None:
    """Add the updates to the branches' weights; each block needs its own, and none may be left over."""
    left = dict(adapter.tensors)
    problems, updates = [], []
    for number, branch in enumerate(branches):
        for index, block in enumerate(cast(ViT, branch.network).blocks):
            weight = block.attn.qkv.weight
            down, up = (left.pop((number, index, part), None) for part in "AB")
            for part, tensor in (("A", down), ("B", up)):
                if tensor is None:
                    problems.append(f"missing: branch {number}, block {index}, lora_{part}")
            if down is not None and up is not None:
                if down.shape[1:] != weight.shape[1:] or up.shape != (weight.shape[0], down.shape[0]):
                    shapes = f"A {tuple(down.shape)} and B {tuple(up.shape)} for a weight {tuple(weight.shape)}"
                    problems.append(f"branch {number}, block {index}: {shapes}")
                else:
                    updates.append((weight, down, up))
    problems += [f"unknown: branch {number}, block {index}, lora_{part}" for number, index, part in left]
    if problems:
        raise MetricWeightsError(adapter.path, problems)
    for weight, down, up in updates:
        weight += adapter.scale * (up @ down)
