"""Everything that DIDA lets you choose, with its unit.

Defaults are the reference implementation's, but for moving_features, where the code's form lost by far under a made
shift, and for feature_mask, which lost there too and made no sure difference elsewhere.
"""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Config(BaseModel):
    """The settings of one DIDA run; frozen, and an unknown name is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    model: Literal["dida", "attention", "gae", "gcn-gru", "evolvegcn", "dysat"] = Field(
        "dida",
        description="The disentangled model; plain temporal attention (one softmax, no mask, no penalty); or one of "
        "four others to compare with.",
    )
    task: Literal["links", "classes"] = Field(
        "links", description="What is learned: which links come next, or what the nodes are."
    )
    width: int = Field(16, ge=2, description="Numbers that describe a node, in every layer; a multiple of heads.")
    heads: int = Field(4, ge=1, description="Attention heads, which share the width.")
    layers: int = Field(2, ge=1, le=8, description="Attention layers.")
    features: int = Field(32, ge=1, description="Learned features a node, where the graph brings none.")
    moving_features: Literal["settled", "newest"] = Field(
        "settled",
        description="What is read of features that move: their mean over the snapshots so far, or the newest alone, as "
        "the code does, which held far worse where the newest had betrayed what comes next and no longer did.",
    )
    norm: bool = Field(True, description="Normalise before each layer's two-layer network.")
    skip: bool = Field(False, description="Weigh that network against its input by a learned gate, not by a sum.")
    dropout: float = Field(0.0, ge=0, lt=1, description="Share of that network's outputs dropped in training.")
    time_code: Literal["add", "concat", "none"] = Field(
        "add", description="How a snapshot's place in time joins its nodes: added (the code), concatenated (the paper)."
    )
    feature_mask: bool = Field(
        False,
        description="Weigh the invariant sum by a learned softmax over its features, as the code does. It starts at "
        "1 / width, so that past links hardly count beside a node's own features.",
    )
    only_invariant: bool = Field(False, description="Layers pass on the invariant part alone.")
    variant_softmax: Literal["reference", "paper"] = Field(
        "reference", description="Variant weights: softmax(-softmax(a)), as the code has it, or softmax(-a), the paper."
    )
    variant_decoder: Literal["frozen", "trained"] = Field(
        "frozen", description="Whether the network that reads the variant parts learns; the code leaves it as drawn."
    )
    penalty: Literal["reference", "paper"] = Field(
        "reference", description="mean + draws^2 * variance, twice squashed, as the code has it; or the variance alone."
    )
    intervention: Literal["space-time", "distinct", "space", "time", "pairwise"] = Field(
        "space-time",
        description="What one draw swaps: one variant score for all pairs (distinct: no donor twice), one a snapshot, "
        "one a source node, or one a pair (the paper).",
    )
    draws: int = Field(1000, ge=2, description="Interventions a step.")
    strength: float = Field(0.01, ge=0, description="Weight of the intervention penalty; 0 leaves it out.")
    objective: Literal["mean", "irm", "vrex", "groupdro"] = Field(
        "mean", description="The loss over links: their mean, or one that asks for alike losses in every snapshot."
    )
    objective_strength: float = Field(
        1.0, ge=0, description="Weight of the penalty of irm and vrex; for groupdro, the step of its weights."
    )
    both_ways: bool = Field(True, description="Messages pass along a link in both directions, not to its target alone.")
    negatives: Literal["auto", "random", "bipartite", "historical"] = Field(
        "auto", description="What links are told from in training; auto is bipartite where no node is on both sides."
    )
    val_snapshots: int = Field(1, ge=1, description="Snapshots after training that choose the epoch and calibrate.")
    test_snapshots: int = Field(2, ge=0, description="Last snapshots, kept for evaluation.")
    epochs: int = Field(1000, ge=1, description="Most steps; each is over the whole training window.")
    min_epochs: int = Field(200, ge=1, description="Steps before training may stop early.")
    patience: int = Field(50, ge=1, description="Steps without a better validation AUC before training stops.")
    validate_every: int = Field(5, ge=1, description="Steps between validations.")
    batch: int = Field(
        0, ge=0, description="Links a step, drawn from the whole window; 0 takes all of it, which needs more memory."
    )
    fan_out: int = Field(0, ge=0, description="Past links that a node is asked for with a batch; 0 asks all of them.")
    lr: float = Field(0.01, gt=0, description="Adam learning rate.")
    weight_decay: float = Field(5e-7, ge=0, description="Adam's L2 decay.")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.width % self.heads or self.width % 2:
            raise ValueError(f"width must be even and a multiple of heads, and {self.width} and {self.heads} are not")
        if self.task == "classes" and self.batch:
            raise ValueError("batch is of links; to learn classes takes the whole window, without batch")
        if self.fan_out and not self.batch:
            raise ValueError("fan_out samples the past links of a batch: give batch as well")
        if self.batch and self.model not in ("dida", "attention"):
            raise ValueError(f"batch is for dida and attention, and {self.model} takes the whole window")
        return self

    @property
    def intervenes(self) -> bool:
        """Whether a penalty is part of the loss."""
        return self.model == "dida" and self.strength > 0

    @property
    def branches(self) -> bool:
        """Whether layers have a variant branch at all."""
        return self.model == "dida"
