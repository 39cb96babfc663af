"""Everything that Textual Inversion lets you choose, with its unit, and defaults that fit the base model."""

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import Field, model_validator

from likewise.errors import IdleSettingWarning
from likewise.tuning.config import Defaults, Needs, Tuning

if TYPE_CHECKING:
    from likewise.diffusion.backbone import Facts

OF_STYLES = {"instance_prompt": "a {noun} in the style of {identifier}", "places": False}

# Per family and what is learned; Stable Diffusion's rows are section 3 of the specification, Toybox's are measured.
ROWS: dict[str, dict[str, object]] = {
    "toybox": {"lr": 5e-4, "steps": 400, "batch": 4, "sentences": "plain", "places": True},
    "sd1": {"lr": 5e-4, "steps": 2000, "batch": 1, "accumulation": 4},
    "sdxl": {"lr": 5e-4, "steps": 500, "batch": 1, "accumulation": 4},
}
DEFAULTS: Defaults = {
    (family, learns): {**row, **more}
    for family, row in ROWS.items()
    for learns, more in {"object": {}, "style": OF_STYLES}.items()
}
# textual_inversion.py, with the rate and the scaling of its README.
STOCK = {"lr": 5e-4, "scale_lr": True, "lr_schedule": "constant", "weight_decay": 1e-2, "clip_norm": 0.0, "flip": True}
STOCK |= {"sentences": "paper", "places": False}


class Config(Tuning):
    """The settings of one Textual Inversion run; frozen, and an unknown name is refused."""

    DEFAULTS: ClassVar[Defaults] = DEFAULTS
    NEEDS: ClassVar[Needs] = Tuning.NEEDS
    PARITY: ClassVar[Mapping[str, Mapping[str, object]]] = {"object": STOCK, "style": STOCK}

    learns: Literal["object", "style"] = Field(
        "object", description="Which sentences surround the word: the 27 for a thing, or the 19 for a style."
    )
    sentences: Literal["paper", "plain"] = Field(
        "paper",
        description="What photos without captions are called: the paper's sentences, or the instance prompt alone, for "
        "a base model that does not know the words of those.",
    )
    places: bool = Field(
        False,
        description="Where no photo has a caption, say in each one's prompt where it was taken, if the Toybox towers "
        "are sure of it, so that the word is not bound to the background. For things alone.",
    )
    vectors: int = Field(
        1, ge=1, le=16, description="Vectors that the word stands for; more hold more and can be edited less."
    )
    initializer: str | None = Field(
        None,
        description="Where the vectors start: a word of one token, or of as many as vectors; else the noun, or its "
        "last word.",
    )
    norm: Literal["none", "std", "median"] = Field(
        "none",
        description="After each step, let the vectors be, pull their spread towards that of the model's own words (to "
        "the power 0.1), or give each the median length of those.",
    )
    pooling: Literal["argmax", "eos"] = Field(
        "argmax",
        description="SDXL alone: read the pooled text where diffusers does with added words, or at the end mark, as "
        "ComfyUI does.",
    )
    timestep_alpha: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="How much oftener late, noisy timesteps are drawn: weights 1 - alpha cos(pi t / T); 0 draws all "
        "alike.",
    )
    instance_prompt: str = Field(
        "a {identifier}", description="How previews and the verdict ask for it; {identifier} is the word."
    )
    scale_lr: bool = Field(True, description="Multiply the learning rate by the photos a step, as the authors do.")
    steps: int = Field(2000, ge=1, description="Optimiser steps.")
    lr: float = Field(5e-4, gt=0, description="AdamW learning rate of the vectors, a step and photo.")
    lr_schedule: Literal["constant", "linear", "cosine"] = Field(
        "cosine", description="How the learning rate moves after the warm-up."
    )
    lr_final: float = Field(0.1, ge=0, le=1, description="Share of the learning rate left at the last step.")
    weight_decay: float = Field(0.0, ge=0, description="AdamW's decoupled weight decay, a unit of learning rate.")
    clip_norm: float = Field(0.0, ge=0, description="Largest gradient norm of a seed's vectors; 0 does not clip.")

    @model_validator(mode="after")
    def _asks_for_the_word(self) -> Self:
        if "{identifier}" not in self.instance_prompt:
            raise ValueError("instance_prompt must contain {identifier}")
        if self.places and self.learns == "style":
            raise ValueError("places says where a thing is; with learns=style leave it off")
        return self

    @classmethod
    def for_backbone(cls, facts: "Facts", options: Mapping[str, object] | None = None) -> Self:
        """As for every method; warns of a pooling where the base model reads no pooled text."""
        if (options or {}).get("pooling") == "eos" and facts.family != "sdxl":
            warnings.warn(IdleSettingWarning("pooling", "the base model", facts.family, ("sdxl",)), stacklevel=3)
        return super().for_backbone(facts, options)

    @classmethod
    def trained_part(cls, options: Mapping[str, object]) -> str:
        """ "object" or "style"."""
        return str(options.get("learns", "object"))

    @property
    def rate(self) -> float:
        """The learning rate that the optimiser uses at its peak: lr, times the photos a step if it is scaled."""
        return self.lr * (self.samples if self.scale_lr else 1)
