"""Everything that contrastive learning lets you choose, with its unit."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


def _check_share(rule: str, share: float) -> None:
    if rule == "add-new-positive" and share not in (0, 1):
        raise ValueError("add-new-positive gives every row one more positive or none: its share is 1 or 0")
    if rule != "add-new-positive" and not 0 <= share < 1:
        raise ValueError("a share is at least 0 and below 1")


class Config(BaseModel):
    """The settings of one contrastive run; frozen, and an unknown name is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    objective: Literal["ntxent", "spectral", "clip", "siglip", "spectral-pairs"] = Field(
        "ntxent", description="Views of one photo (ntxent, spectral), or photos with captions (the others)."
    )
    backbone: Literal["toybox", "resnet18", "resnet50", "vit-tiny", "vit-small", "vit-base", "efficientnet-lite0"] = (
        Field("resnet18", description="The network that learns; efficientnet-lite0 starts from its ImageNet weights.")
    )
    steps: int = Field(1000, ge=1, description="Optimiser steps.")
    batch: int = Field(128, ge=2, description="Photos a step, of all processes together.")
    part: int = Field(
        0, ge=0, description="Photos embedded at a time, by cached accumulation; 0 embeds the whole batch at once."
    )
    chunk: int = Field(0, ge=0, description="Rows of the loss computed at a time; 0 chooses.")
    views: int = Field(2, ge=2, le=8, description="Views of a photo (ntxent; spectral takes 2, the others 1).")
    temperature: float = Field(0.1, gt=0, description="Temperature of ntxent.")
    rules: tuple[
        Literal["add-new-positive", "drop-false-positive", "drop-false-negative", "drop-easy-negative"], ...
    ] = Field((), description="Rules by which a teacher guides ntxent.")
    shares: tuple[float, ...] = Field((), description="Share of pairs that each rule changes; empty: as published.")
    count_mode: Literal["exact", "reference"] = Field(
        "exact", description="Rules by rank, positives set aside; or by the thresholds of the published code."
    )
    teacher: str = Field(
        "", description="The encoder that guides: efficientnet-lite0, toybox, or a folder. Rules need one."
    )
    teacher_view: Literal["clean", "views"] = Field(
        "clean", description="Whether the teacher sees each photo once, or every view in every step, as published."
    )
    hidden: int = Field(512, ge=1, description="Width inside the projection head.")
    projection: int = Field(128, ge=2, description="Width of the rows that the loss sees.")
    lr: float = Field(1e-3, gt=0, description="Learning rate at its highest.")
    optimiser: Literal["adamw", "lars"] = Field("adamw", description="LARS is the published code's; with --lr 1.2.")
    warmup: float = Field(0.1, ge=0, le=1, description="Share of the steps over which the learning rate rises.")
    weight_decay: float = Field(1e-4, ge=0, description="Weight decay, matrices only.")
    text_layers: int = Field(4, ge=1, description="Layers of the text tower.")
    text_width: int = Field(192, ge=48, multiple_of=48, description="Width of the text tower, a multiple of 48.")
    source_size: int = Field(128, ge=16, description="Side to which photos are reduced once, pixels.")
    size: int = Field(64, ge=8, description="Side of a view, pixels.")
    crop: float = Field(
        0.08, gt=0, le=1, description="Least share of a photo's area that a crop covers; at least 0.5 with captions."
    )
    flip: float = Field(0.5, ge=0, le=1, description="Chance of a flip, left to right.")
    colour: float = Field(1.0, ge=0, le=1.25, description="Strength of colour jitter; none with captions.")
    jitter: float = Field(0.8, ge=0, le=1, description="Chance of colour jitter; none with captions.")
    grey: float = Field(0.2, ge=0, le=1, description="Chance of a grey view; none with captions.")
    blur: float = Field(0.5, ge=0, le=1, description="Chance of a blur; none with captions.")
    views_on: Literal["probe", "cpu", "device"] = Field(
        "probe", description="Where views are made; probe measures both and takes the faster."
    )

    @model_validator(mode="after")
    def _guided(self) -> Self:
        if self.rules and self.objective != "ntxent":
            raise ValueError(f"rules guide ntxent, and the objective is {self.objective}")
        if self.rules and not self.teacher:
            raise ValueError("rules need a teacher, such as efficientnet-lite0")
        if self.teacher and not self.rules:
            raise ValueError("a teacher guides by rules; name some, such as add-new-positive, or leave it out")
        if len(set(self.rules)) != len(self.rules):
            raise ValueError("a rule is named twice")
        if self.shares and len(self.shares) != len(self.rules):
            raise ValueError(f"{len(self.shares)} shares are given for {len(self.rules)} rules")
        for rule, share in zip(self.rules, self.shares, strict=bool(self.shares)):
            _check_share(rule, share)
        if "drop-false-positive" in self.rules and self.teacher_view == "clean" and self.count_mode == "exact":
            raise ValueError(
                "drop-false-positive needs teacher_view views: to a teacher that sees each photo once, all views of it "
                "are equally alike"
            )
        return self

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.objective.startswith("spectral") and self.projection >= self.batch:
            raise ValueError(
                f"the spectral loss has no lowest value unless projection is below batch; found {self.projection} and "
                f"{self.batch}"
            )
        if self.backbone.startswith("vit") and self.size % (8 if self.size < 100 else 16):
            raise ValueError(
                f"size must be a multiple of the patch, 8 below 100 pixels and 16 above; found {self.size}"
            )
        return self

    @property
    def reads_texts(self) -> bool:
        """Whether photos are learned with their captions."""
        return self.objective in ("clip", "siglip", "spectral-pairs")

    @property
    def view_count(self) -> int:
        """Views of a photo in a step."""
        return 1 if self.reads_texts else 2 if self.objective == "spectral" else self.views
