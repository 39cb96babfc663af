"""A prompt as token ids, with gaps where learned word vectors go.

The text between placeholders is tokenised on its own, which is what adding each placeholder to the tokenizer does.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from torch import Tensor
from transformers import PreTrainedTokenizerBase

from likewise.errors import UnknownConceptError
from likewise.words.lengths import check_length
from likewise.words.marks import placeholders
from likewise.words.tokenizer import Tokenizer, ids_of


@dataclass(frozen=True)
class Tokens:
    """ids: text_length token ids, ends and padding included; gaps: position, placeholder, row of its vectors."""

    ids: list[int]
    gaps: list[tuple[int, str, int]]


def tokenize(tokenizer: PreTrainedTokenizerBase, prompt: str, words: Mapping[str, Tensor], length: int) -> Tokens:
    """Token ids of one prompt, padded to `length`; every `<x>` takes as many places as words["<x>"] has rows.

    PromptTooLongError if it does not fit; UnknownConceptError for a placeholder that `words` lacks, PlaceholderError
    for brackets that cannot be one.
    """
    used, spelling = placeholders(prompt), cast(Tokenizer, tokenizer)
    for placeholder in used:
        if placeholder not in words:
            raise UnknownConceptError(placeholder.strip("<>"), [word.strip("<>") for word in words])
    ids: list[int] = []
    gaps: list[tuple[int, str, int]] = []
    for piece in _split(prompt, used):
        if piece in used:
            count = len(words[piece])
            gaps += [(1 + len(ids) + row, piece, row) for row in range(count)]
            ids += [_filler(tokenizer)] * count
        else:
            ids += ids_of(spelling, piece)
    if len(ids) > length - 2:
        check_length(spelling, prompt, length, {word: len(rows) for word, rows in words.items()})
    padded = [tokenizer.bos_token_id, *ids, tokenizer.eos_token_id]
    assert len(padded) <= length, "a prompt counted as too long was let through"
    return Tokens(padded + [tokenizer.pad_token_id] * (length - len(padded)), gaps)


def _split(prompt: str, used: list[str]) -> list[str]:
    """The prompt cut before and after each placeholder."""
    if not used:
        return [prompt]
    return [piece for piece in re.split(f"({'|'.join(map(re.escape, used))})", prompt) if piece.strip()]


def _filler(tokenizer: PreTrainedTokenizerBase) -> int:
    """An id to stand in a gap: its row is never read, but it must not pass for an end mark when pooling."""
    marks = (tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id)
    special = {cast(int, mark) for mark in marks}
    return next(i for i in range(len(special) + 1) if i not in special)
