"""Whether the model has a word for the kind of thing that is taught, and which words it has instead."""

import re
import warnings
from collections.abc import Collection
from difflib import get_close_matches

from likewise.errors import NounError, NounSplitWarning
from likewise.words.tokenizer import Tokenizer, ids_of

MOST_PIECES = 4  # of one word; "axolotl" takes four in CLIP's vocabulary
FEWEST_LETTERS = 1.7  # a piece, on average: "ax + o + lot + l" has 1.75, "q + wr + tz + p" 1.5
BROAD = "toy animal dog cat bird person doll bag bottle cup bowl vase clock shoe car building plant food thing object"
_WORD = re.compile(r"[^\W\d_]+(?:[-'][^\W\d_]+)*")


def check_noun(
    tokenizer: Tokenizer,
    noun: str,
    *,
    pieces: int = MOST_PIECES,
    known: Collection[str] | None = None,
) -> str:
    """The noun in small letters, when the tokenizer reads it as words.

    A word of several known pieces ("wom" + "bat") is used with a NounSplitWarning; one that falls into letters, or into
    more than `pieces`, is a NounError that shows the split and near words. known: the words that the model was trained
    with, where that is known; any other is a NounError too.
    """
    words = noun.lower().split()
    _refuse_what_is_no_noun(noun, words)
    for word in words:
        if known is not None and word not in known:
            problem = "is no word that this model was trained with" if word == noun.lower() else f"has {word!r} in it"
            problem += "" if word == noun.lower() else ", which this model was not trained with"
            raise NounError(noun, problem, near(word, known))
        split = _split(tokenizer, word)
        if len(split) == 1:
            continue
        shown, near_words = " + ".join(split), near(word, _whole_words(tokenizer))
        if len(split) > pieces or len(word) < FEWEST_LETTERS * len(split):
            raise NounError(noun, f"is no word of this model's tokenizer, which reads {shown}", near_words)
        warnings.warn(NounSplitWarning(noun, shown, near_words), stacklevel=2)
    return " ".join(words)


def near(word: str, words: Collection[str], count: int = 6) -> list[str]:
    """Words spelled like this one, then broad nouns, all of them among `words`."""
    plausible = sorted(one for one in words if one[:1] == word[:1])  # all 35,000 of CLIP's would take seconds
    alike = get_close_matches(word, plausible, n=3, cutoff=0.7)
    broad = [one for one in BROAD.split() if one in words and one not in alike]
    return [*alike, *broad][:count]


def _refuse_what_is_no_noun(noun: str, words: list[str]) -> None:
    if not words:
        raise NounError(noun, "is empty")
    if words[0] in ("a", "an", "the", "my") and len(words) > 1:
        raise NounError(noun, f"starts with {words[0]!r}, which prompts add by themselves", [" ".join(words[1:])])
    odd = [word for word in words if not _WORD.fullmatch(word)]
    if odd:
        raise NounError(noun, f"holds {odd[0]!r}, which is no plain word")
    if len(words) > 4:
        raise NounError(noun, f"is a description of {len(words)} words, where the name of a kind is needed")


def _split(tokenizer: Tokenizer, word: str) -> list[str]:
    """The letters of each token."""
    return [tokenizer.decode([one]).strip() for one in ids_of(tokenizer, word)]


def _whole_words(tokenizer: Tokenizer) -> set[str]:
    """What the tokenizer reads as one token: words of four letters or more, and the broad nouns, but no syllables."""
    whole = {token.removesuffix("</w>") for token in tokenizer.get_vocab() if token.endswith("</w>")}
    return {word for word in whole if len(word) > 3 and word.isascii() and word.isalpha()} | (whole & {*BROAD.split()})
