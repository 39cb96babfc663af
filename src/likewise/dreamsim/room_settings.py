"""Everything about a room of judgements that one may choose, with its unit."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class RoomSettings(BaseModel):
    """How questions are asked; frozen, and an unknown name is refused.

    The sizes of blocks are ours: the paper's could not be verified.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    block: int = Field(default=50, ge=1, description="Triplets asked between two breaks.")
    sentinels: int = Field(
        default=10, ge=0, description="Questions with an obvious answer among them, to tell who looks."
    )
    repeats: int = Field(default=4, ge=0, description="Triplets of a block that are asked again in it, sides swapped.")
    practice: int = Field(
        default=4, ge=0, description="Questions before the first block, after which the answer is told."
    )
    votes: int | None = Field(
        default=None, ge=1, description="Most votes on each triplet or pair; without it 3, or 10 with `unanimous`."
    )
    unanimous: bool = Field(
        default=False, description="Ask on only while all votes on a triplet agree, as the paper did."
    )
    agreeing: int = Field(default=6, ge=1, description="With `unanimous`, votes that a triplet needs to be kept.")
    sequences: int = Field(default=24, ge=1, description="Interleaved sequences of two pairs between two breaks.")
    show: int = Field(default=500, ge=50, description="Milliseconds that each picture of a sequence is shown.")
    gap: int = Field(default=1000, ge=0, description="Milliseconds of blank between two pictures of a sequence.")
    seed: int = Field(default=0, ge=0, description="Seed of order, sides and sentinels.")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.repeats > self.block:
            raise ValueError(f"repeats ({self.repeats}) must not exceed block ({self.block})")
        if self.unanimous and self.agreeing > self.most:
            raise ValueError(f"agreeing ({self.agreeing}) must not exceed votes ({self.most}) with unanimous")
        return self

    @property
    def most(self) -> int:
        """Votes on an item after which nobody is asked about it."""
        return self.votes or (10 if self.unanimous else 3)


Task = Literal["2afc", "jnd"]
