"""Text as token ids: cleaned, closed by an end mark that is the padding too, and back to words."""

import re
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from likewise.errors import EmptyPromptError, PromptTooLongError, TemplateError
from likewise.words.tokenizer import ids_of

BLANK = "___"
SEPARATOR = "|"
TAKEN_APART = re.compile(r"\b([23]) d\b")  # tokenizers of CLIP's kind read "3d" and "3 d" alike; people write the first


def cleaned(text: str) -> str:
    """Lower-case, without leading punctuation; hyphens and slashes become spaces, as the authors' captions have it."""
    plain = text.lower().lstrip(",.!?*#:;~ ").replace("-", " ").replace("/", " ")
    return " ".join(plain.replace("< person >", "person").replace("<person>", "person").split())


class TextTokens:
    """A tokenizer of CLIP's kind, and how many slots a text has."""

    def __init__(self, tokenizer: Any, length: int) -> None:
        """tokenizer: see words.tokenizer; its end mark pads too. length: slots, the end mark included."""
        self.tokenizer, self.length = tokenizer, length
        self.end = int(tokenizer.eos_token_id)
        vocabulary = tokenizer.get_vocab()
        self.count = max(vocabulary.values()) + 1
        self.marks = (int(vocabulary.get(SEPARATOR, -1)), self.end)

    def ids(self, text: str) -> list[int]:
        """The ids of a text, without an end mark."""
        return ids_of(self.tokenizer, cleaned(text))

    def encode(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Ids (B, length) padded with the end mark, and lengths (B,) that count one end mark.

        EmptyPromptError for a text without words, PromptTooLongError for one that does not fit.
        """
        rows = [self._checked(text) for text in texts]
        padded = [row + [self.end] * (self.length - len(row)) for row in rows]
        return torch.tensor(padded), torch.tensor([len(row) + 1 for row in rows])

    def _checked(self, text: str) -> list[int]:
        ids, room = self.ids(text), self.length - 1
        if not ids:
            raise EmptyPromptError
        if len(ids) > room:
            lost = self.tokenizer.decode(ids[room:]).strip()
            raise PromptTooLongError(text, len(ids), room, lost)
        return ids

    def decode(self, ids: Sequence[int]) -> str:
        """The words before the first end mark."""
        kept = list(ids)[: list(ids).index(self.end)] if self.end in ids else list(ids)
        return TAKEN_APART.sub(r"\1d", " ".join(self.tokenizer.decode(kept).split()))

    def template(self, text: str) -> tuple[Tensor, Tensor, Tensor]:
        """A text with blanks (___, one token each): ids (1, length), length (1,), and where the blanks are (1, length).

        Blanks hold the end mark. TemplateError without any, PromptTooLongError if it does not fit.
        """
        pieces = re.split(f"({BLANK}+)", text)
        if len(pieces) == 1:
            raise TemplateError(f"{text!r} has no blank" if text.strip() else "it is empty")
        ids: list[int | None] = []
        for piece in pieces:
            ids += [None] if piece.startswith(BLANK) else self.ids(piece) if piece.strip() else []
        if len(ids) > self.length - 1:
            raise PromptTooLongError(text, len(ids), self.length - 1, text.split()[-1])
        blank = torch.tensor([one is None for one in ids] + [False] * (self.length - len(ids)))
        row = torch.tensor([self.end if one is None else one for one in ids] + [self.end] * (self.length - len(ids)))
        return row[None], torch.tensor([len(ids) + 1]), blank[None]


def spelled(tokens: TextTokens, text: str) -> list[str]:
    """Words of a text that are more than one token: a small vocabulary knows whole words, and these it does not.

    Digits, which the tokenizer takes apart from letters in any case, do not count: "3d" is two tokens and well known.
    """
    words = dict.fromkeys(re.findall(r"[^\W_]+", cleaned(text)))
    return [word for word in words if any(len(tokens.ids(part)) > 1 for part in re.findall(r"[^\W\d]+", word))]
