"""Everything that DreamBooth lets you choose, with its unit, and defaults that fit the base model."""

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from likewise import settings
from likewise.errors import IdleSettingWarning

if TYPE_CHECKING:
    from likewise.diffusion.backbone import Facts

Train = Literal["lora", "full"]

# Per family and trained part; Stable Diffusion's rows are section 3 of the specification, Toybox's are measured.
DEFAULTS: dict[tuple[str, str], dict[str, object]] = {
    ("toybox", "lora"): {"lr": 5e-4, "text_lr": 1e-4, "steps": 400, "batch": 4, "class_images": 48},
    ("toybox", "full"): {"lr": 3e-5, "text_lr": 1e-5, "steps": 400, "batch": 4, "class_images": 48},
    ("sd1", "lora"): {"lr": 1e-4, "text_lr": 5e-6, "steps": 800, "batch": 1},
    ("sd1", "full"): {"lr": 2e-6, "text_lr": 2e-6, "steps": 800, "batch": 2},
    ("sdxl", "lora"): {"lr": 1e-4, "text_lr": 5e-6, "steps": 1000, "batch": 1},
    ("sdxl", "full"): {"lr": 1e-6, "text_lr": 1e-6, "steps": 1000, "batch": 1},
}
# Settings that do nothing unless another one has a certain value.
NEEDS: dict[str, tuple[str, tuple[object, ...]]] = {
    "rank": ("train", ("lora",)),
    "alpha": ("train", ("lora",)),
    "targets": ("train", ("lora",)),
    "start": ("train", ("lora",)),
    "text_lr": ("train_text", (True,)),
    "prior_weight": ("prior", ("images", "teacher")),
    "class_images": ("prior", ("images",)),
    "class_steps": ("prior", ("images",)),
    "class_guidance": ("prior", ("images",)),
    "class_seed": ("prior", ("images",)),
    "lr_final": ("lr_schedule", ("linear", "cosine")),
}


class Config(BaseModel):
    """The settings of one DreamBooth run; frozen, and an unknown name is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    train: Train = Field("lora", description="What learns: small adapters beside the U-Net, or all of its weights.")
    rank: int = Field(16, ge=1, le=1024, description="Width of each LoRA adapter.")
    alpha: float = Field(16.0, gt=0, description="LoRA scale: adapters count alpha / rank times.")
    targets: Literal["attn", "attn+mlp"] = Field("attn", description="Layers with adapters: attention, or more.")
    start: Literal["kaiming", "gaussian"] = Field(
        "kaiming", description="Start of the adapters' lower half: uniform as in peft, or normal as in diffusers."
    )
    train_text: bool = Field(False, description="Train the text encoder as well.")
    steps: int = Field(800, ge=1, description="Optimiser steps.")
    batch: int = Field(1, ge=1, description="Photos a forward pass; as many class images join them.")
    accumulation: int = Field(1, ge=1, description="Forward passes an optimiser step.")
    lr: float = Field(1e-4, gt=0, description="AdamW learning rate of the U-Net, a step.")
    text_lr: float = Field(5e-6, gt=0, description="AdamW learning rate of the text encoder, a step.")
    lr_schedule: Literal["constant", "linear", "cosine"] = Field(
        "constant", description="How the learning rate moves after the warm-up."
    )
    lr_final: float = Field(0.0, ge=0, le=1, description="Share of the learning rate left at the last step.")
    warmup: int = Field(0, ge=0, description="Steps over which the learning rate rises to its full value.")
    weight_decay: float = Field(1e-2, ge=0, description="AdamW's decoupled weight decay, a unit of learning rate.")
    beta1: float = Field(0.9, ge=0, lt=1, description="AdamW's decay of the mean gradient.")
    beta2: float = Field(0.999, ge=0, lt=1, description="AdamW's decay of the mean squared gradient.")
    clip_norm: float = Field(1.0, ge=0, description="Largest gradient norm; 0 does not clip.")
    prior: Literal["images", "teacher", "none"] = Field(
        "images",
        description="What keeps the noun's meaning: pictures of it by the base model, the base model's own answers on "
        "your photos (no pictures needed), or nothing.",
    )
    prior_weight: float = Field(1.0, gt=0, description="Weight of the prior's loss against the photos' loss.")
    class_images: int = Field(100, ge=1, description="Class images to make, at most as many as the run can see.")
    class_steps: int = Field(20, ge=1, description="Denoising steps a class image.")
    class_guidance: float = Field(5.0, ge=1, description="Classifier-free guidance of class images; 1 is none.")
    class_seed: int = Field(0, ge=0, description="Seed of the class images, shared between runs so that they are too.")
    snr_gamma: float | None = Field(None, gt=0, description="Min-SNR loss weights (usually 5); none weighs all alike.")
    offset_noise: float = Field(0.0, ge=0, description="Share of noise that is constant over an image and channel.")
    ema: float = Field(0.0, ge=0, lt=1, description="Decay, a step, of averaged weights to keep instead; 0 is off.")
    checkpointing: bool = Field(False, description="Recompute U-Net activations: less memory, a third more time.")
    flip: bool = Field(False, description="Mirror photos at random; not for text or one-sided things.")
    identifier: str | None = Field(
        None, pattern="^[a-z0-9]{1,20}$", description="The rare word before the noun; without one, it is chosen."
    )
    instance_prompt: str = Field("a {identifier} {noun}", description="Caption of a photo that has none of its own.")
    class_prompt: str = Field("a {noun}", description="Prompt of the class images.")

    @model_validator(mode="after")
    def _possible(self) -> "Config":
        if self.warmup >= self.steps:
            raise ValueError(f"warmup ({self.warmup}) must be below steps ({self.steps})")
        for name, words in {"instance_prompt": ("{identifier}", "{noun}"), "class_prompt": ("{noun}",)}.items():
            for word in words:
                if word not in getattr(self, name):
                    raise ValueError(f"{name} must contain {word}")
        if "{identifier}" in self.class_prompt:
            raise ValueError("class_prompt must not contain {identifier}: it would bind the noun to the subject")
        return self

    @classmethod
    def for_backbone(cls, facts: "Facts", options: Mapping[str, object] | None = None) -> "Config":
        """Defaults for the base model with `options` on top.

        UnknownSettingError or BadSettingError for options that do not exist or do not fit; IdleSettingWarning for one
        that has no effect beside the others.
        """
        config = cls.for_family(facts.family, options or {})
        config.warn_idle(options or {})
        return config

    @classmethod
    def for_family(cls, family: str, options: Mapping[str, object]) -> "Config":
        """As for_backbone, by the family's name and without warnings. A rank without an alpha brings alpha = rank."""
        family = "sd1" if family == "sd2" else family
        defaults = DEFAULTS.get((family, str(options.get("train", "lora"))), {})  # a wrong `train` is reported below
        like_rank = {"alpha": options["rank"]} if "rank" in options else {}
        return settings.build(cls, {**like_rank, **defaults, **options}, "teach")

    def in_force(self) -> dict[str, object]:
        """The settings that have an effect beside the others."""
        return {name: value for name, value in settings.record(self).items() if self._counts(name)}

    def _counts(self, name: str) -> bool:
        other, values = NEEDS.get(name, (None, ()))
        return other is None or getattr(self, other) in values

    def warn_idle(self, given: Mapping[str, object]) -> None:
        """Warn about each given setting that does nothing because of another one."""
        for name, (other, values) in NEEDS.items():
            if name in given and not self._counts(name):
                warnings.warn(IdleSettingWarning(name, other, getattr(self, other), values), stacklevel=3)

    @property
    def samples(self) -> int:
        """Photos that an optimiser step sees."""
        return self.batch * self.accumulation

    @property
    def class_count(self) -> int:
        """Class images worth making: no more than the run can see."""
        return min(self.class_images, self.steps * self.samples) if self.prior == "images" else 0
