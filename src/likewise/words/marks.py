"""Words in angle brackets: which may stand for a concept, and which a prompt uses."""

import re
from collections.abc import Collection, Iterable

from likewise.errors import PlaceholderError
from likewise.words.tokenizer import Tokenizer

LONGEST = 64  # characters of a name; it also names a folder
_PLACEHOLDER = re.compile(r"<[a-z0-9][a-z0-9_-]*>")
_ANY_BRACKETS = re.compile(r"<[^<>\s]+>")


def plainly(word: str) -> re.Pattern[str]:
    """Finds a plain word, in capitals or not: none within brackets, which would break another concept's name."""
    return re.compile(rf"\b{re.escape(word)}\b(?![^<>\s]*>)", re.IGNORECASE)


def check_placeholder(word: str, tokenizers: Iterable[Tokenizer] = (), taken: Collection[str] = ()) -> str:
    """The word itself when it may stand for a concept, such as "<cat-toy>"; else PlaceholderError says why not.

    Tokenizers lower-case what they read, so "<Cat>" would be another word than the one that was learned, and a bare
    "cat" would take over every cat and the start of "cathedral". taken: placeholders that are in use already.
    """
    if not _ANY_BRACKETS.fullmatch(word):
        raise PlaceholderError(word, "it does not stand in one pair of angle brackets", f"<{_tidy(word)}>")
    if word != word.lower():
        raise PlaceholderError(word, "tokenizers read capital letters as small ones", f"<{_tidy(word)}>")
    if not _PLACEHOLDER.fullmatch(word):
        found = "it holds other signs than letters a to z, digits, - and _, or starts with - or _"
        raise PlaceholderError(word, found, f"<{_tidy(word)}>")
    if len(word) > LONGEST + 2:
        raise PlaceholderError(word, f"it is longer than {LONGEST} letters", f"{word[:24]}>")
    if word in taken:
        raise PlaceholderError(word, "it stands for another concept already", f"{word[:-1]}-2>")
    for tokenizer in tokenizers:
        _refuse_collision(word, tokenizer)
    return word


def _refuse_collision(word: str, tokenizer: Tokenizer) -> None:
    """A word of n vectors becomes `<x>`, `<x>_1`, ... in diffusers; none of them may be a token already."""
    more = re.compile(rf"{re.escape(word)}(_\d+)?(</w>)?")
    found = next((token for token in sorted(tokenizer.get_vocab()) if more.fullmatch(token)), None)
    if found is not None:
        problem = f"the tokenizer has a token {found!r} already"
        raise PlaceholderError(word, problem, f"{word[:-1]}-2>")


def placeholders(prompt: str) -> list[str]:
    """The placeholders of a prompt in order of first use, each once.

    PlaceholderError for brackets that are none, such as "<Cat>" or another program's "<lora:cat:1>", which would
    otherwise be read as plain letters.
    """
    return [check_placeholder(word) for word in dict.fromkeys(_ANY_BRACKETS.findall(prompt))]


def _tidy(word: str) -> str:
    """The nearest name that is allowed."""
    return re.sub(r"[^a-z0-9_-]+", "-", word.lower()).strip("-_")[:LONGEST] or "my-thing"
