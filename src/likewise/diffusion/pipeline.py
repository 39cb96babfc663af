"""What all models read from a diffusers pipeline folder share: their parts, their latents, where they compute."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import torch
from jaxtyping import Float, Num
from torch import Tensor, nn

from likewise.diffusion import facts, schedule
from likewise.diffusion.backbone import Moments, Pooling, Text, Words
from likewise.diffusion.folder import Folder
from likewise.diffusion.seat import Seat


class PipelineModel(ABC):
    """A U-Net, an autoencoder and CLIP text towers; see Backbone for what each method promises."""

    def __init__(self, folder: Folder, name: str, dtype: torch.dtype = torch.float32) -> None:
        """Read the folder's weights. dtype: of the U-Net and the text towers, whatever they are stored in.

        The autoencoder is float32 in any case: SDXL's overflows in half precision, and NaN latents teach nothing.
        """
        self.name = name
        self._folder = folder
        self.unet: nn.Module = folder.module("unet", dtype)
        self.vae: nn.Module = folder.module("vae")
        self.text_encoders: list[nn.Module] = [folder.module(part, dtype) for part in folder.text_parts]
        self.tokenizers: list = folder.tokenizers()
        self.scheduler_config: dict[str, Any] = folder.scheduler_config
        self.schedule = schedule.from_config(self.scheduler_config)
        for module in (self.unet, self.vae, *self.text_encoders):
            module.eval().requires_grad_(False)
        self.facts = facts.read(self.unet, self.vae, self.text_encoders, self.tokenizers, self.schedule)
        self._mean, self._scale = _latent_scaling(self.vae.config)
        self.seat = Seat({"unet": [self.unet], "vae": [self.vae], "text": self.text_encoders})

    @property
    def folder(self) -> Path:
        """Where the model was read from."""
        return self._folder.path

    @cached_property
    def hash(self) -> str:
        """sha256 over the component weight files, as they were on disk."""
        return self._folder.hash()

    @property
    def device(self) -> torch.device:
        """Where the model computes; a network that the seat spares may be elsewhere meanwhile."""
        return self.seat.device

    def encode_images(self, images: Float[Tensor, "batch 3 height width"]) -> Moments:
        """Latent moments of images in [0, 1], already scaled."""
        vae: Any = self.vae
        with self.seat.using("vae"):
            encoded = vae.encode(images * 2 - 1)
        mean_, scale = self._mean.to(images), self._scale.to(images)
        if hasattr(encoded, "latents"):  # AutoencoderTiny: a deterministic encoder
            return Moments((encoded.latents - mean_) * scale)
        spread = encoded.latent_dist
        return Moments((spread.mean - mean_) * scale, spread.logvar + 2 * scale.log())

    def decode_latents(self, latents: Float[Tensor, "batch channels h w"]) -> Float[Tensor, "batch 3 height width"]:
        """Images in [0, 1], clamped."""
        raw = latents / self._scale.to(latents) + self._mean.to(latents)
        vae: Any = self.vae
        with self.seat.using("vae"):
            return (vae.decode(raw).sample / 2 + 0.5).clamp(0, 1)

    @abstractmethod
    def encode_text(self, prompts: Sequence[str], words: Words | None = None, *, pooling: Pooling = "argmax") -> Text:
        """Prompts to Text; see Backbone."""

    @abstractmethod
    def predict(self, noisy: Float[Tensor, "batch channels h w"], t: Num[Tensor, " batch"], text: Text) -> Tensor:
        """The U-Net's output (B, C, h, w) at timesteps t, float32 unless under autocast."""

    def to(self, device: str | torch.device) -> Self:
        """Compute there; returns itself."""
        self.seat.to(device)
        return self


def _latent_scaling(config: Any) -> tuple[Tensor, Tensor]:
    """(mean, scale), each (1, C, 1, 1) or (1, 1, 1, 1), in scaled = (raw - mean) * scale."""
    scale = torch.tensor(float(config.scaling_factor)).view(1, 1, 1, 1)
    mean, std = config.get("latents_mean"), config.get("latents_std")
    if mean is not None and std is not None:
        rows = torch.tensor([mean, std], dtype=torch.float32).view(2, 1, -1, 1, 1)
        return rows[0], scale / rows[1]
    return torch.full((1, 1, 1, 1), float(config.get("shift_factor") or 0.0)), scale
