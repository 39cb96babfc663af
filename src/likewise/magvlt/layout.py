"""Where everything stands in a sequence: two orders of picture and text, told apart by the order alone.

t2i is BOC BOT text BOG BOI image; i2t and it2it are BOC BOI image BOG BOT text. The slot of BOG names the half that is
meant when two pairs are mixed. As the authors' code has it (the paper's body was not at hand).
"""

from dataclasses import dataclass
from enum import IntEnum

import torch
from torch import Tensor

from likewise.magvlt.config import Shape, Task


class Special(IntEnum):
    """Rows of the table of special tokens."""

    BOI, BOT, BOC, BOG, MASK_IMAGE, MASK_TEXT, LEFT, RIGHT, TOP, BOTTOM = range(10)


@dataclass(frozen=True)
class Pair:
    """A batch of pictures and texts as tokens, and what of them is hidden.

    image (B, I) codes; text (B, T) ids, of which the first `length` (B,) count, the end mark included; T may be any
    width that holds the longest. image_hidden and text_hidden are masks of the same shapes. half (B,) is the special
    token in BOG's place.
    """

    image: Tensor
    text: Tensor
    length: Tensor
    image_hidden: Tensor
    text_hidden: Tensor
    half: Tensor

    def __len__(self) -> int:
        return len(self.image)

    def __getitem__(self, rows: Tensor) -> "Pair":
        """The chosen rows."""
        return Pair(*(part[rows] for part in vars(self).values()))

    def to(self, device: torch.device | str) -> "Pair":
        """The same on a device."""
        return Pair(*(part.to(device) for part in vars(self).values()))

    @property
    def written(self) -> Tensor:
        """(B, T) where text counts: before its padding."""
        return torch.arange(self.text.shape[1], device=self.text.device) < self.length[:, None]

    def trimmed(self) -> "Pair":
        """Without the text columns that are padding in every row."""
        longest = int(self.length.max())
        return self.with_(text=self.text[:, :longest], text_hidden=self.text_hidden[:, :longest])

    def with_(self, **changes: Tensor) -> "Pair":
        """The same but for some parts."""
        return Pair(**{**vars(self), **changes})


def pair(image: Tensor, text: Tensor, length: Tensor) -> Pair:
    """Tokens with nothing hidden."""
    hidden = (torch.zeros_like(image, dtype=torch.bool), torch.zeros_like(text, dtype=torch.bool))
    return Pair(image, text, length, *hidden, torch.full_like(length, int(Special.BOG)))


@dataclass(frozen=True)
class Places:
    """Where the segments stand in a sequence of `total` slots, for a text of some width."""

    image: slice
    text: slice
    bot: int
    total: int


def places(task: Task, shape: Shape, width: int) -> Places:
    """The places of a task for `width` text slots."""
    slots = shape.image_slots
    total = slots + width + 4
    if task == "t2i":
        return Places(slice(total - slots, total), slice(2, 2 + width), 1, total)
    return Places(slice(2, 2 + slots), slice(total - width, total), 3 + slots, total)


def attention(task: Task, shape: Shape, pair: Pair) -> Tensor | None:
    """Who may see whom, for attention: (B or 1, 1, L or 1, L) of booleans, or None where all see all.

    Padding is seen by nobody. What padding itself computes is ignored everywhere, so its rows are left as they are:
    removing them, as the authors' code does, changes nothing that is read. BOT never sees text, from which a length
    could be counted; with a closed prefix nothing before the text does.
    """
    width = pair.text.shape[1]
    at = places(task, shape, width)
    padded = None
    if int(pair.length.min()) < width:
        padded = torch.ones(len(pair), 1, 1, at.total, dtype=torch.bool, device=pair.text.device)
        padded[:, 0, 0, at.text] = pair.written
    if task == "t2i" or not width:
        return padded
    rows = torch.ones(1, 1, at.total, at.total, dtype=torch.bool, device=pair.text.device)
    blind = slice(0, at.text.start) if shape.prefix_mode == "closed" and task == "i2t" else at.bot
    rows[..., blind, at.text] = False
    return rows if padded is None else rows & padded
