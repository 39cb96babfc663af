"""Which pairs a teacher changes: the rules applied to one batch of clean photos, pair by pair."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from likewise import seeds
from likewise.contrastive.photos import Photos
from likewise.contrastive.rules import CountMode, guide
from likewise.errors import SettingError, SmallBatchError

VIEWS = 2


@dataclass(frozen=True)
class Change:
    """One pair of photos that a rule changed; rows are those of the photos."""

    rule: str
    first: int
    second: int
    likeness: float  # the teacher's cosine

    def alike(self, classes: np.ndarray) -> bool:
        """Whether both are of one class."""
        return bool(classes[self.first] == classes[self.second])


def changes(
    photos: Photos,
    rows: np.ndarray,
    rules: Sequence[str] | Mapping[str, float],
    *,
    batch: int,
    seed: int = 0,
    mode: CountMode = "exact",
) -> list[Change]:
    """The pairs that each rule, alone, changes in one batch of the photos; rows: the teacher's unit rows (N, D).

    Pairs of views of the same two photos are told once. drop-false-positive judges views, and a teacher that saw clean
    photos finds all views of one equal: it is refused (SettingError). SmallBatchError for fewer than 2 photos.
    """
    if "drop-false-positive" in rules:
        raise SettingError("rule", "drop-false-positive", "it compares views of one photo, which clean photos have not")
    if min(batch, len(photos)) < 2:
        raise SmallBatchError(min(batch, len(photos)), "photos")
    chosen = seeds.numpy_stream(seed, "pairs").permutation(len(photos))[:batch]
    teacher = torch.from_numpy(np.tile(rows[chosen], (VIEWS, 1)).astype(np.float64))
    likeness = (teacher[: len(chosen)] @ teacher[: len(chosen)].T).numpy()
    found: list[Change] = []
    for rule in rules:
        share = rules[rule] if isinstance(rules, Mapping) else None
        pairs = guide(teacher, VIEWS, [rule] if share is None else {rule: share}, mode=mode)
        changed = _changed(rule, pairs.index, pairs.keep, len(chosen))
        found += [Change(rule, int(chosen[i]), int(chosen[j]), float(likeness[i, j])) for i, j in sorted(changed)]
    return found


def _changed(rule: str, index: torch.Tensor, keep: torch.Tensor | None, images: int) -> set[tuple[int, int]]:
    """Pairs of photos, by their place in the batch."""
    if rule == "add-new-positive":
        return {
            (row % images, int(extra) % images) for row, extra in enumerate(index[:, -1]) if index.shape[1] == VIEWS
        }
    assert keep is not None, "a guided batch says who repels"
    dropped = (~keep).nonzero().tolist()
    return {(i % images, j % images) for i, j in dropped if i != j}
