"""The numbers that differ from model to model, out of the configs of its parts; a part may still lack its weights."""

from collections.abc import Sequence
from typing import Any

from likewise.diffusion.backbone import Facts
from likewise.diffusion.schedule import Schedule


def read(unet: Any, vae: Any, encoders: Sequence[Any], tokenizers: Sequence[Any], schedule: Schedule) -> Facts:
    """The facts of a model with these parts."""
    config = unet.config
    downscale = 2 ** (len(vae.config.block_out_channels) - 1)
    side = config.sample_size if isinstance(config.sample_size, int) else max(config.sample_size)
    lengths = [one.model_max_length for one in tokenizers] + [one.config.max_position_embeddings for one in encoders]
    return Facts(
        family=_family(config, type(vae).__name__),
        prediction_type=schedule.prediction_type,
        image_size=side * downscale,
        latent_channels=config.in_channels,
        latent_downscale=downscale,
        scaling_factor=float(vae.config.scaling_factor),
        text_width=sum(one.config.hidden_size for one in encoders),
        text_length=min(lengths),
        train_timesteps=schedule.timesteps,
        sized=config.addition_embed_type == "text_time",
    )


def _family(unet: Any, autoencoder: str) -> str:
    """What tells the families apart in their published configs; a small model of our own has other widths."""
    if unet.addition_embed_type == "text_time":
        return "sdxl"
    if unet.cross_attention_dim in (768, 1024):
        return {768: "sd1", 1024: "sd2"}[unet.cross_attention_dim]
    if autoencoder == "AutoencoderTiny":
        return "toybox"
    return "sd2" if unet.use_linear_projection else "sd1"
