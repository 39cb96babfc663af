"""State dicts of released vision transformers, in all their wrappings, under the names of our own."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from likewise.checkpoint import read_tensors
from likewise.diffusion.formats import inert
from likewise.errors import MetricWeightsError

MOST_BYTES = 4 * 2**30  # of a file; DINO's training checkpoint, the largest, is 0.7 GB
WRAPPERS = ("teacher", "state_dict", "model")  # DINO's training checkpoint, the converted CLIPs, SynCLR and MAE
PREFIXES = ("module.visual.", "module.", "backbone.", "vit.")
UNUSED = re.compile(r"mask_token|head\.|fc_norm\.|decoder_|pooler\.|logit_scale$")  # heads of other tasks


def read(path: Path) -> dict[str, Any]:
    """What a weight file holds; a pickle's tensors are read without running it. BrokenFileError, UnsafeFileError."""
    if path.suffix == ".safetensors":
        return dict(read_tensors(path)[0])
    found = inert.read(path, MOST_BYTES)
    if not isinstance(found, dict):
        raise MetricWeightsError(path, ["it holds no tensors by name"])
    return found


def load(network: nn.Module, path: Path) -> None:
    """Put a file's tensors into a ViT, all of them and no others. Raises MetricWeightsError, which names the keys."""
    take(network, read(path), path)


@torch.no_grad()
def take(network: nn.Module, found: Mapping[str, Any], path: object) -> None:
    """As load, from what was read."""
    tensors = renamed(found)
    own = network.state_dict()
    problems = [f"missing: {name} {tuple(value.shape)}" for name, value in own.items() if name not in tensors]
    problems += [f"unknown: {name}" for name in tensors if name not in own]
    problems += [
        f"{name} is {tuple(tensors[name].shape)}, and {tuple(value.shape)} is needed"
        for name, value in own.items()
        if name in tensors and tensors[name].shape != value.shape
    ]
    if problems:
        raise MetricWeightsError(path, problems)
    network.load_state_dict({name: value.float() for name, value in tensors.items()})


def renamed(found: Mapping[str, Any]) -> dict[str, Tensor]:
    """Unwrapped, without prefixes and the heads of other tasks, under our names."""
    for wrapper in WRAPPERS:
        if isinstance(found.get(wrapper), dict):
            found = found[wrapper]
    tensors = {_bare(name): value for name, value in found.items() if isinstance(value, Tensor)}
    tensors = {name: value for name, value in tensors.items() if not UNUSED.match(name)}
    if "embeddings.cls_token" in tensors:
        tensors = _from_transformers(tensors)
    return {re.sub(r"^pos_drop\.", "pre_norm.", name): value for name, value in tensors.items()}


def _bare(name: str) -> str:
    for prefix in PREFIXES:
        name = name.removeprefix(prefix)
    return name


_TRANSFORMERS = (
    (r"embeddings\.cls_token", "cls_token"),
    (r"embeddings\.position_embeddings", "pos_embed"),
    (r"embeddings\.patch_embeddings\.projection\.", "patch_embed.proj."),
    (r"encoder\.layer\.(\d+)\.layernorm_before\.", r"blocks.\1.norm1."),
    (r"encoder\.layer\.(\d+)\.attention\.output\.dense\.", r"blocks.\1.attn.proj."),
    (r"encoder\.layer\.(\d+)\.layernorm_after\.", r"blocks.\1.norm2."),
    (r"encoder\.layer\.(\d+)\.intermediate\.dense\.", r"blocks.\1.mlp.fc1."),
    (r"encoder\.layer\.(\d+)\.output\.dense\.", r"blocks.\1.mlp.fc2."),
    (r"layernorm\.", "norm."),
)


def _from_transformers(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The names of transformers' ViT and ViTMAE models, whose query, key and value are three layers."""
    made: dict[str, Tensor] = {}
    for name, value in tensors.items():
        split = re.match(r"encoder\.layer\.(\d+)\.attention\.attention\.(query|key|value)\.(weight|bias)$", name)
        if split is None:
            for pattern, ours in _TRANSFORMERS:
                name = re.sub(f"^{pattern}", ours, name)
            made[name] = value
        elif split[2] == "query":
            parts = [name.replace("query", part) for part in ("query", "key", "value")]
            if all(part in tensors for part in parts):
                made[f"blocks.{split[1]}.attn.qkv.{split[3]}"] = torch.cat([tensors[part] for part in parts])
    return made
