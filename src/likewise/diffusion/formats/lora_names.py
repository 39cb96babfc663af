"""What each scheme calls the tensors of a LoRA: diffusers, kohya (A1111, Forge) and ComfyUI.

A layer's own name is (component, path), as diffusers builds it today: ("unet", "mid_block.attentions.0.proj_in"),
("text_encoder", "encoder.layers.0.mlp.fc1"). kohya replaces the dots by underscores, which a list of words undoes.
"""

import re
from dataclasses import dataclass
from typing import Literal

from likewise.diffusion.formats import unet_names
from likewise.diffusion.formats.unet_names import Blocks

Scheme = Literal["diffusers", "kohya", "comfyui"]
Place = tuple[str, str]  # component, path of the layer

_ENDINGS = {
    ".lora.down.weight": "down", ".lora.up.weight": "up",
    ".lora_linear_layer.down.weight": "down", ".lora_linear_layer.up.weight": "up",
    "_lora.down.weight": "down", "_lora.up.weight": "up",  # diffusers before 0.22
    ".lora_A.weight": "down", ".lora_B.weight": "up",  # peft
    ".lora_down.weight": "down", ".lora_up.weight": "up", ".alpha": "alpha",
}  # fmt: skip
_FLAT = {"lora_unet_": "unet", "lora_te_": "text_encoder", "lora_te1_": "text_encoder", "lora_te2_": "text_encoder_2"}
_DOTTED: dict[str, tuple[str, Scheme]] = {
    "unet.": ("unet", "diffusers"), "text_encoder.": ("text_encoder", "diffusers"),
    "text_encoder_2.": ("text_encoder_2", "diffusers"), "diffusion_model.": ("unet", "comfyui"),
    "text_encoders.clip_l.transformer.": ("text_encoder", "comfyui"),
    "text_encoders.clip_h.transformer.": ("text_encoder", "comfyui"),
    "text_encoders.clip_g.transformer.": ("text_encoder_2", "comfyui"),
}  # fmt: skip
_WORDS = [
    "down_blocks", "up_blocks", "mid_block", "resnets", "attentions", "downsamplers", "upsamplers",
    "transformer_blocks", "attn1", "attn2", "to_q", "to_k", "to_v", "to_out", "ff", "net", "proj", "proj_in",
    "proj_out", "conv_in", "conv_out", "conv", "conv1", "conv2", "conv_shortcut", "time_emb_proj", "time_embedding",
    "add_embedding", "linear_1", "linear_2", "input_blocks", "output_blocks", "middle_block", "in_layers",
    "out_layers", "emb_layers", "skip_connection", "op", "time_embed", "label_emb", "out", "text_model", "encoder",
    "layers", "self_attn", "q_proj", "k_proj", "v_proj", "out_proj", "mlp", "fc1", "fc2",
]  # fmt: skip
_WORD = re.compile(f"({'|'.join(sorted(_WORDS, key=len, reverse=True))}|[0-9]+)(?:_|$)")
_OLD_PROCESSOR = re.compile(r"\.(?:processor\.)?to_(q|k|v|out)$")


@dataclass(frozen=True)
class Name:
    """A tensor's name, read: the layer, the part ("down", "up" or "alpha") and the scheme that it is in."""

    place: Place
    part: str
    scheme: Scheme


def read(name: str, blocks: Blocks) -> Name | None:
    """What a tensor of a LoRA file is called in any of the schemes; None if in none of them."""
    ending = next((ending for ending in _ENDINGS if name.endswith(ending)), None)
    if ending is None:
        return None
    found = _stem(name.removesuffix(ending))
    if found is None:
        return None
    component, path, scheme = found
    if path is not None and component == "unet":
        path = unet_names.to_diffusers(path, blocks) if unet_names.is_original(path) else path
    elif path is not None:
        path = path.removeprefix("text_model.")
    if path is not None and ending.startswith("_"):
        path = _modern(component, path)
    return None if path is None else Name((component, path), _ENDINGS[ending], scheme)


def _stem(stem: str) -> tuple[str, str | None, Scheme] | None:
    for prefix, component in _FLAT.items():
        if stem.startswith(prefix):
            return component, unflatten(stem.removeprefix(prefix)), "kohya"
    for prefix, (component, scheme) in _DOTTED.items():
        if stem.startswith(prefix):
            return component, stem.removeprefix(prefix), scheme
    return None


def unflatten(path: str) -> str | None:
    """`mid_block_attentions_0_proj_in` as `mid_block.attentions.0.proj_in`; None if a word is unknown."""
    words, at = [], 0
    while at < len(path):
        found = _WORD.match(path, at)
        if found is None:
            return None
        words.append(found[1])
        at = found.end()
    return ".".join(words) if words and not path.endswith("_") else None


def _modern(component: str, path: str) -> str:
    """The layer that diffusers before 0.22 hung its adapters on: `...processor.to_out` is `...to_out.0`."""
    if component == "unet":
        return _OLD_PROCESSOR.sub(lambda found: f".to_{found[1]}" + (".0" if found[1] == "out" else ""), path)
    return _OLD_PROCESSOR.sub(lambda found: f".{found[1]}_proj", path)


def write(place: Place, part: str, scheme: Scheme, family: str, blocks: Blocks) -> str | None:
    """The tensor's name in a scheme; part: "down", "up" or "alpha". None where the scheme has no name for the layer.

    family: "sd1", "sd2", "sdxl" or "toybox", on which the text encoders' names and kohya's U-Net depend.
    """
    component, path = place
    if scheme == "diffusers":
        stem = f"unet.{path}.lora" if component == "unet" else f"{component}.text_model.{path}.lora_linear_layer"
        return f"{stem}.{part}.weight" if part != "alpha" else None
    stem = (_kohya if scheme == "kohya" else _comfyui)(component, path, family, blocks)
    return None if stem is None else f"{stem}.alpha" if part == "alpha" else f"{stem}.lora_{part}.weight"


def _kohya(component: str, path: str, family: str, blocks: Blocks) -> str | None:
    if component == "unet":  # for SDXL kohya trains the original network, and A1111 and others expect its names
        named = unet_names.to_original(path, blocks) if family == "sdxl" else path
        return None if named is None else f"lora_unet_{named.replace('.', '_')}"
    number = {"text_encoder": "1" if family == "sdxl" else "", "text_encoder_2": "2"}[component]
    return f"lora_te{number}_text_model_{path.replace('.', '_')}"


def _comfyui(component: str, path: str, family: str, blocks: Blocks) -> str | None:
    if component == "unet":
        named = unet_names.to_original(path, blocks)
        return None if named is None else f"diffusion_model.{named}"
    clip = {"text_encoder": "clip_h" if family == "sd2" else "clip_l", "text_encoder_2": "clip_g"}[component]
    return f"text_encoders.{clip}.transformer.text_model.{path}"
