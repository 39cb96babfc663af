"""The autoencoder: an encoder in closed form, and a decoder that starts from a pretrained one.

The best linear code of image patches is their principal components. They are written into the strided convolutions
of stock AutoencoderTiny, so nothing of the encoder needs training: an 8 px patch becomes `channels` numbers, which is
about 29 dB at 24 by linear decoding alone. Latents cost one cheap pass over any number of fresh pictures, and stay
what they are while the decoder goes on improving.
"""

from collections.abc import Iterator, Sequence
from typing import cast

import torch
from diffusers.models.autoencoders.autoencoder_tiny import AutoencoderTiny
from torch import Tensor, nn

WIDTH = 64
CHANNELS = 24
BALANCE = 0.5  # share of a component's spread that is divided out: 0 keeps it all, 1 makes every component equal


def build(channels: int = CHANNELS, decoder_blocks: tuple[int, ...] = (3, 3, 3, 1)) -> AutoencoderTiny:
    """An untrained AutoencoderTiny, 8x down, whose encoder is a chain of plain convolutions."""
    return AutoencoderTiny(
        encoder_block_out_channels=(WIDTH,) * 4,
        decoder_block_out_channels=(WIDTH,) * 4,
        num_encoder_blocks=(0, 0, 0, 0),
        num_decoder_blocks=decoder_blocks,
        latent_channels=channels,
        scaling_factor=1.0,
    )


@torch.no_grad()
def fit_encoder(vae: AutoencoderTiny, images: Tensor) -> float:
    """Write the principal components of images (N, 3, H, W) in [0, 1] into the encoder; returns the latents' spread.

    The spread (standard deviation over all latents) is what scaling_factor divides out.
    """
    layers, channels = cast(Sequence[nn.Conv2d], vae.encoder.layers), vae.config["latent_channels"]
    for layer in layers:
        nn.init.zeros_(layer.weight)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
    rows = _folded(images, 8)
    directions, spread = _components(rows, channels)
    # the first component, overall brightness, gets unit spread
    scale = spread.pow(-BALANCE) / spread[0].pow(1 - BALANCE)
    layers[0].weight[:3, :, 1, 1] = torch.eye(3)
    _write_fold(layers[1].weight, torch.eye(12))
    _write_fold(layers[2].weight, torch.eye(48))
    _write_fold(layers[3].weight, directions.T)
    last = layers[4]
    assert last.bias is not None
    last.weight[torch.arange(channels), torch.arange(channels), 1, 1] = scale
    last.bias[:] = -(rows.mean(0) @ directions) * scale
    return (spread * scale).square().mean().sqrt().item()


def _folded(x: Tensor, patch: int) -> Tensor:
    """(N, C, H, W) to one row a patch, in the channel order that `_write_fold` chains give."""
    while patch > 1:
        x = _fold(x)
        patch //= 2
    return x.permute(0, 2, 3, 1).reshape(-1, x.shape[1])


def _fold(x: Tensor) -> Tensor:
    """2 x 2 cells to channels: output channel = cell * C + channel, cells row by row."""
    n, c, h, w = x.shape
    return x.reshape(n, c, h // 2, 2, w // 2, 2).permute(0, 3, 5, 1, 2, 4).reshape(n, 4 * c, h // 2, w // 2)


def _write_fold(weight: Tensor, matrix: Tensor) -> None:
    """Make a stride-2 convolution compute matrix @ fold(x); matrix is (out, 4 * C).

    The kernel's last 2 x 2 taps are used: with padding 1, output cell i sees input 2i - 1, 2i, 2i + 1, so taps 1 and 2
    are the cell's own 2 x 2 pixels.
    """
    out, wide = matrix.shape
    weight[:out, : wide // 4, 1:, 1:] = matrix.reshape(out, 2, 2, wide // 4).permute(0, 3, 1, 2)


def _components(rows: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The first principal directions (D, count) of rows, and the standard deviation along each."""
    centred = rows - rows.mean(0)
    values, vectors = torch.linalg.eigh(centred.T @ centred / len(rows))
    return vectors.flip(1)[:, :count], values.flip(0)[:count].clamp_min(1e-12).sqrt()


def psnr(vae: AutoencoderTiny, images: Tensor, batch: int = 16) -> Iterator[float]:
    """Decibels of each reconstruction, clipped to [0, 1]."""
    for part in images.split(batch):
        with torch.no_grad():
            drawn = (vae.decoder(vae.encoder(part * 2 - 1)) / 2 + 0.5).clamp(0, 1)
        yield from (-10 * torch.log10((drawn - part).square().mean((1, 2, 3)))).tolist()
