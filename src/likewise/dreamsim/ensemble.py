"""Several branches, one row: features side by side, an optional head, centred and of unit length.

DreamSim (Fu et al., arXiv:2306.09344), section 4: the distance of two pictures is 1 - cosine of their rows. The
released code centres each row before it normalises, which makes the cosine Pearson's correlation; its training does
not centre.
"""

from collections.abc import Sequence
from typing import cast

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from likewise.dreamsim.branches import Branch, centred
from likewise.dreamsim.heads import Head
from likewise.dreamsim.inputs import resized


class Ensemble(nn.Module):
    """Pictures to rows; all a metric computes, differentiable."""

    def __init__(
        self, branches: Sequence[Branch], head: Head | None = None, *, balanced: bool = False, centre: bool = True
    ) -> None:
        """balanced: bring each branch's features, centred, to its weight in length before they are joined; the paper
        joins them as they are.

        centre: subtract each row's own mean. A branch of tokens ("cls_patch") stands alone.
        """
        super().__init__()
        self.branches = cast(Sequence[Branch], nn.ModuleList(branches))  # seen as what it holds
        self.head = head
        self.balanced, self.centre = balanced, centre
        self.patches = any(branch.feature == "cls_patch" for branch in branches)
        assert not (self.patches and len(branches) > 1), "a patch metric has one branch"

    @property
    def pixels(self) -> int:
        """The side at which pictures are read; a branch that reads smaller ones reduces them itself."""
        return max(branch.pixels for branch in self.branches)

    @property
    def width(self) -> int:
        """Numbers a row."""
        return sum(branch.width for branch in self.branches) * (2 if self.patches else 1)

    def features(self, images: Float[Tensor, "batch 3 height width"]) -> Tensor:
        """Pictures in [0, 1], `pixels` a side, to features before the head: (B, D), or (B, 1 + patches, D)."""
        return self.joined([branch(resized(images, branch.pixels)) for branch in self.branches])

    def joined(self, parts: Sequence[Tensor]) -> Tensor:
        """The branches' features as one row."""
        if self.balanced:  # times the root of their number, which brings features to about 1, as a head expects
            lengths = [branch.weight for branch in self.branches]
            scale = (sum(part.shape[-1] for part in parts) / sum(length**2 for length in lengths)) ** 0.5
            parts = [centred(part) * (scale * length) for part, length in zip(parts, lengths, strict=True)]
        return parts[0] if len(parts) == 1 else torch.cat(list(parts), dim=-1)

    def raw(self, features: Tensor) -> Tensor:
        """Features through the head, neither centred nor normalised."""
        return features if self.head is None else self.head(features)

    def tokens(self, features: Tensor) -> Tensor:
        """Features to what the published `embed` gives: each row, or each token, centred and of unit length."""
        found = self.raw(features)
        return centred(found) if self.centre else F.normalize(found, dim=-1)

    def rows(self, features: Tensor) -> Float[Tensor, "batch width"]:
        """Features to unit rows, whose product is the cosine."""
        if not self.patches:
            return self.tokens(features)
        found = self.tokens(features) if self.centre else self.raw(features)
        return F.normalize(torch.cat([found[:, 0], found[:, 1:].mean(1)], dim=-1), dim=-1)

    def forward(self, images: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch width"]:
        """Pictures in [0, 1], `pixels` a side, to unit rows."""
        return self.rows(self.features(images))


def apart(first: Float[Tensor, "batch width"], second: Float[Tensor, "batch width"]) -> Float[Tensor, " batch"]:
    """1 - cosine of unit rows, (B,) in [0, 2]; the same in either order, to the bit."""
    return 1 - (first * second).sum(-1)
