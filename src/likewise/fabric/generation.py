"""Noise to pictures under the eyes of likes and dislikes, as a generator of denoising steps (arXiv:2307.10159)."""

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from likewise.diffusion import guidance as guide
from likewise.diffusion import sampling, solvers
from likewise.diffusion.backbone import Backbone, Text
from likewise.diffusion.sampling import Denoised
from likewise.errors import DislikesIdleWarning, NonFiniteLatentsError, SettingError
from likewise.fabric import strength
from likewise.fabric.config import Config
from likewise.fabric.feeding import Feeder
from likewise.fabric.guided import Fed, chosen, predict
from likewise.fabric.references import Encoded, level


@dataclass(frozen=True)
class Start:
    """A picture to begin from instead of noise. latents: (C, h, w) clean; change: 1 keeps nothing of it, 0.1 most."""

    latents: Tensor
    change: float = 0.6

    def __post_init__(self) -> None:
        """Refuses a change that is no part of a whole."""
        if not 0 < self.change <= 1:
            raise SettingError("change", self.change, "it must be above 0 and at most 1")

    def skipped(self, steps: int) -> int:
        """How many of the sampler's steps are left out; one at least is run."""
        return steps - max(1, min(steps, int(steps * self.change)))


@torch.no_grad()
def generate(
    backbone: Backbone,
    text: Text,
    negative: Text | None = None,
    *,
    noise: Float[Tensor, "batch c h w"],
    likes: Sequence[Encoded] = (),
    dislikes: Sequence[Encoded] = (),
    blank: Text | None = None,
    config: Config | None = None,
    seed: int = 0,
    start: Start | None = None,
    rows: int = guide.ROWS,
    fused: bool | None = None,
) -> Iterator[Denoised]:
    """Yield after each denoising step; the last one carries the images.

    text, negative, noise, rows: as sampling.generate, whose very pictures come without references. likes, dislikes:
    oldest first. blank: the encoded empty prompt, made here if it is not given. seed: of the noise on references,
    unless config.noise is "fixed". Steps whose references all have weight 0 run the plain network. Warns of dislikes
    without guidance; raises NoEffectError where references change nothing, and what sampling.generate raises.
    """
    config = config or Config()
    solver = solvers.build(backbone.scheduler_config, config.scheduler, config.steps, backbone.device)
    skipped, latents = _begin(solver, noise.to(backbone.device), start, config.steps)
    feeding = _Feeding(backbone, likes, _effective(dislikes, config, negative), config, config.steps - skipped, seed)
    if feeding.active and blank is None:
        blank = backbone.encode_text([""])
    for step, t in enumerate(solver.timesteps[skipped:]):
        scaled = solver.scale_model_input(latents, t)
        fed = feeding.at(step, level(solver, skipped + step), blank)
        if fed is None:
            output = guide.predict(backbone, scaled, t, text, negative, scale=config.guidance, rows=rows)
        else:
            how = {"scale": config.guidance, "rows": rows, "fused": fused, "check": feeding.first(step)}
            output = predict(feeding.feeder, backbone, scaled, t, text, negative, fed, **how)
        latents = solver.step(output.to(latents.dtype), t, latents, return_dict=False)[0]
        if not torch.isfinite(latents).all():
            raise NonFiniteLatentsError(f"step {step + 1} of {feeding.steps}")
        done = step + 1 == feeding.steps
        yield Denoised(step + 1, latents, sampling.decode(backbone, latents) if done else None)


class _Feeding:
    """The references of one generation, step by step."""

    def __init__(
        self,
        backbone: Backbone,
        likes: Sequence[Encoded],
        dislikes: Sequence[Encoded],
        config: Config,
        steps: int,
        seed: int,
    ) -> None:
        self.backbone, self.config, self.steps = backbone, config, steps
        self.likes, self.dislikes = likes, dislikes
        self.seed = 0 if config.noise == "fixed" else seed
        self.tables = (
            strength.table(config, steps, [one.reference for one in likes]),
            strength.table(config, steps, [one.reference for one in dislikes], disliked=True),
        )
        self.active = [step for step in range(steps) if any(chosen(table[step]) for table in self.tables)]
        self._feeder: Feeder | None = None

    @property
    def feeder(self) -> Feeder:
        if self._feeder is None:
            self._feeder = Feeder(self.backbone.unet, self.backbone.name)
        return self._feeder

    def first(self, step: int) -> bool:
        return step == self.active[0]

    def at(self, step: int, levels: tuple[float, float], blank: Text | None) -> Fed | None:
        """The references that have a weight at this step, noised; None without any."""
        if step not in self.active:
            return None
        assert blank is not None
        kept = [
            [(side[place], table[step][place]) for place in chosen(table[step])]
            for side, table in zip((self.likes, self.dislikes), self.tables, strict=True)
        ]
        noised = torch.stack([one.at(*levels, one.noise(self.seed, step)) for side in kept for one, _ in side])
        weights = [tuple(weight for _, weight in side) for side in kept]
        bottlenecks = self.config.like_bottleneck, self.config.dislike_bottleneck
        return Fed(noised, weights[0], weights[1], blank, *bottlenecks)


def _begin(solver: Any, noise: Tensor, start: Start | None, steps: int) -> tuple[int, Tensor]:
    """How many steps are left out, and the latents that the first one run begins with."""
    if start is None:
        return 0, noise * solver.init_noise_sigma
    skipped = start.skipped(steps)
    clean = start.latents.to(noise).expand_as(noise)
    latents = solver.add_noise(clean, noise, solver.timesteps[skipped : skipped + 1].expand(len(noise)))
    if skipped and hasattr(solver, "set_begin_index"):  # DDIM, which has no memory, needs none
        solver.set_begin_index(skipped)
    return skipped, latents


def _effective(dislikes: Sequence[Encoded], config: Config, negative: Text | None) -> Sequence[Encoded]:
    """The dislikes, or none, with a warning, where guidance does not subtract them."""
    if not dislikes or (config.guidance > 1 and negative is not None):
        return dislikes
    counted = [one for one in dislikes if one.reference.weight > 0]
    if counted and config.dislike_strength > 0:
        warnings.warn(DislikesIdleWarning(len(counted), config.guidance), stacklevel=3)
    return ()
