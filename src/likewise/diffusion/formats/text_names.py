"""A CLIP text tower's tensors as the original code of Stable Diffusion 2 and XL kept them: OpenCLIP's names and shapes.

There the query, key and value of a layer are one matrix, and the projection stands the other way round. Stable
Diffusion 1 and SDXL's first tower keep transformers' own names.
"""

import re
from collections.abc import Mapping

import torch
from torch import Tensor

_OUTSIDE = {
    "embeddings.token_embedding.weight": "token_embedding.weight",
    "embeddings.position_embedding.weight": "positional_embedding",
    "final_layer_norm.weight": "ln_final.weight", "final_layer_norm.bias": "ln_final.bias",
}  # fmt: skip
_INSIDE = {
    "layer_norm1": "ln_1", "layer_norm2": "ln_2", "mlp.fc1": "mlp.c_fc", "mlp.fc2": "mlp.c_proj",
    "self_attn.out_proj": "attn.out_proj",
}  # fmt: skip
_LAYER = re.compile(r"encoder\.layers\.(\d+)\.(.+)\.(weight|bias)")
_BLOCK = re.compile(r"transformer\.resblocks\.(\d+)\.(.+?)[._](weight|bias)")
_PARTS = ("q", "k", "v")
PROJECTION = "text_projection.weight"


def to_open_clip(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """From the names of transformers, without `text_model.`."""
    found: dict[str, Tensor] = {}
    for name, value in tensors.items():
        layer = _LAYER.fullmatch(name)
        if name in _OUTSIDE:
            found[_OUTSIDE[name]] = value
        elif name == PROJECTION:
            found["text_projection"] = value.T.contiguous()
        elif layer and layer[2] in _INSIDE:
            found[f"transformer.resblocks.{layer[1]}.{_INSIDE[layer[2]]}.{layer[3]}"] = value
        elif layer and layer[2] == "self_attn.q_proj":
            stem = f"encoder.layers.{layer[1]}.self_attn"
            joined = torch.cat([tensors[f"{stem}.{part}_proj.{layer[3]}"] for part in _PARTS])
            found[f"transformer.resblocks.{layer[1]}.attn.in_proj_{layer[3]}"] = joined
    return found


def from_open_clip(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Back to the names of transformers, without `text_model.`; what is none of OpenCLIP's names is left out."""
    outside, inside = ({new: old for old, new in table.items()} for table in (_OUTSIDE, _INSIDE))
    found: dict[str, Tensor] = {}
    for name, value in tensors.items():
        block = _BLOCK.fullmatch(name)
        if name in outside:
            found[outside[name]] = value
        elif name == "text_projection":
            found[PROJECTION] = value.T.contiguous()
        elif block and block[2] in inside:
            found[f"encoder.layers.{block[1]}.{inside[block[2]]}.{block[3]}"] = value
        elif block and block[2] == "attn.in_proj":
            for part, rows in zip(_PARTS, value.chunk(3), strict=True):
                found[f"encoder.layers.{block[1]}.self_attn.{part}_proj.{block[3]}"] = rows.clone()
    return found
