"""Everything that taking a concept apart lets you choose, with its unit, and defaults that fit the base model."""

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from likewise import settings
from likewise.errors import IdleSettingWarning

if TYPE_CHECKING:
    from likewise.diffusion.backbone import Facts

# Stable Diffusion's are the authors', in passes of few pictures, as four seeds go through side by side; Toybox's make a
# tree of depth 2 in minutes on two cores.
DEFAULTS: dict[str, dict[str, Any]] = {
    "toybox": {
        "test_steps": 100, "steps": 300, "batch": 4, "images": 12, "central": 6, "draw_steps": 12, "guidance": 5.0,
        "judges": ("toybox",),
    },
    "sd1": {"batch": 2, "accumulation": 4},
    "sd2": {"batch": 2, "accumulation": 4},
    "sdxl": {"batch": 1, "accumulation": 8, "rows": 4, "checkpointing": True},
}  # fmt: skip


class Config(BaseModel):
    """The settings of a split; frozen, and an unknown name is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    seeds: tuple[int, ...] = Field((0, 1000, 1234, 111), min_length=1, description="Seeds that try to part a concept.")
    test_steps: int = Field(200, ge=1, description="Optimiser steps of every seed, after which the best is chosen.")
    steps: int = Field(1000, ge=2, description="Optimiser steps of the chosen seed, those before the choice included.")
    batch: int = Field(8, ge=1, description="Pictures a forward pass, a seed.")
    accumulation: int = Field(1, ge=1, description="Forward passes an optimiser step.")
    lr: float = Field(5e-4, gt=0, description="AdamW learning rate; it is multiplied by the pictures a step.")
    weight_decay: float = Field(1e-2, ge=0, description="AdamW's decoupled weight decay, a unit of learning rate.")
    timestep_alpha: float = Field(
        0.5, ge=0, lt=1, description="How much oftener late, noisy timesteps are drawn; 0 draws all alike."
    )
    flip: bool = Field(True, description="Mirror pictures at random.")
    initializer: str = Field("object", description="The word of one token from which both new words start.")
    every: int = Field(50, ge=1, description="Steps between the vectors that are kept as milder versions of a word.")
    images: int = Field(40, ge=2, description="Pictures of each word in a test, and in a child's first set.")
    central: int = Field(10, ge=2, description="The most central of those, which the child is split from.")
    draw_steps: int = Field(25, ge=1, description="Denoising steps of each picture.")
    guidance: float = Field(7.5, ge=0, description="How closely pictures follow the word.")
    scheduler: str = Field("dpmsolver++", description="How noise is taken away, by diffusers' schedulers.")
    rows: int = Field(16, ge=1, description="Rows of the network a call while drawing; changes bits, not pictures.")
    encoder: str = Field(
        "efficientnet-lite0", description="What judges the pictures: an encoder's name or folder, or dreamsim."
    )
    judges: tuple[str, ...] = Field((), description="Further encoders that judge beside it; they choose nothing.")
    early: Literal["off", "check", "on"] = Field(
        "off", description="Drop the worse half of the seeds on the way; check keeps all and tells what it would do."
    )
    early_steps: tuple[int, ...] = Field((50, 100, 150), description="The steps at which seeds may be dropped.")
    early_images: int = Field(8, ge=2, description="Pictures of each word in such an early test.")
    least_apart: float = Field(
        0.02, description="Stop where the words' pictures are told apart by less: the looser word's own likeness less "
        "their likeness to each other, in cosine.",
    )  # fmt: skip
    least_related: float = Field(
        0.5, ge=0, description="Stop where both words keep less of the parent than this share of its own likeness."
    )
    least_whole: float = Field(
        0.6, ge=0, description="Do not split a child whose pictures are less alike than this share of its parent's."
    )
    precision: Literal["float32", "bfloat16"] = Field(
        "float32", description="How weights that do not learn are held; bfloat16 takes half. What learns is float32."
    )
    checkpointing: bool = Field(False, description="Recompute U-Net activations: less memory, a third more time.")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.test_steps >= self.steps:
            raise ValueError(f"test_steps ({self.test_steps}) must be below steps ({self.steps})")
        if len(set(self.seeds)) < len(self.seeds):
            raise ValueError("seeds must differ, or they would learn the same words")
        if self.central > self.images:
            raise ValueError(f"central ({self.central}) must be at most images ({self.images})")
        return self

    @classmethod
    def for_family(cls, family: str, options: Mapping[str, object]) -> Self:
        """Defaults for a family of base models with `options` on top; UnknownSettingError, BadSettingError."""
        return settings.build(cls, {**DEFAULTS.get(family, {}), **options}, "decompose")

    @classmethod
    def for_backbone(cls, facts: "Facts", options: Mapping[str, object] | None = None) -> Self:
        """As for_family; warns of an option that has no effect beside the others."""
        options = options or {}
        config = cls.for_family(facts.family, options)
        for name in ("early_steps", "early_images"):
            if name in options and config.early == "off":
                warnings.warn(IdleSettingWarning(name, "early", "off", ("check", "on")), stacklevel=2)
        return config

    @property
    def samples(self) -> int:
        """Pictures that an optimiser step of a seed sees."""
        return self.batch * self.accumulation

    @property
    def cuts(self) -> tuple[int, ...]:
        """The steps after which seeds are judged; the last is the full test."""
        early = () if self.early == "off" else tuple(sorted({s for s in self.early_steps if s < self.test_steps}))
        return (*early, self.test_steps)
