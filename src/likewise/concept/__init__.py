"""Concepts: what was learned, as a folder that a prompt calls by <name>.

Reading, listing and deleting concepts loads no torch; putting one on a model does.
"""

from likewise.concept.card import Card
from likewise.concept.folder import Concept
from likewise.concept.library import Library, library
from likewise.concept.prompts import expand, names_in

__all__ = ["Card", "Concept", "Library", "expand", "library", "names_in"]
