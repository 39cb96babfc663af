"""Vectors under training: float32 parameters of their own, beside a model that stays frozen.

The authors' code trains the whole embedding table and copies all other rows back after each step, because weight decay
moves rows without a gradient. Here the rows are all there is: nothing to restore, and a state of a few kB. AdamW works
element by element, so the rows are the same to the bit (tests/textual_inversion).
"""

import warnings
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from likewise.diffusion.backbone import Backbone, Vectors, Words, word_table
from likewise.errors import LongWordWarning, StillWordWarning

STILL, LONG = 0.01, 3.0  # warn of rows that moved less than this share, or are longer than so many medians
STD_POWER = 0.1  # diffusers' advanced script: new rows times (spread of the table / their spread) ** 0.1


class Trained:
    """The rows of several words, for several seeds and text encoders."""

    def __init__(self, backbone: Backbone, starts: Sequence[Mapping[str, Vectors]]) -> None:
        """starts: for each seed, placeholder -> where its rows start, one (K, D) tensor or one a text encoder."""
        self.seeds = len(starts)
        self.named: dict[str, nn.Parameter] = {}
        for seed, words in enumerate(starts):
            for placeholder, given in words.items():
                for encoder, rows in enumerate(as_tuple(given)):
                    fresh = rows.detach().to(backbone.device, torch.float32, copy=True)
                    self.named[row_name(seed, placeholder, encoder)] = nn.Parameter(fresh)
        self._before = {name: rows.detach().clone() for name, rows in self.named.items()}
        tables = [word_table(encoder).weight.detach().float() for encoder in backbone.text_encoders]
        self._lengths = [table.norm(dim=1).median() for table in tables]
        self._spreads = [table.std() for table in tables]
        self._warned = False

    def words(self, seed: int) -> Words:
        """One seed's rows by placeholder, through which gradients flow."""
        return _words(self.named, seed)

    def own(self, seed: int) -> list[nn.Parameter]:
        """One seed's parameters."""
        return [rows for name, rows in self.named.items() if name.startswith(f"{seed}/")]

    @torch.no_grad()
    def rescale(self, norm: str) -> None:
        """What the setting `norm` does after each step."""
        for name, rows in self.named.items():
            encoder = int(name.rpartition("/")[2])
            if norm == "median":
                rows *= self._lengths[encoder] / rows.norm(dim=1, keepdim=True)
            elif norm == "std":
                rows *= (self._spreads[encoder] / rows.std()) ** STD_POWER

    def measured(self, last: bool) -> dict[str, float]:
        """{"moved", "length"} after a step. Warns of a length beyond LONG once, of STILL rows at the `last`."""
        found = {"moved": self.moved(), "length": self.length()}
        if last and found["moved"] < STILL:
            warnings.warn(StillWordWarning(found["moved"]), stacklevel=3)
        if found["length"] > LONG and not self._warned:
            self._warned = True
            warnings.warn(LongWordWarning(found["length"]), stacklevel=3)
        return found

    @torch.no_grad()
    def moved(self) -> float:
        """|v - v0| / |v0| of the row that moved least."""
        shares = [
            (rows - self._before[name]).norm(dim=1) / self._before[name].norm(dim=1)
            for name, rows in self.named.items()
        ]
        return torch.cat([share.cpu() for share in shares]).min().item()

    @torch.no_grad()
    def length(self) -> float:
        """|v| / the median length of the model's own rows, of the longest row."""
        shares = [rows.norm(dim=1) / self._lengths[int(name.rpartition("/")[2])] for name, rows in self.named.items()]
        return torch.cat([share.cpu() for share in shares]).max().item()


def vectors(learned: Mapping[str, Tensor], seed: int = 0) -> Words:
    """The words of one seed, from 0, in `likewise.tuning.memory.weights` of a state: placeholder -> rows."""
    return _words({name: rows for name, rows in learned.items() if name.count("/") == 2}, seed)


def row_name(seed: int, placeholder: str, encoder: int) -> str:
    """What the rows of a word, for a seed (its place) and a text encoder, are called in states."""
    return f"{seed}/{placeholder}/{encoder}"


def _words(named: Mapping[str, Tensor], wanted: int) -> dict[str, Vectors]:
    rows: dict[str, dict[int, Tensor]] = {}
    for name, tensor in named.items():
        seed, placeholder, encoder = name.split("/")
        if int(seed) == wanted:
            rows.setdefault(placeholder, {})[int(encoder)] = tensor
    ordered = {word: tuple(parts[place] for place in sorted(parts)) for word, parts in rows.items()}
    return {word: parts[0] if len(parts) == 1 else parts for word, parts in ordered.items()}


def as_tuple(given: Vectors) -> tuple[Tensor, ...]:
    """One tensor a text encoder."""
    return (given,) if isinstance(given, Tensor) else tuple(given)
