"""Stable Diffusion 1.x and 2.x, and Toybox, which has the same parts, as a Backbone."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Num
from torch import Tensor, nn

from likewise.diffusion import schedule, text
from likewise.diffusion.backbone import Facts, Moments, Text
from likewise.diffusion.folder import Folder


class StableDiffusion:
    """One U-Net, one autoencoder, one CLIP text tower; see Backbone for what each method promises."""

    def __init__(self, folder: Folder, name: str) -> None:
        """Read the folder's weights, as float32 whatever they are stored in."""
        self.name = name
        self._folder = folder
        self.unet: nn.Module = folder.unet()
        self.vae: nn.Module = folder.vae()
        self.text_encoders: list[nn.Module] = [folder.text_encoder()]
        self.tokenizers: list = [folder.tokenizer()]
        self.scheduler_config: dict[str, Any] = folder.scheduler_config
        self.schedule = schedule.from_config(self.scheduler_config)
        for module in (self.unet, self.vae, *self.text_encoders):
            module.eval().requires_grad_(False)
        self.facts = _facts(self)
        self._mean, self._scale = _latent_scaling(self.vae.config)

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
        """Where the modules are."""
        return next(self.unet.parameters()).device

    def encode_images(self, images: Float[Tensor, "batch 3 height width"]) -> Moments:
        """Latent moments of images in [0, 1], already scaled."""
        encoded = self.vae.encode(images * 2 - 1)
        mean_, scale = self._mean.to(images), self._scale.to(images)
        if hasattr(encoded, "latents"):  # AutoencoderTiny: a deterministic encoder
            return Moments((encoded.latents - mean_) * scale)
        spread = encoded.latent_dist
        return Moments((spread.mean - mean_) * scale, spread.logvar + 2 * scale.log())

    def decode_latents(self, latents: Float[Tensor, "batch channels h w"]) -> Float[Tensor, "batch 3 height width"]:
        """Images in [0, 1], clamped."""
        raw = latents / self._scale.to(latents) + self._mean.to(latents)
        return (self.vae.decode(raw).sample / 2 + 0.5).clamp(0, 1)

    def encode_text(self, prompts: Sequence[str], words: Mapping[str, Tensor] | None = None) -> Text:
        """Last hidden states (B, L, D) of the text tower; `<x>` reads words["<x>"], (K, D)."""
        return text.encode(self.text_encoders[0], self.tokenizers[0], prompts, words, self.facts.text_length)

    def predict(self, noisy: Float[Tensor, "batch channels h w"], t: Num[Tensor, " batch"], text: Text) -> Tensor:
        """The U-Net's output (B, C, h, w) at timesteps t."""
        return self.unet(noisy, t, encoder_hidden_states=text.embeds, return_dict=False)[0]

    def to(self, device: str | torch.device) -> "StableDiffusion":
        """Move the modules; returns itself."""
        for module in (self.unet, self.vae, *self.text_encoders):
            module.to(device)
        return self


def _facts(model: StableDiffusion) -> Facts:
    unet, vae, encoder = model.unet.config, model.vae.config, model.text_encoders[0].config
    downscale = 2 ** (len(vae.block_out_channels) - 1)
    side = unet.sample_size if isinstance(unet.sample_size, int) else max(unet.sample_size)
    return Facts(
        family=_family(unet.cross_attention_dim, type(model.vae).__name__),
        prediction_type=model.schedule.prediction_type,
        image_size=side * downscale,
        latent_channels=unet.in_channels,
        latent_downscale=downscale,
        scaling_factor=float(vae.scaling_factor),
        text_width=encoder.hidden_size,
        text_length=min(model.tokenizers[0].model_max_length, encoder.max_position_embeddings),
        train_timesteps=model.schedule.timesteps,
    )


def _family(text_width: int, autoencoder: str) -> str:
    if text_width in (768, 1024):
        return {768: "sd1", 1024: "sd2"}[text_width]
    return "toybox" if autoencoder == "AutoencoderTiny" else "sd1"


def _latent_scaling(config: Any) -> tuple[Tensor, Tensor]:
    """(mean, scale), each (1, C, 1, 1) or (1, 1, 1, 1), in scaled = (raw - mean) * scale."""
    scale = torch.tensor(float(config.scaling_factor)).view(1, 1, 1, 1)
    mean, std = config.get("latents_mean"), config.get("latents_std")
    if mean is not None and std is not None:
        rows = torch.tensor([mean, std], dtype=torch.float32).view(2, 1, -1, 1, 1)
        return rows[0], scale / rows[1]
    return torch.full((1, 1, 1, 1), float(config.get("shift_factor") or 0.0)), scale
