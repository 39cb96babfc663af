"""The decoder's training: first its front learns a pretrained decoder's features, cheaply, then pixels put it right.

The pretrained decoder is taef2's (MIT, github.com/madebyollin/taesd). Stock AutoencoderTiny has all its convolutions
but for three pooled branches at the lowest resolution. So everything above that resolution is taken over as it is,
and the front (latents to 16 x 16 x 64 features) is trained to give what the pretrained one gives for the same
picture. That costs a hundredth of a pass through the whole decoder.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import torch
import torch.nn.functional as F
from diffusers.models.autoencoders.autoencoder_tiny import AutoencoderTiny
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from likewise.checkpoint import read_tensors
from likewise.contrastive.learn import restore, snapshot
from likewise.seeds import stream
from likewise.training import State, Step

WIDTH = 64
FRONT = 5  # layers of AutoencoderTiny's decoder before the first upsampling
# position in taef2's decoder, which counts a clamp and an activation first -> position in AutoencoderTiny's
_SHARED = {3: 2, 4: 3, 5: 4, 7: 6, 8: 7, 9: 8, 10: 9, 12: 11, 13: 12, 14: 13, 15: 14, 17: 16, 18: 17, 19: 18}


class Config(BaseModel):
    """Settings of a stage of the decoder's training."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    steps: int = Field(default=2000, ge=1, description="Optimiser steps.")
    batch: int = Field(default=16, ge=1, description="Pictures a step.")
    crop: int = Field(default=64, ge=16, description="Side of the crops that the pixel stage sees, in pixels.")
    lr: float = Field(default=1e-3, gt=0, description="AdamW learning rate at its highest.")
    warmup: int = Field(default=50, ge=0, description="Steps over which the learning rate rises.")
    noise: float = Field(
        default=0.03, ge=0, description="Noise on the latents, a share of their spread: forgives a sampler."
    )
    seed: int = Field(default=0, description="Names every random stream.")


class _Block(nn.Module):
    """A residual block with taef2's pooled branch, which stock AutoencoderTiny lacks."""

    def __init__(self) -> None:
        super().__init__()
        layers = [nn.Conv2d(WIDTH, WIDTH, 3, padding=1) if i % 2 == 0 else nn.ReLU() for i in range(5)]
        self.conv = nn.Sequential(*layers)
        wide = WIDTH * 4
        shrink, widen = nn.Conv2d(wide, WIDTH, 1, bias=False), nn.Conv2d(WIDTH, wide, 1, bias=False)
        self.pool = nn.Sequential(widen, nn.GroupNorm(4, wide), nn.ReLU(), shrink)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.pool(x)
        return F.relu(self.conv(x) + x)


class _Plain(_Block):
    """The same block without the branch."""

    def __init__(self) -> None:
        super().__init__()
        del self.pool

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.conv(x) + x)


class Teacher(nn.Module):
    """taef2 up to the features that follow its lowest-resolution blocks: pictures in [0, 1] to (B, 64, H/8, W/8)."""

    def __init__(self, folder: Path) -> None:
        """Read taef2_encoder.safetensors and taef2_decoder.safetensors from `folder`, all tensors matched."""
        super().__init__()
        down = lambda: nn.Conv2d(WIDTH, WIDTH, 3, stride=2, padding=1, bias=False)  # noqa: E731 - three equal layers
        plain = [layer for _ in range(2) for layer in (down(), _Plain(), _Plain(), _Plain())]
        self.encoder = nn.Sequential(
            nn.Conv2d(3, WIDTH, 3, padding=1), _Plain(), *plain,
            down(), _Block(), _Block(), _Block(), nn.Conv2d(WIDTH, 32, 3, padding=1),
        )  # fmt: skip
        self.front = nn.Sequential(nn.Conv2d(32, WIDTH, 3, padding=1), nn.ReLU(), _Block(), _Block(), _Block())
        encoder, _ = read_tensors(folder / "taef2_encoder.safetensors")
        self.encoder.load_state_dict({key: value.float() for key, value in encoder.items()})
        decoder = _moved(folder, lambda position: position - 1 if position <= FRONT else None)
        self.front.load_state_dict(decoder)
        self.requires_grad_(False)

    def forward(self, images: Tensor) -> Tensor:
        """What the student's front should give for the same pictures."""
        return self.front(torch.tanh(self.encoder(images) / 3) * 3)


def _moved(folder: Path, place: Callable[[int], int | None]) -> dict[str, Tensor]:
    tensors, _ = read_tensors(folder / "taef2_decoder.safetensors")
    moved = {}
    for key, value in tensors.items():
        position, rest = key.split(".", 1)
        target = place(int(position))
        if target is not None:
            moved[f"{target}.{rest}"] = value.float()
    return moved


def start(vae: AutoencoderTiny, folder: Path) -> None:
    """Give the decoder every convolution that it shares with taef2's."""
    own = vae.decoder.layers.state_dict()
    shared = {key: value for key, value in _moved(folder, _SHARED.get).items() if ".pool." not in key}
    vae.decoder.layers.load_state_dict(own | shared)


def front(vae: AutoencoderTiny) -> nn.Sequential:
    """The decoder's layers before its first upsampling, as one module over the same weights."""
    return nn.Sequential(*list(vae.decoder.layers)[:FRONT])


def learn_front(
    vae: AutoencoderTiny,
    pairs: Callable[[Tensor], tuple[Tensor, Tensor]],
    count: int,
    config: Config,
    resume: State | None = None,
) -> Iterator[Step]:
    """Yield after each step. `pairs(rows)` gives latents (B, C, h, w), as the encoder makes them, and features."""
    part = front(vae)

    def loss(rows: Tensor, rng: torch.Generator) -> Tensor:
        latents, features = pairs(rows)
        return F.smooth_l1_loss(part(_clamped(_shaken(latents, config, rng))), features, beta=0.1)

    return _learn(part, loss, count, config, resume)


def learn(
    vae: AutoencoderTiny,
    images: Callable[[Tensor], Tensor],
    count: int,
    config: Config,
    resume: State | None = None,
) -> Iterator[Step]:
    """Yield after each step of the whole decoder on crops. `images(rows)` gives pictures (B, 3, H, W) in [0, 1]."""

    def loss(rows: Tensor, rng: torch.Generator) -> Tensor:
        crops = _cropped(images(rows), config.crop, rng)
        with torch.no_grad():
            latents = vae.encoder(crops * 2 - 1)
        return pixel_loss(vae.decoder(_shaken(latents, config, rng)) / 2 + 0.5, crops)

    return _learn(vae.decoder, loss, count, config, resume)


def pixel_loss(drawn: Tensor, images: Tensor) -> Tensor:
    """Absolute and squared error of pixels, and absolute error of their differences, which keeps outlines sharp."""
    error = F.l1_loss(drawn, images) + 2 * F.mse_loss(drawn, images)
    for axis in (2, 3):
        error = error + 0.5 * F.l1_loss(drawn.diff(dim=axis), images.diff(dim=axis))
    return error


def _clamped(latents: Tensor) -> Tensor:
    return torch.tanh(latents / 3) * 3  # as AutoencoderTiny does before its first layer


def _shaken(latents: Tensor, config: Config, rng: torch.Generator) -> Tensor:
    if not config.noise:
        return latents
    return latents + config.noise * latents.std() * torch.randn(latents.shape, generator=rng).to(latents)


def _cropped(images: Tensor, side: int, rng: torch.Generator) -> Tensor:
    """One window for the batch, on the grid of 8 px cells."""
    free = (images.shape[-1] - side) // 8 + 1
    top, left = (int(torch.randint(free, (), generator=rng)) * 8 for _ in range(2))
    return images[..., top : top + side, left : left + side]


def _learn(
    module: nn.Module,
    loss: Callable[[Tensor, torch.Generator], Tensor],
    count: int,
    config: Config,
    resume: State | None,
) -> Iterator[Step]:
    optimiser = torch.optim.AdamW(module.parameters(), lr=config.lr, betas=(0.9, 0.99), weight_decay=1e-4)
    done = 0 if resume is None else restore(module, optimiser, resume)
    for index in range(done + 1, config.steps + 1):
        lr = config.lr * min(1.0, index / max(1, config.warmup)) * (1 - 0.99 * index / config.steps)
        for group in optimiser.param_groups:
            group["lr"] = lr
        rng = stream(config.seed, "decoder", index)
        value = loss(torch.randint(count, (config.batch,), generator=rng), rng)
        value.backward()
        torch.nn.utils.clip_grad_norm_(module.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad()
        yield Step(index, {"decoder": value.item()}, lr, lambda i=index: snapshot(module, optimiser, i))
