"""Image tokens for the world: a small VQModel over the autoencoder's latents, 16 x 16 cells to 8 x 8 codes.

Quantising latents, not pixels, costs a hundredth a picture, as neither the full-size encoder nor the decoder has to be
gone through to learn. The codebook follows the moving average of what falls to each code (VQ-VAE-2, arXiv:1906.00446,
appendix); codes that nothing falls to begin anew at a row of the batch, so that none is lost.
"""

from collections.abc import Callable, Iterator
from typing import Any

import torch
import torch.nn.functional as F
from diffusers.models.autoencoders.vq_model import VQModel
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from likewise.contrastive.learn import restore, snapshot
from likewise.magvlt.vq import nearest
from likewise.seeds import stream
from likewise.toybox.muon import Muon, split
from likewise.toybox.unet import focused
from likewise.training import State, Step

WIDTHS = (32, 128)
CODE_WIDTH = 16
ENDS = ("encoder.conv_in", "decoder.conv_out", "quantize")


class Config(BaseModel):
    """Settings of the VQModel's training."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    steps: int = Field(default=4000, ge=1, description="Optimiser steps.")
    batch: int = Field(default=24, ge=1, description="Pictures a step.")
    lr: float = Field(default=2e-3, gt=0, description="Learning rate at its highest.")
    warmup: int = Field(default=50, ge=0, description="Steps over which the learning rate rises.")
    cooldown: float = Field(
        default=0.4, ge=0, le=1, description="Share of the steps, at the end, over which it falls to zero."
    )
    commitment: float = Field(
        default=0.25, ge=0, description="Weight of the distance from the encoder's output to its code."
    )
    decay: float = Field(default=0.98, gt=0, lt=1, description="Decay of the codebook's moving averages.")
    revive: float = Field(default=0.05, ge=0, description="A code used less often than this a step begins anew.")
    every: int = Field(default=50, ge=1, description="Steps between looks for unused codes.")
    focus: float = Field(default=3.0, ge=0, description="How much more a cell counts where it shows the subject.")
    seed: int = Field(default=0, description="Names every random stream.")


def build(channels: int, codes: int, widths: tuple[int, ...] = WIDTHS) -> VQModel:
    """An untrained VQModel over latents; each width after the first halves the side."""
    return VQModel(
        in_channels=channels,
        out_channels=channels,
        down_block_types=("DownEncoderBlock2D",) * len(widths),
        up_block_types=("UpDecoderBlock2D",) * len(widths),
        block_out_channels=widths,
        layers_per_block=1,
        latent_channels=widths[-1],
        num_vq_embeddings=codes,
        vq_embed_dim=CODE_WIDTH,
        norm_num_groups=16,
        sample_size=16,
    )


class Codebook:
    """The moving averages behind the codes: how often each is used a step, and the sum of what falls to it."""

    def __init__(self, vq: VQModel, config: Config) -> None:
        self.rows, self.config = vq.quantize.embedding.weight, config
        self.rows.requires_grad_(False)
        self.used, self.sums = torch.zeros(len(self.rows)), torch.zeros_like(self.rows)

    @torch.no_grad()
    def follow(self, found: Tensor, codes: Tensor, rng: torch.Generator, index: int) -> None:
        """Move the codes towards the rows (n, width) that fell to them; fill and refill from the rows themselves."""
        if index == 1:
            self._begin(torch.arange(len(self.rows)), found, rng)
            return
        decay = self.config.decay
        count = torch.zeros_like(self.used).index_add_(0, codes, torch.ones(len(codes), device=codes.device))
        self.used.mul_(decay).add_(count, alpha=1 - decay)
        self.sums.mul_(decay).add_(torch.zeros_like(self.sums).index_add_(0, codes, found), alpha=1 - decay)
        live = self.used > 1e-4
        self.rows[live] = self.sums[live] / self.used[live, None]
        if index % self.config.every == 0:
            self._begin((self.used < self.config.revive).nonzero()[:, 0], found, rng)

    def _begin(self, which: Tensor, found: Tensor, rng: torch.Generator) -> None:
        at = torch.randint(len(found), (len(which),), generator=rng).to(found.device)
        noise = torch.randn(len(which), found.shape[1], generator=rng).to(found) * found.std() * 0.02
        self.rows[which] = found[at] + noise
        self.used[which], self.sums[which] = 1.0, self.rows[which].clone()

    def to(self, device: str) -> "Codebook":
        """The same on a device."""
        self.used, self.sums = self.used.to(device), self.sums.to(device)
        return self

    def state(self) -> dict[str, Tensor]:
        """What must be kept to go on."""
        return {"codebook/used": self.used.clone(), "codebook/sums": self.sums.clone()}

    def load(self, tensors: dict[str, Tensor]) -> None:
        """Undo `state`."""
        self.used = tensors["codebook/used"].to(self.used)
        self.sums = tensors["codebook/sums"].to(self.sums)


def learn(
    vq: VQModel,
    batches: Callable[[Tensor], tuple[Tensor, Tensor]],
    count: int,
    config: Config,
    resume: State | None = None,
) -> Iterator[Step]:
    """Yield after each step. `batches(rows)` gives latents (B, C, h, w) of unit spread, and coverage (B, 1, h, w).

    Losses: "latents", the squared error of what is decoded, weighted towards subjects; "commitment"; "perplexity", how
    many codes the batch uses, counted by their entropy (2 to the power of it).
    """
    book = Codebook(vq, config).to(str(vq.device))
    matrices, others = split(vq, ENDS)
    optimiser = Muon(matrices, [one for one in others if one.requires_grad], config.lr)
    done = 0
    if resume is not None:
        done = restore(vq, optimiser, resume)
        book.load(resume.tensors)
    for index in range(done + 1, config.steps + 1):
        fall = min(1.0, (config.steps - index + 1) / max(1.0, config.cooldown * config.steps))
        lr = config.lr * min(1.0, index / max(1, config.warmup)) * fall
        for group in optimiser.param_groups:
            group["lr"] = lr
        rng = stream(config.seed, "vq", index)
        latents, covered = batches(torch.randint(count, (config.batch,), generator=rng))
        losses = step(vq, book, latents, covered, config, rng, index)
        torch.nn.utils.clip_grad_norm_([p for p in vq.parameters() if p.grad is not None], 1.0)
        optimiser.step()
        optimiser.zero_grad()
        yield Step(index, losses, lr, lambda i=index: _state(vq, optimiser, book, i))


def step(
    vq: VQModel, book: Codebook, latents: Tensor, covered: Tensor, config: Config, rng: torch.Generator, index: int
) -> dict[str, float]:
    """Accumulate the gradient of one batch, move the codebook, and return the losses."""
    found = vq.encode(latents).latents.permute(0, 2, 3, 1)
    flat = found.reshape(-1, found.shape[-1])
    with torch.no_grad():
        codes = nearest(flat, book.rows)
        rows = book.rows[codes]
    commitment = F.mse_loss(flat, rows)
    through = (flat + (rows - flat).detach()).view_as(found).permute(0, 3, 1, 2)
    decoded: Any = vq.decode(through, force_not_quantize=True)
    drawn = decoded.sample
    error = ((drawn - latents).square() * focused(covered, config.focus)).mean()
    (error + config.commitment * commitment).backward()
    book.follow(flat.detach(), codes, rng, index)
    share = torch.bincount(codes, minlength=len(book.rows)) / len(codes)
    entropy = -(share * share.clamp(min=1e-9).log()).sum()
    return {"latents": error.item(), "commitment": commitment.item(), "perplexity": entropy.exp().item()}


def _state(vq: VQModel, optimiser: torch.optim.Optimizer, book: Codebook, index: int) -> State:
    state = snapshot(vq, optimiser, index)
    return State(state.tensors | book.state(), state.data)
