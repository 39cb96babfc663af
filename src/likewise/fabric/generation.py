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
from likewise.fabric.features import Features
from likewise.fabric.feeding import Feeder, Held
from likewise.fabric.gallery import Gallery, Sight
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
    features: Features | None = None,
    ahead: int = guide.ROWS,
) -> Iterator[Denoised]:
    """Yield after each denoising step; the last one carries the images.

    text, negative, noise, rows: as sampling.generate, whose very pictures come without references. likes, dislikes:
    oldest first. blank: the encoded empty prompt, made here if it is not given. seed: of the noise on references,
    unless config.noise is "fixed"; then what references look like is computed `ahead` rows at a time and kept in
    features. Steps whose references all have weight 0 run the plain network. Warns of dislikes without guidance; raises
    NoEffectError where references change nothing, and what sampling.generate raises.
    """
    config = config or Config()
    solver = solvers.build(backbone.scheduler_config, config.scheduler, config.steps, backbone.device)
    skipped, latents = _begin(solver, noise.to(backbone.device), start, config.steps)
    levels = [(t, *level(solver, skipped + step)) for step, t in enumerate(solver.timesteps[skipped:])]
    feeding = _Feeding(backbone, likes, _effective(dislikes, config, negative), config, levels, seed)
    if feeding.active:
        blank = backbone.encode_text([""]) if blank is None else blank
        feeding.look(blank.sized(None if text.sizes is None else text.sizes[:1]), ahead, features)
    for step, (t, _, _) in enumerate(levels):
        scaled = solver.scale_model_input(latents, t)
        fed = feeding.at(step)
        if fed is None:
            output = guide.predict(backbone, scaled, t, text, negative, scale=config.guidance, rows=rows)
        else:
            how = {"scale": config.guidance, "rows": rows, "fused": fused, "check": feeding.first(step)}
            output = predict(feeding.feeder, backbone, scaled, t, text, negative, fed, held=feeding.held(step), **how)
        latents = solver.step(output.to(latents.dtype), t, latents, return_dict=False)[0]
        if not torch.isfinite(latents).all():
            raise NonFiniteLatentsError(f"step {step + 1} of {len(levels)}")
        done = step + 1 == len(levels)
        yield Denoised(step + 1, latents, sampling.decode(backbone, latents) if done else None)


class _Feeding:
    """The references of one generation, step by step. levels: (t, signal, spread) of every step that is run."""

    def __init__(
        self,
        backbone: Backbone,
        likes: Sequence[Encoded],
        dislikes: Sequence[Encoded],
        config: Config,
        levels: Sequence[tuple[Tensor, float, float]],
        seed: int,
    ) -> None:
        self.backbone, self.config, self.levels = backbone, config, levels
        self.sides = (likes, dislikes)
        self.seed = 0 if config.noise == "fixed" else seed
        self.tables = (
            strength.table(config, len(levels), [one.reference for one in likes]),
            strength.table(config, len(levels), [one.reference for one in dislikes], disliked=True),
        )
        self.active = [step for step in range(len(levels)) if any(chosen(table[step]) for table in self.tables)]
        self._gallery: Gallery | None = None

    def look(self, blank: Text, rows: int, features: Features | None) -> None:
        """Make ready what reads the references; before this, nothing of the network was touched."""
        self.blank, self.feeder = blank, Feeder(self.backbone.unet, self.backbone.name)
        if self.config.noise == "fixed":
            levels = [(float(t), signal, spread) for t, signal, spread in self.levels]
            sight = Sight(self.backbone, self.feeder, levels, blank, rows, self.config.merge, self.config.precision)
            wanted = [[one for side in self._kept(step) for one, _ in side] for step in range(len(levels))]
            self._gallery = Gallery(sight, Features(0) if features is None else features, wanted)

    def first(self, step: int) -> bool:
        return step == self.active[0]

    def held(self, step: int) -> Held | None:
        """The features that this step reads, if they are computed ahead."""
        return None if self._gallery is None else self._gallery.at(step)

    def at(self, step: int) -> Fed | None:
        """The references that have a weight at this step, noised unless they are computed ahead; None without any."""
        if step not in self.active:
            return None
        kept, levels, noised = self._kept(step), self.levels[step][1:], None
        if self._gallery is None:
            noised = torch.stack([one.at(*levels, one.noise(self.seed, step)) for side in kept for one, _ in side])
        weights = [tuple(weight for _, weight in side) for side in kept]
        bottlenecks = self.config.like_bottleneck, self.config.dislike_bottleneck
        return Fed(noised, weights[0], weights[1], self.blank, *bottlenecks, self.config.merge)

    def _kept(self, step: int) -> list[list[tuple[Encoded, float]]]:
        """Of each side, those with a weight above 0 at this step, and the weight."""
        return [
            [(side[place], table[step][place]) for place in chosen(table[step])]
            for side, table in zip(self.sides, self.tables, strict=True)
        ]


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
