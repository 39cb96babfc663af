"""Pairs to learn from, tokenised once: a picture is a few dozen codes, a caption a few ids."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from likewise import checkpoint
from likewise.errors import BrokenFileError, TokenFileError
from likewise.magvlt.config import Shape
from likewise.magvlt.layout import Pair, pair
from likewise.magvlt.mixsel import Joined
from likewise.magvlt.pieces import Pieces


@dataclass(frozen=True)
class Pairs:
    """N tokenised pairs, and how two pictures are joined for MixSel, if they can be.

    image (N, I) codes and text (N, T) ids, padded with the end mark; length (N,) tokens, the end mark included. marks:
    ids of the separator (or -1 if the tokenizer has none) and of the end mark. joined needs the pictures themselves, as
    codes must not be cut in halves: (rows, rows, upright) -> codes (B, I). pieces: the tokenizer's, for BPE-dropout.
    """

    image: Tensor
    text: Tensor
    length: Tensor
    marks: tuple[int, int]
    joined: Joined | None = None
    pieces: Pieces | None = None

    def __len__(self) -> int:
        return len(self.image)

    def batch(self, rows: Tensor) -> Pair:
        """The pairs of these rows, nothing hidden."""
        return pair(self.image[rows].long(), self.text[rows].long(), self.length[rows].long())

    def emptied(self, shown: Pair, rows: Tensor) -> Pair:
        """The pair with the text of these rows (B, booleans) replaced by the end mark alone."""
        text = shown.text.masked_fill(rows[:, None], self.marks[1])
        return shown.with_(text=text, length=torch.where(rows, 1, shown.length))

    def recut(self, shown: Pair, share: float, rng: np.random.Generator) -> Pair:
        """The pair with words cut into other pieces, see Pieces; a text that would no longer fit stays as it is."""
        assert self.pieces is not None, "learn has refused this"
        end, slots, rows = self.marks[1], shown.text.shape[1], []
        for ids, length in zip(shown.text.tolist(), shown.length.tolist(), strict=True):
            cut = self.pieces.recut(ids[: length - 1], share, rng)
            rows.append(cut if len(cut) < slots else ids[: length - 1])
        text = torch.tensor([row + [end] * (slots - len(row)) for row in rows])
        return shown.with_(text=text, length=torch.tensor([len(row) + 1 for row in rows]))

    @property
    def hash(self) -> str:
        """Of the tokens: training on others is another training."""
        return checkpoint.hash_tensors({"image": self.image, "text": self.text, "length": self.length})

    @property
    def lengths(self) -> Tensor:
        """How often each length occurs, (T,): entry n - 1 for n tokens."""
        return torch.bincount(self.length.long() - 1, minlength=self.text.shape[1])


def pack(
    image: Tensor, captions: list[list[int]], marks: tuple[int, int], shape: Shape, joined: Joined | None = None
) -> Pairs:
    """Pairs from codes (N, I) and captions as ids without end marks, each cut so that the end mark has room."""
    kept = [ids[: shape.text_length - 1] for ids in captions]
    rows = [[*ids, marks[1]] + [marks[1]] * (shape.text_length - 1 - len(ids)) for ids in kept]
    text = torch.tensor(rows, dtype=torch.int32).reshape(len(rows), shape.text_length)
    length = torch.tensor([len(ids) + 1 for ids in kept], dtype=torch.int32)
    return Pairs(image.to(torch.int32), text, length, marks, joined)


def write(path: Path, pairs: Pairs, made_by: str) -> None:
    """Keep the tokens in one safetensors file. made_by: a hash of what made them."""
    tensors = {"image": pairs.image, "text": pairs.text, "length": pairs.length}
    marks = {"separator": str(pairs.marks[0]), "end": str(pairs.marks[1])}
    checkpoint.write_tensors(path, tensors, {"made_by": made_by, **marks})


def read(path: Path, shape: Shape, made_by: str | None = None, joined: Joined | None = None) -> Pairs:
    """Tokens that `write` kept. TokenFileError if they are of others or out of its range."""
    tensors, about = checkpoint.read_tensors(path)
    if not {"image", "text", "length"} <= tensors.keys() or not {"made_by", "separator", "end"} <= about.keys():
        raise BrokenFileError(path, "it holds no tokenised pairs")
    if made_by is not None and about["made_by"] != made_by:
        raise TokenFileError(
            path,
            "its tokens were made of other photos or captions, or by other tokenizers",
            "Go back to those, or learn into a new folder.",
        )
    image, text, length = (tensors[name] for name in ("image", "text", "length"))
    fits = image.shape == (len(length), shape.image_slots) and text.shape == (len(length), shape.text_length)
    checks: list[tuple[bool, Callable[[], str]]] = [
        (fits, lambda: f"it holds {tuple(image.shape)} and {tuple(text.shape)} tokens"),
        (fits and _within(image, shape.image_codes), lambda: "an image code is not in the codebook"),
        (fits and _within(text, shape.text_codes), lambda: "a text id is not in the vocabulary"),
        (fits and _within(length - 1, shape.text_length), lambda: "a length is out of range"),
    ]
    for good, problem in checks:
        if not good:
            raise TokenFileError(path, problem())
    return Pairs(image, text, length, (int(about["separator"]), int(about["end"])), joined)


def _within(values: Tensor, count: int) -> bool:
    return not values.numel() or (int(values.min()) >= 0 and int(values.max()) < count)
