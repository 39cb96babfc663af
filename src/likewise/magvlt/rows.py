"""Always the same number of rows a pass: kernels round otherwise when it changes.

A sample would then know its company: drawn alone, it would differ from the same drawn among eight.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from likewise.magvlt.layout import Pair

ROWS = 4  # as many as there are candidates of one picture, unless told otherwise: a fuller pass costs twice as much


def in_rows(shown: Pair, hidden: Tensor, read: Callable[[Pair], Tensor]) -> Tensor:
    """The answers of `read` for every hidden slot of a batch of any size, (slots, ...) float32 on the CPU.

    hidden (B, n) marks the slots that `read` answers for, row by row. It is called on ROWS pairs at a time, without
    the padding that they share; the last call is filled up with copies, whose answers are dropped.
    """
    parts = []
    for start in range(0, len(shown), ROWS):
        at = torch.arange(start, start + ROWS).clamp(max=len(shown) - 1)
        kept = int(hidden[start : start + ROWS].sum())
        parts.append(read(shown[at].trimmed())[:kept].float().cpu())
    return torch.cat(parts)


def every(count: int) -> Tensor:
    """A mask (count, 1) for `in_rows` where there is one answer a row."""
    return torch.ones(count, 1, dtype=torch.bool)
