"""The settings that all ways of teaching share, and how defaults that fit the base model are found."""

import warnings
from abc import abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from likewise import settings
from likewise.errors import IdleSettingWarning

if TYPE_CHECKING:
    from likewise.diffusion.backbone import Facts

Defaults = Mapping[tuple[str, str], Mapping[str, object]]  # (family, trained part) -> setting -> default
Needs = Mapping[str, tuple[str, tuple[object, ...]]]  # setting -> another, and with which of its values it counts


class Tuning(BaseModel):
    """Steps, batches, AdamW and the loss; frozen, and an unknown name is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    DEFAULTS: ClassVar[Defaults] = {}
    NEEDS: ClassVar[Needs] = {"lr_final": ("lr_schedule", ("linear", "cosine"))}
    PARITY: ClassVar[Mapping[str, Mapping[str, object]]] = {}  # trained part -> settings of diffusers' script for it

    steps: int = Field(800, ge=1, description="Optimiser steps.")
    batch: int = Field(1, ge=1, description="Photos a forward pass.")
    accumulation: int = Field(1, ge=1, description="Forward passes an optimiser step.")
    lr: float = Field(1e-4, gt=0, description="AdamW learning rate, a step.")
    lr_schedule: Literal["constant", "linear", "cosine"] = Field(
        "constant", description="How the learning rate moves after the warm-up."
    )
    lr_final: float = Field(0.0, ge=0, le=1, description="Share of the learning rate left at the last step.")
    warmup: int = Field(0, ge=0, description="Steps over which the learning rate rises to its full value.")
    weight_decay: float = Field(1e-2, ge=0, description="AdamW's decoupled weight decay, a unit of learning rate.")
    beta1: float = Field(0.9, ge=0, lt=1, description="AdamW's decay of the mean gradient.")
    beta2: float = Field(0.999, ge=0, lt=1, description="AdamW's decay of the mean squared gradient.")
    clip_norm: float = Field(1.0, ge=0, description="Largest gradient norm; 0 does not clip.")
    snr_gamma: float | None = Field(None, gt=0, description="Min-SNR loss weights (usually 5); none weighs all alike.")
    offset_noise: float = Field(0.0, ge=0, description="Share of noise that is constant over an image and channel.")
    ema: float = Field(0.0, ge=0, lt=1, description="Decay, a step, of averaged weights to keep instead; 0 is off.")
    precision: Literal["float32", "bfloat16"] = Field(
        "float32", description="How weights that do not learn are held; bfloat16 takes half. What learns is float32."
    )
    checkpointing: bool = Field(False, description="Recompute U-Net activations: less memory, a third more time.")
    flip: bool = Field(False, description="Mirror photos at random; not for text or one-sided things.")
    buckets: bool = Field(
        False,
        description="Let photos that are not square keep their shape: each is framed to the nearest bucket of aspect "
        "ratios instead of its middle square.",
    )
    parity: Literal["diffusers"] | None = Field(
        None, description="Defaults by which a step is that of diffusers' example script; none has our own."
    )

    @model_validator(mode="after")
    def _warms_up_in_time(self) -> Self:
        if self.warmup >= self.steps:
            raise ValueError(f"warmup ({self.warmup}) must be below steps ({self.steps})")
        return self

    @model_validator(mode="after")
    def _has_a_script_to_equal(self) -> Self:
        if self.parity and not self.PARITY:
            raise ValueError("parity: diffusers has no script that this method equals")
        return self

    @classmethod
    @abstractmethod
    def trained_part(cls, options: Mapping[str, object]) -> str:
        """The second half of the key of DEFAULTS that these options choose."""

    @classmethod
    def for_backbone(cls, facts: "Facts", options: Mapping[str, object] | None = None) -> Self:
        """Defaults for the base model with `options` on top.

        UnknownSettingError or BadSettingError for options that do not exist or do not fit; IdleSettingWarning for one
        that has no effect beside the others.
        """
        config = cls.for_family(facts.family, options or {})
        config.warn_idle(options or {})
        return config

    @classmethod
    def for_family(cls, family: str, options: Mapping[str, object]) -> Self:
        """As for_backbone, by the family's name and without warnings."""
        family = "sd1" if family == "sd2" else family
        part = cls.trained_part(options)
        defaults = cls.DEFAULTS.get((family, part), {})  # a wrong part is reported by build
        stock = cls.PARITY.get(part, {}) if options.get("parity") else {}
        return settings.build(cls, {**defaults, **stock, **options}, "teach")

    def in_force(self) -> dict[str, object]:
        """The settings that have an effect beside the others."""
        return {name: value for name, value in settings.record(self).items() if self._counts(name)}

    def _counts(self, name: str) -> bool:
        other, values = self.NEEDS.get(name, (None, ()))
        return other is None or getattr(self, other) in values

    def warn_idle(self, given: Mapping[str, object]) -> None:
        """Warn about each given setting that does nothing because of another one."""
        for name, (other, values) in self.NEEDS.items():
            if name in given and not self._counts(name):
                warnings.warn(IdleSettingWarning(name, other, getattr(self, other), values), stacklevel=3)

    @property
    def samples(self) -> int:
        """Photos that an optimiser step sees."""
        return self.batch * self.accumulation
