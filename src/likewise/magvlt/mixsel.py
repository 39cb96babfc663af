"""MixSel: two pairs in one sequence, and a token that says which of them is meant.

Pictures are squashed to half their size and joined side by side or one above the other; captions are joined with a
separator. To caption a mixture, the chosen half's caption is the target; to draw from two captions, the chosen one's
whole picture is; to fill in both, only the chosen half is hidden.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from likewise.magvlt.config import Config, Shape, Task
from likewise.magvlt.layout import Pair, Special, pair
from likewise.magvlt.masking import hide

Joined = Callable[[Tensor, Tensor, bool], Tensor]  # rows of first and second, upright -> codes (B, I)


@dataclass(frozen=True)
class Choice:
    """How a batch is mixed: each pair's partner is its neighbour, rolled by one."""

    second: Tensor  # (B,) chosen: the second of the two, not the first
    upright: bool  # one above the other, not side by side


def choose(count: int, task: Task, rng: torch.Generator) -> Choice:
    """Fair coins: one a pair for the half, one a batch for the orientation. Text has no top and bottom."""
    second = torch.rand(count, generator=rng) < 0.5
    return Choice(second, bool(torch.rand((), generator=rng) < 0.5) and task != "t2i")


def join(first: Float[Tensor, "b 3 h w"], second: Float[Tensor, "b 3 h w"], upright: bool) -> Float[Tensor, "b 3 h w"]:
    """Two batches of pictures in one, each squashed to half: first on the left or on top."""
    height, width = first.shape[-2:]
    size = (height // 2, width) if upright else (height, width // 2)
    squashed = [F.interpolate(part, size, mode="area") for part in (first, second)]
    return torch.cat(squashed, dim=2 if upright else 3)


def joined_text(text: Tensor, length: Tensor, separator: int, end: int, shape: Shape) -> tuple[Tensor, Tensor, Tensor]:
    """Each caption and its neighbour's: ids (B, T), length (B,), and where the second begins (B,).

    Each is cut to the budget, its end mark left out; then the separator between them and one end mark.
    """
    budget, rows = shape.caption_budget, []
    bare = [row[: n - 1][:budget] for row, n in zip(text.tolist(), length.tolist(), strict=True)]
    for one, other in zip(bare, [*bare[1:], *bare[:1]], strict=True):
        rows.append([*one, separator, *other, end])
    starts = torch.tensor([len(one) + 1 for one in bare])
    lengths = torch.tensor([len(row) for row in rows])
    padded = torch.tensor([row + [end] * (shape.text_length - len(row)) for row in rows])
    return padded, lengths, starts


def half_token(choice: Choice) -> Tensor:
    """(B,) the special token in BOG's place."""
    first, second = (Special.TOP, Special.BOTTOM) if choice.upright else (Special.LEFT, Special.RIGHT)
    return torch.where(choice.second, int(second), int(first))


def half_slots(choice: Choice, shape: Shape) -> Tensor:
    """(B, I) the image slots of the chosen half; an odd side gives its middle to the second."""
    side = shape.image_side
    later = torch.arange(side) >= side // 2
    grid = later[:, None].expand(side, side) if choice.upright else later.expand(side, side)
    return grid.reshape(1, -1) == choice.second[:, None]


def half_words(choice: Choice, length: Tensor, starts: Tensor, columns: int) -> Tensor:
    """(B, T) the text slots of the chosen caption; the end mark belongs to the second, the separator to neither."""
    at = torch.arange(columns)
    first, second = at < (starts - 1)[:, None], (at >= starts[:, None]) & (at < length[:, None])
    return torch.where(choice.second[:, None], second, first)


def mix(
    task: Task, plain: Pair, rows: Tensor, joined: Joined, marks: tuple[int, int], shape: Shape, config: Config,
    rng: torch.Generator,
) -> Pair:  # fmt: skip
    """The mixed batch, already hidden as the task asks. marks: ids of the separator and of the end mark."""
    choice = choose(len(plain), task, rng)
    image, text, length = plain.image, plain.text, plain.length
    if task != "t2i":
        image = joined(rows, rows.roll(-1), choice.upright)
    else:
        image = torch.where(choice.second[:, None], image.roll(-1, 0), image)
    starts = None
    if task == "i2t":
        text = torch.where(choice.second[:, None], text.roll(-1, 0), text)
        length = torch.where(choice.second, length.roll(-1), length)
    else:
        text, length, starts = joined_text(text, length, *marks, shape)
    token = half_token(choice) if config.mixsel_token or task == "t2i" else torch.full_like(length, int(Special.BOG))
    mixed = pair(image, text, length).with_(half=token)
    if task != "it2it":
        return hide(task, mixed, config, rng)
    assert starts is not None
    words = half_words(choice, length, starts, text.shape[1])
    return hide(task, mixed, config, rng, within=mixed.with_(image_hidden=half_slots(choice, shape), text_hidden=words))
