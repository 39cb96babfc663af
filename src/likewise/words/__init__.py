"""Words of prompts: placeholders, templates, rare identifiers, nouns that a model knows, prompt lengths."""

from typing import TYPE_CHECKING

from likewise import lazy
from likewise.words.templates import OBJECT_TEMPLATES, STYLE_TEMPLATES

if TYPE_CHECKING:
    from likewise.words.identifiers import Identifier, find_identifier
    from likewise.words.lengths import check_length
    from likewise.words.marks import check_placeholder, placeholders
    from likewise.words.nouns import check_noun

__all__ = [
    "OBJECT_TEMPLATES",
    "STYLE_TEMPLATES",
    "Identifier",
    "check_length",
    "check_noun",
    "check_placeholder",
    "find_identifier",
    "placeholders",
]

lazy.public(
    __name__,
    Identifier="identifiers",
    check_length="lengths",
    check_noun="nouns",
    check_placeholder="marks",
    find_identifier="identifiers",
    placeholders="marks",
)
