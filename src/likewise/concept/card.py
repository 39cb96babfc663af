"""concept.json: what a concept is called, which base model it belongs to, and where it comes from."""

import json
import re
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from likewise.errors import ConceptFolderError, ConceptNameError

FILE = "concept.json"
FORMAT = 1
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,38}[a-z0-9])?")


def check_name(name: str) -> str:
    """The name itself if it can be a word in a prompt and a folder everywhere, or ConceptNameError."""
    if not _NAME.fullmatch(name):
        raise ConceptNameError(name)
    return name


class Card(BaseModel):
    """The facts of one concept, as stored; frozen, and unknown fields are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int = Field(default=FORMAT, description="Version of this file's layout.")
    name: str = Field(description="What prompts call it: <name>.")
    placeholder: str = Field(description="The name in angle brackets.")
    noun: str = Field(description="The plain word for the kind of thing it is.")
    identifier: str | None = Field(
        default=None, description="The rare word that stands before the noun, if one was used."
    )
    base_hash: str = Field(description="Hash of the base model that it was taught on, and works with.")
    base_name: str = Field(default="", description="What that base model is called.")
    method: str = Field(description="How it was learned.")
    config: dict[str, Any] = Field(default_factory=dict, description="The settings that it was learned with.")
    scores: dict[str, Any] = Field(default_factory=dict, description="What the verdict measured.")
    parent: str | None = Field(default=None, description="Hash of the concept that it grew from, if any.")
    provenance: dict[str, Any] = Field(default_factory=dict, description="Hashes of the photos, versions, step.")

    @model_validator(mode="after")
    def _one_name(self) -> "Card":
        check_name(self.name)
        if self.placeholder != f"<{self.name}>":
            raise ValueError(f"placeholder is {self.placeholder!r}, and <{self.name}> is needed")
        return self

    def renamed(self, name: str) -> "Card":
        """The same concept under another name."""
        return self.model_copy(update={"name": check_name(name), "placeholder": f"<{name}>"})

    def as_text(self) -> str:
        """The JSON of concept.json."""
        return json.dumps(self.model_dump(), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def read(folder: Path) -> Card:
    """The card of a concept folder; ConceptFolderError says what is wrong with it."""
    try:
        stored = json.loads((folder / FILE).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise ConceptFolderError(folder, f"it holds no {FILE}") from error
    except (ValueError, OSError) as error:
        raise ConceptFolderError(folder, f"its {FILE} cannot be read ({error})") from error
    if isinstance(stored, dict) and stored.get("format", FORMAT) != FORMAT:
        raise ConceptFolderError(folder, f"its format is {stored['format']!r}, and this version reads {FORMAT}")
    try:
        return Card.model_validate(stored)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the card"
        raise ConceptFolderError(folder, f"its {FILE} does not fit at {where}: {first['msg']}") from error
