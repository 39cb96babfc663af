"""What can be set of a round: how much references count and when, and how its pictures are drawn."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Precision = Literal["full", "half", "byte"]


class Config(BaseModel):
    """Settings of a round. With the defaults of drawing, a round without references is what `imagine` draws."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    strength: float = Field(default=0.8, ge=0, le=100, description="How much a liked picture counts within the window.")
    strength_outside: float = Field(
        default=0.0, ge=0, le=100, description="The same outside the window; 0 saves time there."
    )
    dislike_strength: float = Field(
        default=0.5, ge=0, le=100, description="What a dislike counts, as a part of a like."
    )
    start: float = Field(default=0.0, ge=0, le=1, description="Where the window begins, as a part of the steps.")
    end: float = Field(default=0.8, ge=0, le=1, description="Where the window ends, that step included.")
    like_bottleneck: float = Field(default=1.0, ge=0, description="Likes in the U-Net's middle, as a part of its ends.")
    dislike_bottleneck: float = Field(
        default=1.0, ge=0, description="Dislikes in the U-Net's middle, as a part of its ends."
    )
    full: int = Field(
        default=3, ge=0, description="References a side that count in full; more share that much. 0: no limit."
    )
    newest: int = Field(
        default=6, ge=0, description="The most references of a round, the newest; half may be dislikes. 0: all."
    )
    noise: Literal["fresh", "fixed"] = Field(
        default="fresh", description="Noise on references: new each round, or always one."
    )
    merge: float = Field(
        default=0.0, ge=0, le=0.5, description="Part of a reference's tokens merged: faster, approximate."
    )
    cache: float = Field(
        default=512,
        ge=0,
        allow_inf_nan=False,
        description="MiB of references' features kept between rounds, with fixed noise.",
    )
    precision: Precision = Field(
        default="full", description="Of those features: half and byte save memory, approximately."
    )
    n: int = Field(default=4, ge=1, le=100, description="Pictures a round.")
    steps: int = Field(default=20, ge=1, description="Denoising steps.")
    guidance: float = Field(
        default=5.0, ge=0, description="How closely to follow the prompt; dislikes need more than 1."
    )
    negative: str = Field(default="", description="What to keep out of the picture, in words.")
    scheduler: str = Field(default="dpmsolver++", description="How noise is taken away, by diffusers' schedulers.")
    size: int | None = Field(default=None, ge=1, description="Pixels a side; without it, the model's own.")

    @model_validator(mode="after")
    def _in_order(self) -> "Config":
        if self.start > self.end:
            raise ValueError(f"start ({self.start}) must not lie after end ({self.end})")
        return self
