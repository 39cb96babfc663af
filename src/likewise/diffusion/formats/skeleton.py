"""A base model without its weights: which layers it has, of which shapes, and how other programs call them.

Made on the meta device, so that a file can be compared with SDXL in a second and without a gigabyte.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from likewise.diffusion.backbone import Backbone
from likewise.diffusion.folder import Folder
from likewise.diffusion.formats import published
from likewise.diffusion.formats.unet_names import Blocks

Known = Literal["sd1", "sd2", "sdxl"]


@dataclass(frozen=True)
class Skeleton:
    """What it is called, its family ("sd1", "sd2", "sdxl" or "toybox"), and its parts by the names that files use."""

    name: str
    family: str
    parts: Mapping[str, nn.Module]

    @cached_property
    def blocks(self) -> Blocks:
        """How its U-Net is built; ForeignLayoutError where the original code has no such network."""
        config: Any = self.parts["unet"].config
        return Blocks.of(config)

    @property
    def size(self) -> int:
        """Pixels a side that it draws."""
        unet: Any = self.parts["unet"].config
        vae: Any = self.parts["vae"].config
        side = unet.sample_size if isinstance(unet.sample_size, int) else max(unet.sample_size)
        return side * 2 ** (len(vae.block_out_channels) - 1)

    @property
    def adaptable(self) -> dict[str, nn.Module]:
        """The parts that a LoRA may adapt."""
        return {name: part for name, part in self.parts.items() if name != "vae"}

    def shapes(self, part: str) -> dict[str, Tensor]:
        """The part's tensors by name, without values where the skeleton has none."""
        return dict(self.parts[part].state_dict())


def of_backbone(backbone: Backbone) -> Skeleton:
    """Of a model that is loaded."""
    texts = zip(("text_encoder", "text_encoder_2"), backbone.text_encoders, strict=False)
    parts = {"unet": backbone.unet, "vae": backbone.vae, **dict(texts)}
    return Skeleton(backbone.name, backbone.facts.family, parts)


def of_folder(path: Path) -> Skeleton:
    """Of a model folder, from its configs alone; ModelFolderError says what does not fit."""
    folder = Folder(path)
    parts = {part: folder.skeleton(part) for part in folder.parts}
    return Skeleton(path.name, family(parts), parts)


def of_family(name: Known) -> Skeleton:
    """Of the published Stable Diffusion 1, 2 or XL."""
    from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
    from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
    from transformers.models.clip.configuration_clip import CLIPTextConfig
    from transformers.models.clip.modeling_clip import CLIPTextModel, CLIPTextModelWithProjection

    with torch.device("meta"):
        parts: dict[str, Any] = {
            "unet": UNet2DConditionModel.from_config(dict(published.UNETS[name])),
            "vae": AutoencoderKL.from_config(dict(published.VAE)),
            "text_encoder": CLIPTextModel(CLIPTextConfig(**published.TEXTS[name])),
        }
        if name == "sdxl":
            parts["text_encoder_2"] = CLIPTextModelWithProjection(CLIPTextConfig(**published.BIG_G))
    return Skeleton({"sd1": "Stable Diffusion 1", "sd2": "Stable Diffusion 2", "sdxl": "SDXL"}[name], name, parts)


def family(parts: Mapping[str, nn.Module]) -> str:
    """What tells the families apart in their configs; small models of our own have other widths."""
    config: Any = parts["unet"].config
    if config.addition_embed_type == "text_time":
        return "sdxl"
    if config.cross_attention_dim in (768, 1024):
        return {768: "sd1", 1024: "sd2"}[config.cross_attention_dim]
    if "vae" in parts and type(parts["vae"]).__name__ == "AutoencoderTiny":
        return "toybox"
    return "sd2" if config.use_linear_projection else "sd1"


def family_by_width(width: int | None) -> Known | None:
    """The published family whose U-Net reads text of this width; None if none does."""
    widths: dict[int | None, Known] = {768: "sd1", 1024: "sd2", 2048: "sdxl"}
    return widths.get(width)
