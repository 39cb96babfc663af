"""tree.json: every node of a tree, what it was chosen by, and what it grew from."""

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from likewise import checkpoint
from likewise.errors import BrokenFileError, TreeFolderError

FILE = "tree.json"
FORMAT = 1


class Stored(BaseModel):
    """What is read from a file: unknown fields are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Figures(Stored):
    """What one encoder says of a pair of words."""

    left: float = Field(description="Mean cosine between pictures of the left word.")
    right: float = Field(description="The same of the right word.")
    between: float = Field(description="Mean cosine between a picture of each.")
    score: float = Field(description="The score of the paper.")


class Tracked(Stored):
    """A pair of words at a step, by one encoder."""

    step: int
    encoder: str = Field(description="The encoder's name.")
    pictures: int = Field(description="Pictures of each word.")
    consistency: float = Field(description="C(l, l) + C(r, r).")
    distinction: float = Field(description="C(l, r): the smaller, the more different.")
    relevance: float = Field(description="C(parent, l) + C(parent, r).")


class Early(Stored):
    """What dropping seeds early did, or would have done."""

    applied: bool = Field(description="Whether seeds were dropped, or only would have been.")
    survivors: list[int] = Field(description="Seeds that reach the full test.")
    agrees: bool | None = Field(
        default=None, description="Whether the full test's choice is among them, where it saw all."
    )
    regret: float | None = Field(
        default=None, description="Score lost by choosing among them, where the full test saw all."
    )


class Split(Stored):
    """How a node was split, or why it was left whole."""

    settings: dict[str, Any] = Field(description="The settings of the split.")
    encoders: dict[str, str] = Field(default_factory=dict, description="Name and hash of each; the first one chose.")
    loads: dict[str, str] = Field(
        default_factory=dict, description="Encoder, the name or folder that loads it; not of those made from Python."
    )
    seeds: dict[str, dict[str, Figures]] = Field(default_factory=dict, description="Seed, encoder, figures.")
    chosen: int | None = Field(default=None, description="The seed that went on.")
    stopped: str | None = Field(default=None, description="Why the node was left whole.")
    agreement: dict[str, float] = Field(default_factory=dict, description="Encoder, rank correlation with the first.")
    early: Early | None = None
    tracked: list[Tracked] = Field(default_factory=list)
    costs: dict[str, int] = Field(default_factory=dict, description="Counters, see likewise.concept_tree.costs.")


class Node(Stored):
    """One node."""

    folder: str = Field(description="Its folder within the tree's.")
    images: int = Field(description="Pictures that it is split from.")
    hash: str | None = Field(default=None, description="Its concept's hash; None for a root of photos.")
    seed: int | None = Field(default=None, description="The seed that learned it.")
    step: int | None = Field(default=None, description="Optimiser steps that it learned.")
    length: float | None = Field(default=None, description="Its vectors' length over that of the model's usual words.")
    own: dict[str, float] = Field(default_factory=dict, description="Encoder, mean cosine between its pictures.")


class Source(Stored):
    """What the root is."""

    kind: Literal["photos", "concept", "file"]
    name: str
    hash: str


class Record(Stored):
    """All of tree.json."""

    format: Literal[1] = FORMAT
    name: str
    noun: str
    base_name: str
    base_hash: str
    source: Source
    nodes: dict[str, Node]
    splits: dict[str, Split] = Field(default_factory=dict)


def read(folder: Path) -> Record:
    """The record of a tree's folder; TreeFolderError says what is wrong with it."""
    if not (folder / FILE).is_file():
        raise TreeFolderError(folder, f"it holds no {FILE}")
    try:
        return Record.model_validate(checkpoint.read_json(folder / FILE))
    except BrokenFileError as error:
        raise TreeFolderError(folder, f"its {FILE} is damaged") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the whole"
        raise TreeFolderError(folder, f"its {FILE} does not fit at {where}: {first['msg']}") from error


def write(folder: Path, record: Record) -> None:
    """Replace tree.json in one step."""
    checkpoint.write_json(folder / FILE, record.model_dump(mode="json"))
