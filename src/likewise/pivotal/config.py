"""The settings of pivotal tuning: those of the word, and those of the adapters that learn after it."""

import math
from collections.abc import Mapping
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from likewise import dreambooth, textual_inversion
from likewise.textual_inversion.config import OF_STYLES
from likewise.textual_inversion.config import ROWS as WORD_ROWS
from likewise.tuning.config import Defaults

ROWS: dict[str, dict[str, object]] = {
    "toybox": {
        **WORD_ROWS["toybox"],
        **{"steps": 600, "word_share": 0.25, "rank": 32, "alpha": 32.0, "targets": "attn+mlp+conv", "lora_lr": 1e-3},
    },
    "sd1": {"lr": 5e-4, "steps": 1000, "batch": 1, "accumulation": 4},
    "sdxl": {"lr": 5e-4, "steps": 1000, "batch": 1, "accumulation": 4, "vectors": 2, "rank": 8, "alpha": 8.0},
}
DEFAULTS: Defaults = {
    (family, learns): {**row, **more}
    for family, row in ROWS.items()
    for learns, more in {"object": {}, "style": OF_STYLES}.items()
}


class Config(textual_inversion.Config):
    """The settings of one pivotal run; frozen, and an unknown name is refused."""

    DEFAULTS: ClassVar[Defaults] = DEFAULTS
    PARITY: ClassVar[Mapping[str, Mapping[str, object]]] = {}

    word_share: float = Field(
        0.5, gt=0, lt=1, description="Share of the steps in which the word alone learns; the adapters take the others."
    )
    word_after: Literal["kept", "trained"] = Field(
        "kept", description="The word while the adapters learn: as it is then, or learning on at its last rate."
    )
    rank: int = Field(16, ge=1, le=1024, description="Width of each LoRA adapter.")
    alpha: float = Field(16.0, gt=0, description="LoRA scale: adapters count alpha / rank times.")
    targets: Literal["attn", "attn+mlp", "attn+mlp+conv"] = Field(
        "attn", description="Layers with adapters: attention, its feed-forward layers too, or convolutions as well."
    )
    start: Literal["kaiming", "gaussian"] = Field(
        "kaiming", description="Start of the adapters' lower half: uniform as in peft, or normal as in diffusers."
    )
    lora_lr: float = Field(1e-4, gt=0, description="AdamW learning rate of the adapters, a step; it is constant.")
    lora_decay: float = Field(1e-2, ge=0, description="AdamW's decoupled weight decay of the adapters.")
    clip_norm: float = Field(1.0, ge=0, description="Largest gradient norm of what learns; 0 does not clip.")
    steps: int = Field(1000, ge=2, description="Optimiser steps, the word's and the adapters' together.")

    @model_validator(mode="after")
    def _warms_up_with_the_word(self) -> Self:
        if self.warmup >= self.word_steps:
            raise ValueError(f"warmup ({self.warmup}) must be below the word's steps ({self.word_steps})")
        return self

    @classmethod
    def for_family(cls, family: str, options: Mapping[str, object]) -> Self:
        """As for_backbone, by the family's name and without warnings. A rank without an alpha brings alpha = rank."""
        like_rank = {"alpha": options["rank"]} if "rank" in options else {}
        return super().for_family(family, {**like_rank, **options})

    @property
    def word_steps(self) -> int:
        """The steps in which the word alone learns, at least one, and one less than all at most."""
        return min(max(1, math.ceil(self.steps * self.word_share)), self.steps - 1)

    @property
    def word(self) -> "Config":
        """The word's part as if it were all: its learning rate falls over its own steps."""
        return self.model_copy(update={"steps": self.word_steps})

    @property
    def adapters(self) -> dreambooth.Config:
        """The adapters' part, for what makes them."""
        shape = {name: getattr(self, name) for name in ("steps", "rank", "alpha", "targets", "start", "checkpointing")}
        return dreambooth.Config(train="lora", prior="none", **shape)
