"""The forward process: how much noise a timestep means, and what the network is asked to say about it.

Notation (DDPM, arXiv:2006.11239): z_t = sqrt(a_t) z_0 + sqrt(1 - a_t) e, with a_t = prod(1 - beta) and e ~ N(0, I).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from likewise.errors import ModelFolderError

PREDICTIONS = ("epsilon", "v_prediction", "sample")


@dataclass(frozen=True)
class Schedule:
    """alphas_cumprod (T,) float32, falling with t; prediction_type one of PREDICTIONS."""

    alphas_cumprod: Tensor
    prediction_type: str

    @property
    def timesteps(self) -> int:
        """T; a timestep is an int64 in 0..T-1."""
        return len(self.alphas_cumprod)

    def add_noise(self, x0: Float[Tensor, " batch *rest"], noise: Tensor, t: Int[Tensor, " batch"]) -> Tensor:
        """z_t for clean latents x0, noise of the same shape, and one timestep a sample."""
        signal, spread = self._scales(x0, t)
        return signal * x0 + spread * noise

    def target(self, x0: Float[Tensor, " batch *rest"], noise: Tensor, t: Int[Tensor, " batch"]) -> Tensor:
        """What the network should output: e, or v = sqrt(a) e - sqrt(1-a) z_0 (arXiv:2202.00512), or z_0."""
        if self.prediction_type == "epsilon":
            return noise
        if self.prediction_type == "sample":
            return x0
        signal, spread = self._scales(x0, t)
        return signal * noise - spread * x0

    def to_x0(self, output: Float[Tensor, " batch *rest"], noisy: Tensor, t: Int[Tensor, " batch"]) -> Tensor:
        """The clean latents that a network output implies."""
        if self.prediction_type == "sample":
            return output
        signal, spread = self._scales(noisy, t)
        if self.prediction_type == "epsilon":
            return (noisy - spread * output) / signal
        return signal * noisy - spread * output

    def to_noise(self, output: Float[Tensor, " batch *rest"], noisy: Tensor, t: Int[Tensor, " batch"]) -> Tensor:
        """The noise that a network output implies."""
        if self.prediction_type == "epsilon":
            return output
        signal, spread = self._scales(noisy, t)
        if self.prediction_type == "sample":
            return (noisy - signal * output) / spread
        return signal * output + spread * noisy

    def snr(self, t: Int[Tensor, " batch"]) -> Float[Tensor, " batch"]:
        """Signal-to-noise ratio a / (1 - a); 0 at a terminal step that is pure noise."""
        alphas = self.alphas_cumprod.to(t.device)[t]
        return alphas / (1 - alphas)

    def min_snr_weight(self, t: Int[Tensor, " batch"], gamma: float = 5.0) -> Float[Tensor, " batch"]:
        """Loss weight of arXiv:2303.09556: min(SNR, gamma) over SNR for e, over SNR + 1 for v, over 1 for z_0.

        Finite at zero terminal SNR, where the epsilon weight takes its limit, 1.
        """
        snr = self.snr(t)
        capped = snr.clamp(max=gamma)
        if self.prediction_type == "epsilon":
            return torch.where(snr > 0, capped / snr.clamp(min=torch.finfo(snr.dtype).tiny), torch.ones_like(snr))
        if self.prediction_type == "sample":
            return capped
        return capped / (snr + 1)

    def _scales(self, like: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        alphas = self.alphas_cumprod.to(like.device)[t].view(-1, *[1] * (like.ndim - 1))
        return alphas.sqrt().to(like.dtype), (1 - alphas).sqrt().to(like.dtype)


def from_config(config: Mapping[str, Any]) -> Schedule:
    """The schedule a diffusers scheduler_config.json describes, with its defaults; ModelFolderError if unknown."""
    prediction = config.get("prediction_type", "epsilon")
    if prediction not in PREDICTIONS:
        raise ModelFolderError("scheduler", f"prediction_type is {prediction!r}; known are {', '.join(PREDICTIONS)}")
    betas = _betas(config)
    if config.get("rescale_betas_zero_snr"):
        betas = zero_terminal_snr(betas)
        if prediction == "epsilon":
            raise ModelFolderError(
                "scheduler", "its last step is pure noise (rescale_betas_zero_snr), from which epsilon tells nothing"
            )
    return Schedule(torch.cumprod(1 - betas, dim=0), prediction)


def _betas(config: Mapping[str, Any]) -> Tensor:
    steps = config.get("num_train_timesteps", 1000)
    start, end = config.get("beta_start", 1e-4), config.get("beta_end", 0.02)
    kind = config.get("beta_schedule", "linear")
    if config.get("trained_betas") is not None:
        return torch.tensor(config["trained_betas"], dtype=torch.float32)
    if kind == "linear":
        return torch.linspace(start, end, steps, dtype=torch.float32)
    if kind == "scaled_linear":  # linear in sqrt(beta), as Stable Diffusion was trained
        return torch.linspace(start**0.5, end**0.5, steps, dtype=torch.float32) ** 2
    if kind == "squaredcos_cap_v2":  # arXiv:2102.09672
        curve = [math.cos((i / steps + 0.008) / 1.008 * math.pi / 2) ** 2 for i in range(steps + 1)]
        return torch.tensor([min(1 - b / a, 0.999) for a, b in pairwise(curve)])
    raise ModelFolderError(
        "scheduler", f"beta_schedule is {kind!r}; known are linear, scaled_linear, squaredcos_cap_v2"
    )


def zero_terminal_snr(betas: Float[Tensor, " steps"]) -> Float[Tensor, " steps"]:
    """Betas rescaled so that the last step holds no signal (arXiv:2305.08891, algorithm 1)."""
    roots = torch.cumprod(1 - betas, dim=0).sqrt()
    roots = (roots - roots[-1]) * roots[0] / (roots[0] - roots[-1])
    products = roots**2
    alphas = torch.cat([products[:1], products[1:] / products[:-1]])
    return 1 - alphas
