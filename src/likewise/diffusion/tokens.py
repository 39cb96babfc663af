"""A prompt as token ids, with gaps where learned word vectors go.

The text between placeholders is tokenised on its own, which is what adding each placeholder to the tokenizer does.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor
from transformers import PreTrainedTokenizerBase

from likewise.errors import PromptTooLongError, UnknownConceptError

PLACEHOLDER = re.compile(r"<([A-Za-z0-9][A-Za-z0-9_-]*)>")


@dataclass(frozen=True)
class Tokens:
    """ids: text_length token ids, ends and padding included; gaps: (position, row) into a placeholder's vectors."""

    ids: list[int]
    gaps: list[tuple[int, str, int]]  # position, placeholder, row of its (K, D) vectors


def tokenize(tokenizer: PreTrainedTokenizerBase, prompt: str, words: Mapping[str, Tensor], length: int) -> Tokens:
    """Token ids of one prompt, padded to `length`; every `<x>` takes as many places as words[`<x>`] has rows.

    PromptTooLongError if it does not fit; UnknownConceptError for a placeholder that `words` lacks.
    """
    ids: list[int] = []
    gaps: list[tuple[int, str, int]] = []
    pieces: list[str] = []  # the text of each token, to name what would be lost
    filler = _filler(tokenizer)
    for text, placeholder in split(prompt):
        if placeholder is not None:
            if placeholder not in words:
                raise UnknownConceptError(placeholder.strip("<>"), [word.strip("<>") for word in words])
            count = len(words[placeholder])
            gaps += [(1 + len(ids) + row, placeholder, row) for row in range(count)]
            ids += [filler] * count
            pieces += [placeholder] + [""] * (count - 1)
        elif text.strip():
            new = tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
            ids += new
            pieces += [tokenizer.decode([one]) + " " * _ends_word(tokenizer, one) for one in new]
    if len(ids) > length - 2:
        lost = "".join(pieces[length - 2 :]).strip()
        raise PromptTooLongError(prompt, len(ids), length - 2, lost)
    padded = [tokenizer.bos_token_id, *ids, tokenizer.eos_token_id]
    return Tokens(padded + [tokenizer.pad_token_id] * (length - len(padded)), gaps)


def split(prompt: str) -> list[tuple[str, str | None]]:
    """The prompt as (text, None) and ("", "<placeholder>") pieces in order; placeholders come out in lower case."""
    pieces: list[tuple[str, str | None]] = []
    end = 0
    for match in PLACEHOLDER.finditer(prompt):
        pieces += [(prompt[end : match.start()], None), ("", match[0].lower())]
        end = match.end()
    return [*pieces, (prompt[end:], None)]


def _filler(tokenizer: PreTrainedTokenizerBase) -> int:
    """An id to stand in a gap: its row is never read, but it must not pass for an end mark when pooling."""
    special = {tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id}
    return next(i for i in range(len(special) + 1) if i not in special)


def _ends_word(tokenizer: PreTrainedTokenizerBase, token: int) -> bool:
    return str(tokenizer.convert_ids_to_tokens(token)).endswith("</w>")
