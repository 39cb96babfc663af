"""BPE-dropout (Provilkov et al., ACL 2020): words are cut into other pieces now and then, so that each is learned."""

import json
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np


class Pieces:
    """The merges of a tokenizer of CLIP's kind, some of which can be left out at random."""

    def __init__(self, tokenizer: Any) -> None:
        table = json.loads(tokenizer.backend_tokenizer.to_str())["model"]
        self.ids: dict[str, int] = table["vocab"]
        self.names = {number: name for name, number in self.ids.items()}
        self.end: str = table["end_of_word_suffix"]
        pairs = [tuple(one.split(" ")) if isinstance(one, str) else tuple(one) for one in table["merges"]]
        self.ranks: dict[tuple[str, ...], int] = {pair: rank for rank, pair in enumerate(pairs)}

    def recut(self, ids: Sequence[int], share: float, rng: np.random.Generator) -> list[int]:
        """The same words from other pieces: wherever two could be merged, they are not with the probability `share`."""
        words = "".join(self.names[number] for number in ids).split(self.end)
        return [self.ids[piece] for word in words if word for piece in self._cut(word, share, rng)]

    def _cut(self, word: str, share: float, rng: np.random.Generator) -> list[str]:
        pieces = [*word[:-1], word[-1] + self.end]
        while True:
            pairs = enumerate(pairwise(pieces))
            open_ = [(self.ranks[pair], at) for at, pair in pairs if pair in self.ranks and rng.random() >= share]
            if not open_:
                return pieces
            _, at = min(open_)
            pieces[at : at + 2] = [pieces[at] + pieces[at + 1]]
