"""A rare token that stands for one subject: "a zwx dog" (DreamBooth, arXiv:2208.12242, section 3.2; CLIP's vocabulary).

The paper draws tokens of at most three letters from T5's rare ids 5000-10000. Byte-pair vocabularies in CLIP's layout
number their merges from frequent to rare, so the part between 40 % and 95 % of the merges is drawn from: ids of about
20,000 to 47,000 in CLIP's 49,408. Ordinary words carry a strong prior, and random letters split into single ones, which
do too; "sks", which many examples use, is a rifle.
"""

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from likewise.errors import IdentifierError
from likewise.seeds import numpy_stream
from likewise.words.known import KNOWN
from likewise.words.tokenizer import Tokenizer, ids_of

RAREST = (0.40, 0.95)  # shares of the merges; beyond, tokens are so rare that some were hardly trained
COMPARED = 16  # candidates that `encode` looks at; one call of the text encoder
_SHORT = re.compile(r"([a-z]{2,3})</w>")


@dataclass(frozen=True)
class Identifier:
    """token: the letters. ids: its one id in each tokenizer. score: cosine to the prompt without it, or None."""

    token: str
    ids: tuple[int, ...]
    score: float | None = None


def find_identifier(
    tokenizers: Sequence[Tokenizer],
    seed: int,
    noun: str,
    *,
    taken: Collection[str] = (),
    encode: Callable[[list[str]], Sequence] | None = None,
) -> Identifier:
    """Draw a rare token of two or three letters that reads as itself, alone and in "a V noun", in every tokenizer.

    taken: identifiers in use, and any other words to avoid. encode: prompts to rows (N, D) of the text encoder; of 16
    candidates the one is chosen that changes "a noun" least. The same arguments give the same token. IdentifierError
    when none is left.
    """
    assert tokenizers, "a tokenizer is needed to know what is rare"
    shared = sorted(set.intersection(*(set(rare_tokens(tokenizer)) for tokenizer in tokenizers)))
    order = numpy_stream(seed, "identifier").permutation(len(shared))
    refused = KNOWN | {word.lower() for word in taken} | set(noun.lower().split())
    drawn = (shared[index] for index in order if shared[index] not in refused)
    fitting = list(islice(_fitting(drawn, tokenizers, noun), 1 if encode is None else COMPARED))
    if not fitting:
        raise IdentifierError(noun, len(shared), sum(token in refused for token in shared))
    if encode is None:
        return fitting[0]
    scores = _cosines(encode, noun, [one.token for one in fitting])
    best = int(np.argmax(scores))
    return Identifier(fitting[best].token, fitting[best].ids, float(scores[best]))


def rare_tokens(tokenizer: Tokenizer) -> list[str]:
    """Words of two or three letters that are one token, from the rare part of the merges."""
    vocabulary = tokenizer.get_vocab()
    special = {*tokenizer.all_special_tokens, *tokenizer.get_added_vocab()}
    ranked = sorted(
        (token for token in vocabulary if len(token.removesuffix("</w>")) > 1 and token not in special),
        key=vocabulary.__getitem__,
    )  # the merges by rank: single letters, with which CLIP's layout begins, are none
    first, last = (round(share * len(ranked)) for share in RAREST)
    return [match[1] for token in ranked[first:last] if (match := _SHORT.fullmatch(token))]


def _fitting(tokens: Iterator[str], tokenizers: Sequence[Tokenizer], noun: str) -> Iterator[Identifier]:
    """Those that survive writing and reading: as one token alone, back to the same letters, and between words."""
    around = [(ids_of(tokenizer, "a"), ids_of(tokenizer, noun)) for tokenizer in tokenizers]
    for token in tokens:
        ids = [ids_of(tokenizer, token) for tokenizer in tokenizers]
        if all(
            len(one) == 1
            and tokenizer.decode(one).strip() == token
            and ids_of(tokenizer, f"a {token} {noun}") == [*before, *one, *after]
            for tokenizer, one, (before, after) in zip(tokenizers, ids, around, strict=True)
        ):
            yield Identifier(token, tuple(one[0] for one in ids))


def _cosines(encode: Callable[[list[str]], Sequence], noun: str, tokens: list[str]) -> np.ndarray:
    """How near "a V noun" stays to "a noun", for each token: 1 is no change."""
    rows = np.asarray(encode([f"a {noun}", *(f"a {token} {noun}" for token in tokens)]), dtype=np.float64)
    assert rows.ndim == 2 and len(rows) == len(tokens) + 1, f"one row a prompt is needed, got {rows.shape}"
    unit = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    return unit[1:] @ unit[0]
