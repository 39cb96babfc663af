"""What MAGVLT lets you choose: the size of a model, how it is trained, how it draws and writes."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Task = Literal["t2i", "i2t", "it2it"]
TASKS: tuple[Task, ...] = ("t2i", "i2t", "it2it")


class Shape(BaseModel):
    """The size and layout of a model; a checkpoint has exactly one."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    image_side: int = Field(default=16, ge=1, description="Image tokens along one side of a picture.")
    image_codes: int = Field(default=16384, ge=2, description="Entries of the image codebook.")
    text_codes: int = Field(default=49408, ge=2, description="Entries of the text vocabulary.")
    text_length: int = Field(default=64, ge=2, description="Text slots, the end mark included.")
    width: int = Field(default=1024, ge=2, description="Numbers that describe a slot, a multiple of heads.")
    layers: int = Field(default=24, ge=1, description="Transformer blocks.")
    heads: int = Field(default=8, ge=1, description="Attention heads of a block.")
    special: Literal[6, 10] = Field(
        default=10, description="Special tokens; 6 lack the four that select a half (MixSel)."
    )
    length_mode: Literal["isolated", "reference"] = Field(
        default="isolated",
        description="How a caption's length is read off: from the picture alone, or, as official weights need it, from "
        "a pass that holds text slots too.",
    )
    prefix_mode: Literal["open", "closed"] = Field(
        default="open",
        description="Closed: when captions are written, picture slots cannot see text, so they are computed once.",
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.width % self.heads:
            raise ValueError(f"width must be a multiple of heads, and {self.width} and {self.heads} are not")
        if self.prefix_mode == "closed" and self.length_mode == "reference":
            raise ValueError("prefix_mode closed goes with length_mode isolated only: official weights are open")
        return self

    @property
    def image_slots(self) -> int:
        """Image tokens a picture."""
        return self.image_side**2

    @property
    def caption_budget(self) -> int:
        """Tokens of each caption when two share the text slots with a separator and one end mark."""
        return (self.text_length - 2) // 2


BASE = Shape(length_mode="reference")
LARGE = Shape(width=1280, layers=36, heads=10, length_mode="reference")
TOYBOX = Shape(image_side=8, image_codes=2048, text_codes=2, text_length=32, width=256, layers=8, heads=4)


class Config(BaseModel):
    """Settings of one training; frozen, and an unknown name is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    steps: int = Field(default=2000, ge=1, description="Optimiser steps.")
    batch: int = Field(default=32, ge=1, description="Pairs of picture and caption a step.")
    t2i: float = Field(default=8.0, ge=0, description="How often a step draws from text, against the other two tasks.")
    i2t: float = Field(default=1.0, ge=0, description="How often a step writes about pictures.")
    it2it: float = Field(default=1.0, ge=0, description="How often a step fills in both.")
    image_schedule: Literal["cosine", "linear", "sqrt"] = Field(
        default="cosine", description="From r, uniform in 0 to 1, to the share of image slots that is hidden."
    )
    text_schedule: Literal["cosine", "linear", "sqrt"] = Field(
        default="linear", description="From r to the share of text slots that is hidden."
    )
    smoothing: float = Field(default=0.1, ge=0, lt=1, description="Label smoothing, over the slot's own vocabulary.")
    image_weight: float = Field(default=1.0, ge=0, description="Weight of the loss on image slots.")
    text_weight: float = Field(default=1.0, ge=0, description="Weight of the loss on text slots.")
    length_weight: float = Field(default=0.01, ge=0, description="Weight of the loss on caption lengths.")
    drop: float = Field(
        default=0.1,
        ge=0,
        le=1,
        description="Share of prompts emptied in drawing steps, which guidance needs; not in the paper.",
    )
    bpe_dropout: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="Share of merges left out where captions are cut into tokens; 0.1 in the release.",
    )
    unroll: Literal["off", "fresh", "subset"] = Field(
        default="off",
        description="UnrollMask: a second pass over the model's own guesses, hidden anew or only where they were.",
    )
    unroll_weight: float = Field(default=1.0, ge=0, description="Weight of the second pass.")
    unroll_from: float = Field(
        default=1.0, gt=0, le=1, description="Unroll only pairs of which at most this share was hidden at first."
    )
    unroll_alone: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="Share of steps whose first pass only guesses, without a loss of its own: cheaper.",
    )
    mixsel: float = Field(
        default=0.0, ge=0, le=1, description="Share of steps with a MixSel pass beside the plain one."
    )
    mixsel_weight: float = Field(default=0.5, ge=0, description="Weight of the MixSel pass.")
    mixsel_token: bool = Field(
        default=True, description="Tell which half is meant; without it, the paper's CutMix ablation."
    )
    lr: float = Field(default=3e-4, gt=0, description="AdamW learning rate at its highest.")
    warmup: float = Field(default=0.05, ge=0, le=1, description="Share of the steps over which the rate rises.")
    decay: Literal["cosine", "linear", "plateau"] = Field(
        default="cosine",
        description="How the rate falls after the rise; a plateau falls over the last 30 % of the steps.",
    )
    weight_decay: float = Field(
        default=0.045, ge=0, description="Decoupled weight decay of matrices, embeddings left out."
    )
    clip: float = Field(default=1.0, gt=0, description="Largest norm of the gradient.")
    residual_dropout: float = Field(default=0.1, ge=0, lt=1, description="Dropout of each block's two outputs.")
    attention_dropout: float = Field(default=0.1, ge=0, lt=1, description="Dropout of attention weights.")
    embedding_dropout: float = Field(default=0.0, ge=0, lt=1, description="Dropout of the embedded slots.")
    ema: float = Field(
        default=0.0, ge=0, lt=1, description="Decay of an average of the weights, which is then kept; 0 for none."
    )

    @model_validator(mode="after")
    def _has_a_task(self) -> Self:
        if not self.t2i + self.i2t + self.it2it:
            raise ValueError("at least one of t2i, i2t and it2it must be above 0")
        return self

    @property
    def paper(self) -> bool:
        """Whether the two ideas that the paper adds are both on."""
        return self.unroll != "off" and self.mixsel > 0


class Drawing(BaseModel):
    """How pictures are drawn; the defaults are the released sampler's, but for the guidance."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    steps: int = Field(default=10, ge=1, description="Decoding steps.")
    warm: float = Field(default=1.4, gt=0, description="Temperature of the first step.")
    cold: float = Field(default=0.6, gt=0, description="Temperature of the last step.")
    noise: float = Field(default=2.0, ge=0, description="Weight of the noise on the confidence in the first step.")
    calm: float = Field(default=0.2, ge=0, description="That weight in the last step.")
    guidance: float = Field(
        default=1.0,
        ge=0,
        description="How far from what the model draws without a prompt; 1 adds nothing. Not in the paper.",
    )
    greedy: bool = Field(default=False, description="Always the likeliest token, and no noise: one picture a prompt.")


class Writing(BaseModel):
    """How text is written; the defaults are the released demo's."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    steps: int = Field(default=12, ge=1, description="Decoding steps.")
    temperature: float = Field(default=0.1, gt=0, description="Of the words' probabilities.")
    top_k: int = Field(default=32, ge=1, description="Words that are considered for a slot.")
    again: Literal["sample", "lowest"] = Field(
        default="sample",
        description="Which words are guessed again: drawn, the unsure ones more often, or the least sure.",
    )
    greedy: bool = Field(default=False, description="Always the likeliest word, and the least sure guessed again.")
