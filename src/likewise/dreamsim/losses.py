"""What tuning lowers: a hinge on the winner of each triplet, or the cross-entropy of its votes."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor


def hinge(
    left: Float[Tensor, " batch"], right: Float[Tensor, " batch"], share: Float[Tensor, " batch"], margin: float = 0.05
) -> Float[Tensor, ""]:
    """mean max(0, margin - (d_left - d_right) y), y = 1 where the right one won, else -1 (arXiv:2306.09344, section 4).

    left, right: distances; share: of votes for the right. A tie counts as left, since the released code rounds a half
    to the even 0.
    """
    winner = 2 * share.round() - 1
    return F.relu(margin - (left - right) * winner).mean()


def votes(
    left: Tensor, right: Tensor, counts: Float[Tensor, "batch 2"], temperature: float = 0.05
) -> Float[Tensor, ""]:
    """-log P of the votes, P(right) = sigmoid((d_left - d_right) / temperature), mean over votes (Bradley-Terry)."""
    logits = (left - right) / temperature
    lost = counts[:, 0] * F.softplus(logits) + counts[:, 1] * F.softplus(-logits)
    return lost.sum() / counts.sum().clamp(min=1)


def distances(rows: Float[Tensor, "pictures width"], places: Tensor) -> tuple[Tensor, Tensor]:
    """d_left and d_right (B,) of questions (B, 3) over unit rows, each picture encoded once."""
    reference, left, right = (rows[place] for place in places.unbind(1))
    return 1 - (reference * left).sum(1), 1 - (reference * right).sum(1)


def numbered(places: Tensor) -> tuple[Tensor, Tensor]:
    """The pictures that a batch of questions (B, 3) needs, each once, and the questions over them."""
    needed, inside = torch.unique(places, return_inverse=True)
    return needed, inside
