"""A LoRA file in the names that A1111, Forge and ComfyUI know, from the names that diffusers knows.

`unet.a.b.lora.down.weight` becomes `lora_unet_a_b.lora_down.weight`; text layers start `lora_te_text_model_`.
The strength is folded into `up` already, so alpha is written as the rank, and every reader scales by one.
"""

import re
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from likewise import checkpoint
from likewise.concept.folder import LORA, Concept

_ENDINGS = re.compile(r"\.(?:lora|lora_linear_layer)\.(down|up)\.weight$")
_PREFIXES = {"unet": "lora_unet", "text_encoder": "lora_te"}
_FAMILIES = {768: "sd_v1", 1024: "sd_v2"}  # by the width of the text that the U-Net reads


def renamed(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same tensors in kohya's names, with an alpha for each layer."""
    result: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        component, _, path = _ENDINGS.sub("", name).partition(".")
        found = _ENDINGS.search(name)
        assert found is not None, "a concept's LoRA is in diffusers' names"
        layer = f"{_PREFIXES[component]}_{path.replace('.', '_')}"
        result[f"{layer}.lora_{found[1]}.weight"] = tensor
        if found[1] == "down":
            result[f"{layer}.alpha"] = torch.tensor(float(tensor.shape[0]))
    return result


def write(concept: Concept, path: Path) -> None:
    """Write the concept's LoRA for other programs; the header says what it is, as kohya's does."""
    tensors, _ = checkpoint.read_tensors(concept.folder / LORA)
    ranks = {tensor.shape[0] for name, tensor in tensors.items() if ".down." in name}
    widths = [t.shape[1] for name, t in tensors.items() if name.endswith("attn2.to_k.lora.down.weight")]
    header = {
        "ss_v2": "False",
        "ss_network_module": "networks.lora",
        "ss_network_dim": str(max(ranks)),
        "ss_network_alpha": str(float(max(ranks))),
        "ss_output_name": concept.name,
        "ss_base_model_version": _FAMILIES.get(widths[0], "toybox") if widths else "unknown",
        "ss_sd_model_hash": concept.card.base_hash,
        "modelspec.trigger_phrase": f"{concept.identifier} {concept.noun}" if concept.identifier else concept.name,
    }
    checkpoint.write_tensors(path, renamed(tensors), header)
