"""Concepts in prompts: which are named, and what the model is to read in their place."""

import re
from collections.abc import Collection, Mapping

from likewise.concept.folder import Concept
from likewise.errors import UnknownConceptError
from likewise.words.marks import placeholders

_MENTION = re.compile(r"<([a-z0-9][a-z0-9_-]*)>")
_OPENS = re.compile(r"(^|[,.;:(]|\b(of|and|with|like|beside|near|behind))\s*$", re.IGNORECASE)


def names_in(prompt: str) -> list[str]:
    """The concepts that a prompt names, each once, in order; PlaceholderError for brackets that can name none."""
    return [word[1:-1] for word in placeholders(prompt)]


def called(identifier: str, noun: str, name: re.Match[str]) -> str:
    """What is read in place of a concept's name: identifier and noun, the noun only if it does not follow anyway.

    Where a phrase begins, with no word of its own before the name, an article is put there, as there was one where the
    subject was learned ("a qxv toy"): without it a small model draws some other toy.
    """
    before, after = name.string[: name.start()], name.string[name.end() :]
    said = re.match(rf"\s+{re.escape(noun)}\b", after, re.IGNORECASE)
    article = "a " if identifier and noun and _OPENS.search(before) else ""
    return article + (identifier if said else f"{identifier} {noun}".strip())


def expand(prompt: str, concepts: Mapping[str, Concept], known: Collection[str] = ()) -> str:
    """The prompt as the model reads it: `<rob> on the beach` becomes `a olis toy on the beach`.

    concepts: by name. A concept with an identifier becomes identifier and noun, the noun only if it does not follow
    anyway, and nothing if it has neither; one with a learned word keeps its placeholder, whose vectors encode_text
    takes. UnknownConceptError lists `known` and the concepts given.
    """

    def words(match: re.Match[str]) -> str:
        concept = concepts[match[1]]
        if concept.identifier is None:
            return concept.placeholder
        return called(concept.identifier, concept.noun, match)

    for name in names_in(prompt):
        if name not in concepts:
            raise UnknownConceptError(name, sorted({*known, *concepts}))
    return _MENTION.sub(words, prompt)
