"""Pictures as tokens and back: a VQModel of diffusers, on pixels or on the latents of an autoencoder before it.

Before the VQModel there may stand an AutoencoderTiny: then the VQModel quantises that one's latents, which makes both
training and reading cheap, and the pair is used as one.
"""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import torch
from jaxtyping import Float, Int
from PIL import Image
from torch import Tensor

from likewise import images
from likewise.checkpoint import hash_json, hash_tensors

BATCH = 8  # pictures a pass: a matter of memory


def nearest(rows: Float[Tensor, "n width"], codebook: Float[Tensor, "codes width"]) -> Int[Tensor, " n"]:
    """The code nearest to each row; of two equally near the first."""
    distance = codebook.square().sum(1) - 2 * rows @ codebook.T
    return distance.argmin(dim=1)


class ImageTokens:
    """Pictures of one size to codes in raster order, and codes to pictures."""

    def __init__(self, vq: Any, pixels: int, front: Any = None, scale: float = 1.0) -> None:
        """vq: VQModel; pixels: side of a picture; front: AutoencoderTiny or None; scale: what its latents are times."""
        self.vq, self.front, self.pixels, self.scale = vq, front, pixels, scale
        for module in self.modules:
            module.eval().requires_grad_(False)
        down = 2 ** (len(vq.config.block_out_channels) - 1)
        if front is not None:
            down *= 2 ** (len(front.config.encoder_block_out_channels) - 1)
        self.side = pixels // down
        self.count = vq.config.num_vq_embeddings

    @property
    def modules(self) -> list[torch.nn.Module]:
        """The networks that it is made of."""
        return [self.vq] if self.front is None else [self.vq, self.front]

    @cached_property
    def hash(self) -> str:
        """sha256 over all weights: tokens of equal hashes mean the same."""
        return hash_json([*(hash_tensors(module.state_dict()) for module in self.modules), self.scale, self.pixels])

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return self.vq.quantize.embedding.weight.device

    def to(self, device: str) -> "ImageTokens":
        """The same on a device."""
        for module in self.modules:
            module.to(device)
        return self

    @torch.no_grad()
    def encode(self, pictures: Float[Tensor, "batch 3 height width"]) -> Int[Tensor, "batch slots"]:
        """Codes of pictures in [0, 1]."""
        parts = [self.codes(self.latents(part.to(self.device))) for part in pictures.split(BATCH)]
        return torch.cat(parts) if parts else torch.empty(0, self.side**2, dtype=torch.long)

    @torch.no_grad()
    def codes(self, latents: Float[Tensor, "batch channels h w"]) -> Int[Tensor, "batch slots"]:
        """Codes of what the VQModel reads, see `latents`."""
        rows = self.vq.encode(latents).latents.permute(0, 2, 3, 1)
        return nearest(rows.reshape(-1, rows.shape[-1]), self.vq.quantize.embedding.weight).reshape(len(latents), -1)

    @torch.no_grad()
    def latents(self, pictures: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch channels h w"]:
        """What the VQModel reads: pixels in [-1, 1], or the front's scaled latents."""
        x = pictures * 2 - 1
        return x if self.front is None else self.front.encode(x).latents * self.scale

    @torch.no_grad()
    def decode(self, codes: Int[Tensor, "batch slots"]) -> Float[Tensor, "batch 3 height width"]:
        """Pictures in [0, 1], clipped, of codes in raster order."""
        parts = [self._decode(part.to(self.device)) for part in codes.split(BATCH)]
        return torch.cat(parts) if parts else torch.empty(0, 3, self.pixels, self.pixels)

    def _decode(self, codes: Tensor) -> Tensor:
        rows = self.vq.quantize.embedding(codes).reshape(len(codes), self.side, self.side, -1)
        x = self.vq.decode(rows.permute(0, 3, 1, 2), force_not_quantize=True).sample
        if self.front is not None:
            x = self.front.decode(x / self.scale).sample
        return (x / 2 + 0.5).clamp(0, 1)

    def of(self, pictures: Sequence[Image.Image]) -> Int[Tensor, "batch slots"]:
        """Codes of RGB pictures of any size: their middles, resized."""
        if not pictures:
            return torch.empty(0, self.side**2, dtype=torch.long)
        return self.encode(images.to_tensor([images.cover(picture, self.pixels) for picture in pictures])).cpu()
