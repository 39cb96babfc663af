"""Guided resampling: a teacher's likeness says which pairs of a batch attract, and which no longer repel.

The four rules of "On the Generalization of Multi-modal Contrastive Learning" (ICML 2023) as one interface: a rule looks
at the teacher's cosines C and changes `Chosen`; rules combine in the order given. Rows are the n = views * images rows
of a batch, view by view.

Two counts. "exact", ours: by rank, ties by index; self and positives are set aside before anything is counted, so that
exactly floor(share * n) pairs change. "reference": the thresholds of the published code, where self and positive count
too, ties at the threshold go as well, and DropFalsePositive has no effect at all (its threshold is computed and the
masked result then overwritten).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from likewise.contrastive.contrast import Pairs
from likewise.errors import SettingError, TeacherRowsError, UnknownNameError

CountMode = Literal["exact", "reference"]


@dataclass(frozen=True)
class Sight:
    """What a rule may look at, for R of the n rows."""

    likeness: Tensor  # (R, n) the teacher's cosine of each of these rows with every row
    agreement: Tensor  # (n, P) the teacher's cosine of every row with each of its positives
    rows: Tensor  # (R,) which rows these are
    positives: Tensor  # (n, P) the positives of every row
    mode: CountMode


@dataclass(frozen=True)
class Chosen:
    """What holds for R rows after the rules so far."""

    extra: Tensor | None  # (R,) one more positive each
    silent: Tensor  # (R, P) positives that neither attract nor repel
    repel: Tensor  # (R, n) keys in the denominator, positives included
    lost: int = 0  # silent positives of all n rows

    def aside(self, sight: Sight) -> Tensor:
        """(R, n): self and positives, which no rule about negatives may touch."""
        fixed = torch.zeros_like(self.repel).scatter_(1, sight.rows[:, None], True)
        fixed.scatter_(1, sight.positives[sight.rows], True)
        return fixed if self.extra is None else fixed.scatter_(1, self.extra[:, None], True)


Rule = Callable[[Sight, Chosen, float], Chosen]


def add_new_positive(sight: Sight, chosen: Chosen, share: float) -> Chosen:
    """The teacher's nearest other row, neither self nor own positive, attracts too and gets half of the weight."""
    if share == 0:
        return chosen
    free = sight.likeness.masked_fill(chosen.aside(sight), -torch.inf)
    extra = free.argmax(1)  # the first of equals
    return replace(chosen, extra=extra, repel=chosen.repel.scatter(1, extra[:, None], True))


def drop_false_positive(sight: Sight, chosen: Chosen, share: float) -> Chosen:
    """The positives that the teacher finds least alike: floor(share * n P) of all the batch's, the lowest index first.

    They neither attract nor repel, and the loss is the mean over those that are left.
    """
    if sight.mode == "reference":
        return chosen
    order = sight.agreement.flatten().argsort(stable=True)
    lost = torch.zeros_like(order, dtype=torch.bool)
    lost[order[: int(share * len(order))]] = True
    silent = lost.view_as(sight.agreement)[sight.rows]
    gone = torch.zeros_like(chosen.repel).scatter_(1, sight.positives[sight.rows], silent)
    return replace(chosen, silent=silent, repel=chosen.repel & ~gone, lost=int(lost.sum()))


def drop_false_negative(sight: Sight, chosen: Chosen, share: float) -> Chosen:
    """Of each row, the floor(share * n) negatives that the teacher finds most alike."""
    return _dropped(sight, chosen, share, most_alike=True)


def drop_easy_negative(sight: Sight, chosen: Chosen, share: float) -> Chosen:
    """Of each row, the floor(share * n) negatives that the teacher finds least alike."""
    return _dropped(sight, chosen, share, most_alike=False)


def _dropped(sight: Sight, chosen: Chosen, share: float, most_alike: bool) -> Chosen:
    count = int(share * sight.likeness.shape[1])
    if count == 0:
        return chosen
    fixed = chosen.aside(sight)
    if sight.mode == "reference":
        edge = sight.likeness.topk(count, largest=most_alike).values[:, -1:]
        beyond = sight.likeness >= edge if most_alike else sight.likeness <= edge
    else:
        distance = (-sight.likeness if most_alike else sight.likeness).masked_fill(fixed, torch.inf)
        order = distance.argsort(dim=1, stable=True)[:, :count]
        beyond = torch.zeros_like(fixed).scatter_(1, order, True)
    return replace(chosen, repel=chosen.repel & ~(beyond & ~fixed))


RULES: Mapping[str, Rule] = {
    "add-new-positive": add_new_positive,
    "drop-false-positive": drop_false_positive,
    "drop-false-negative": drop_false_negative,
    "drop-easy-negative": drop_easy_negative,
}
SHARES: Mapping[str, float] = {  # of the published code
    "add-new-positive": 1.0,
    "drop-false-positive": 0.1,
    "drop-false-negative": 0.05,
    "drop-easy-negative": 0.1,
}


def guide(
    teacher: Tensor,
    views: int,
    rules: Sequence[str] | Mapping[str, float],
    *,
    rows: Tensor | None = None,
    mode: CountMode = "exact",
    dtype: torch.dtype | None = None,
) -> Pairs:
    """The pairs of a batch of n = views * images rows, numbered view by view, as the rules leave them.

    teacher: unit rows (n, D); where it saw the clean pictures, the rows of the images once for each view.
    rules: names, with the published shares, or name -> share; a share of 0 leaves a rule out, to the same bits.
    rows: the rows of this process (all). Weights sum to 1 over all rows.
    """
    for name in rules:
        if name not in RULES:
            raise UnknownNameError("rule", name, RULES)
    shares = dict(rules) if isinstance(rules, Mapping) else {name: SHARES[name] for name in rules}
    sight = _sight(teacher, views, rows, mode)
    chosen = Chosen(
        None,
        torch.zeros(len(sight.rows), views - 1, dtype=torch.bool, device=teacher.device),
        torch.ones_like(sight.likeness, dtype=torch.bool).scatter_(1, sight.rows[:, None], False),
    )
    for name, share in shares.items():
        chosen = RULES[name](sight, chosen, share)
    return _weighed(sight, chosen, dtype or teacher.dtype)


def _sight(teacher: Tensor, views: int, rows: Tensor | None, mode: CountMode) -> Sight:
    if teacher.ndim != 2 or len(teacher) < 2 * views or len(teacher) % views:
        raise TeacherRowsError(f"an array {tuple(teacher.shape)}", f"rows (n, D), {views} views of 2 or more pictures")
    count = len(teacher)
    images = count // views
    every = torch.arange(count, device=teacher.device)
    positives = (every[:, None] + torch.arange(1, views, device=teacher.device) * images) % count
    rows = every if rows is None else rows
    agreement = torch.stack([(teacher * teacher[column]).sum(1) for column in positives.T], 1)
    return Sight(teacher[rows] @ teacher.T, agreement, rows, positives, mode)


def _weighed(sight: Sight, chosen: Chosen, dtype: torch.dtype) -> Pairs:
    """Kept positives share what the extra one leaves: all, or half. The totals are those of all n rows."""
    count, each = sight.positives.shape
    kept = count * each - chosen.lost
    if kept == 0:
        raise SettingError("the share of drop-false-positive", 1.0, "below 1 it leaves positives to learn from")
    own_share = 1.0 if chosen.extra is None else 0.5
    weight = (~chosen.silent).to(dtype) * (own_share / kept)
    index = sight.positives[sight.rows]
    if chosen.extra is not None:
        index = torch.cat([index, chosen.extra[:, None]], 1)
        weight = torch.cat([weight, weight.new_full((len(weight), 1), 0.5 / count)], 1)
    return Pairs(index, weight, sight.rows, chosen.repel)
