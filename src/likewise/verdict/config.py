"""What a verdict draws and how it weighs what it sees; the same for every checkpoint of a run."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from likewise.verdict import prompts as lists

Prefer = Literal["balance", "likeness", "prompt"]


class Config(BaseModel):
    """The settings of one verdict; frozen, and an unknown name is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    prompts: tuple[str, ...] = Field(
        default=lists.QUICK,
        min_length=1,
        description="What to draw; {subject} is the run's own prompt for its subject, such as 'a zxq dog', and "
        "{red subject} is 'a red zxq dog'.",
    )
    thorough: bool = Field(
        default=False, description="Draw the 25 prompts of the paper (on Toybox, of its world) instead."
    )
    kind: Literal["auto", "object", "live"] = Field(
        default="auto", description="Which of the paper's lists `thorough` takes; auto goes by the noun."
    )
    images: int = Field(default=3, ge=1, description="Pictures of each prompt; the same seeds for every checkpoint.")
    class_images: int = Field(default=3, ge=1, description="Pictures of the bare noun.")
    steps: int = Field(default=10, ge=1, description="Denoising steps a picture.")
    guidance: float = Field(default=5.0, ge=1, description="Classifier-free guidance; 1 is none.")
    seed: int = Field(default=0, ge=0, description="Seed of the pictures and of the intervals.")
    checkpoints: int = Field(
        default=5, ge=1, description="Most checkpoints to judge: evenly spread, the last among them."
    )
    prefer: Prefer = Field(
        default="balance", description="What counts more: looking like the photos, or doing what the prompt says."
    )
    tolerance: float = Field(
        default=1.0,
        ge=0,
        description="Standard errors within which two checkpoints count as equal; the earlier one is taken.",
    )
    level: float = Field(default=0.95, gt=0, lt=1, description="Confidence level of the intervals.")
    encoder: str = Field(
        default="efficientnet-lite0", description="What compares pictures: an encoder's name or folder."
    )
    text_encoder: str = Field(default="toybox", description="What compares pictures with prompts: a name or folder.")

    @model_validator(mode="after")
    def _subject_named(self) -> "Config":
        wrong = [found for prompt in self.prompts if (found := lists.problem(prompt))]
        if wrong:
            raise ValueError(wrong[0])
        if self.thorough and self.prompts != lists.QUICK:
            raise ValueError("thorough has prompts of its own, so that no others can be given")
        return self

    @property
    def weight(self) -> float:
        """The exponent of likeness; that of prompt fidelity is the rest to 1."""
        return {"likeness": 0.7, "balance": 0.5, "prompt": 0.3}[self.prefer]

    def drawn(self, family: str, noun: str) -> tuple[str, ...]:
        """The prompts to draw on a base model of this family."""
        return lists.paper(family, noun, self.kind) if self.thorough else self.prompts
