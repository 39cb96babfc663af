"""Everything that tuning a metric lets you choose, with its unit; each part has the paper's defaults of its own."""

from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Part = Literal["linear", "mlp", "lora"]


class Config(BaseModel):
    """The settings of one tuning; frozen, and an unknown name is refused. `Config.of` knows the parts' own defaults."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    part: Part = Field(
        "mlp",
        description="What learns: one weight a feature, a residual MLP behind the features, or low-rank adapters in "
        "the networks themselves.",
    )
    loss: Literal["hinge", "votes"] = Field(
        "hinge",
        description="Hinge on the winner, as the paper; or the cross-entropy of the share of votes (Bradley-Terry).",
    )
    margin: float = Field(0.05, ge=0, description="Distance by which the hinge wants the winner nearer.")
    temperature: float = Field(0.05, gt=0, description="Distance that makes a choice e times likelier, for votes.")
    epochs: int = Field(20, ge=1, description="Times that every triplet is seen.")
    batch: int = Field(512, ge=1, description="Triplets a step.")
    lr: float = Field(3e-4, gt=0, description="Adam learning rate.")
    weight_decay: float = Field(0.0, ge=0, description="Adam's L2 decay.")
    hidden: int = Field(512, ge=1, description="Hidden width of the MLP.")
    rank: int = Field(16, ge=1, description="Rank of each adapter.")
    alpha: float = Field(32.0, gt=0, description="Adapters are scaled by alpha / rank.")
    dropout: float = Field(0.2, ge=0, lt=1, description="Share of an adapter's inputs dropped in training.")
    least_votes: int = Field(
        1, ge=1, description="Votes that a triplet needs to be learned from; the paper asks for 6."
    )
    unanimous: bool = Field(False, description="Learn only from triplets on which everyone agreed, as the paper did.")
    choose: bool = Field(True, description="Keep the weights of the epoch that did best on the validation triplets.")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.loss == "hinge" and self.margin == 0:
            raise ValueError("a hinge without a margin is met by equal distances; give margin above 0, or loss votes")
        return self

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> "Config":
        """These options, the rest as is usual for their part. Raises a settings error."""
        from likewise.settings import build

        return build(cls, {**usual(options.get("part")), **options}, "dreamsim learn")


DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "linear": {"lr": 3e-3},
    "mlp": {},
    "lora": {"batch": 32, "epochs": 8},
}


def usual(part: object) -> Mapping[str, Any]:
    """The defaults of a part that differ from the model's own; nothing for a part that does not exist."""
    return DEFAULTS.get(str(part or Config.model_fields["part"].default), {})
