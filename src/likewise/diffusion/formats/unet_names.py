"""A U-Net's layers by diffusers' names and by those of the original code (ldm, sgm), which files of the time carry.

The original counts blocks through: with L layers a block, `down_blocks.b.attentions.a` is `input_blocks.{1 + (L+1) b +
a}.1` and `up_blocks.b.attentions.a` is `output_blocks.{(L+1) b + a}.1`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from likewise.errors import ForeignLayoutError

# Layers outside the blocks, and the parts of a residual block: diffusers' name, the original one.
SINGLE = {
    "conv_in": "input_blocks.0.0", "conv_norm_out": "out.0", "conv_out": "out.2",
    "time_embedding.linear_1": "time_embed.0", "time_embedding.linear_2": "time_embed.2",
    "add_embedding.linear_1": "label_emb.0.0", "add_embedding.linear_2": "label_emb.0.2",
}  # fmt: skip
RESNET = {
    "norm1": "in_layers.0", "conv1": "in_layers.2", "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0", "conv2": "out_layers.3", "conv_shortcut": "skip_connection",
}  # fmt: skip
MIDDLE = {"resnets.0": "0", "attentions.0": "1", "resnets.1": "2"}
ORIGINAL = ("input_blocks.", "middle_block.", "output_blocks.", "time_embed.", "label_emb.", "out.")
_SINGLE, _RESNET, _MIDDLE = ({new: old for old, new in table.items()} for table in (SINGLE, RESNET, MIDDLE))
_BLOCK = re.compile(r"(down|up)_blocks\.(\d+)\.(resnets|attentions|downsamplers|upsamplers)\.(\d+)\.(.+)")
_NUMBERED = re.compile(r"(input|output)_blocks\.(\d+)\.(\d)\.(.+)")


@dataclass(frozen=True)
class Blocks:
    """How a U-Net is built, as far as names depend on it.

    layers: residual layers a block; attended: the up blocks that hold attention.
    """

    layers: int = 2
    attended: frozenset[int] = frozenset({1, 2, 3})

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> "Blocks":
        """Of a UNet2DConditionModel's config; ForeignLayoutError where the original code has no such network."""
        layers = config.get("layers_per_block", 2)
        if not isinstance(layers, int):
            raise ForeignLayoutError("the U-Net", f"layers_per_block is {layers}, and the original has one number")
        kinds = config["up_block_types"]
        return cls(layers, frozenset(index for index, kind in enumerate(kinds) if "CrossAttn" in kind))


def is_original(path: str) -> bool:
    """Whether a layer's name is one of the original code."""
    return f"{path}.".startswith(ORIGINAL)


def to_original(path: str, blocks: Blocks) -> str | None:
    """The original name of the layer, or parameter, that diffusers calls `path`; None if the original has none."""
    for old, new in SINGLE.items():
        if path == old or path.startswith(f"{old}."):
            return new + path.removeprefix(old)
    if path.startswith("mid_block."):
        old, rest = _head(path.removeprefix("mid_block."), 2)
        return f"middle_block.{MIDDLE[old]}.{_inner(old, rest, RESNET)}" if old in MIDDLE else None
    found = _BLOCK.fullmatch(path)
    return _numbered(found[1], int(found[2]), found[3], int(found[4]), found[5], blocks) if found else None


def _numbered(side: str, block: int, kind: str, index: int, rest: str, blocks: Blocks) -> str:
    start = block * (blocks.layers + 1)
    if kind == "downsamplers":
        return f"input_blocks.{start + blocks.layers + 1}.0.{rest.replace('conv', 'op', 1)}"
    if kind == "upsamplers":
        return f"output_blocks.{start + blocks.layers}.{2 if block in blocks.attended else 1}.{rest}"
    place = f"input_blocks.{start + index + 1}" if side == "down" else f"output_blocks.{start + index}"
    return f"{place}.{0 if kind == 'resnets' else 1}.{_inner(kind, rest, RESNET)}"


def to_diffusers(path: str, blocks: Blocks) -> str | None:
    """diffusers' name of the layer, or parameter, that the original calls `path`; None if it is none of its names."""
    for old, new in _SINGLE.items():
        if path == old or path.startswith(f"{old}."):
            return new + path.removeprefix(old)
    if path.startswith("middle_block."):
        old, rest = _head(path.removeprefix("middle_block."), 1)
        return f"mid_block.{_MIDDLE[old]}.{_inner(_MIDDLE[old], rest, _RESNET)}" if old in _MIDDLE else None
    found = _NUMBERED.fullmatch(path)
    return _in_block(found[1], int(found[2]), int(found[3]), found[4], blocks) if found else None


def _in_block(side: str, number: int, part: int, rest: str, blocks: Blocks) -> str:
    block, index = divmod(number - (side == "input"), blocks.layers + 1)
    place = "down_blocks" if side == "input" else "up_blocks"
    if side == "input" and (rest == "op" or rest.startswith("op.")):
        return f"{place}.{block}.downsamplers.0.{rest.replace('op', 'conv', 1)}"
    if side == "output" and part and (rest == "conv" or rest.startswith("conv.")):
        return f"{place}.{block}.upsamplers.0.{rest}"
    kind = "attentions" if part else "resnets"
    return f"{place}.{block}.{kind}.{index}.{_inner(kind, rest, _RESNET)}"


def _inner(kind: str, rest: str, table: Mapping[str, str]) -> str:
    """The rest of a name within a block: attention is called alike in both."""
    if kind.startswith("attentions"):
        return rest
    old = next((key for key in table if rest == key or rest.startswith(f"{key}.")), None)
    return rest if old is None else table[old] + rest.removeprefix(old)


def _head(path: str, parts: int) -> tuple[str, str]:
    words = path.split(".")
    return ".".join(words[:parts]), ".".join(words[parts:])
