"""What the loss would be, had the variant parts been others: interventions, and how unlike their risks are.

Draw i gives every pair e a donor's variant score s, and R_i = mean_e BCE(s p_e, y_e). The authors' code adds
mean_i R_i + I^2 Var_i R_i to the loss; the paper adds Var_i R_i. Scores carry no gradient. With one score for many
pairs, the sum over negatives of -log(1 - s p) is analytic in s, nearest singularity s = 1/p >= 1: twelve Chebyshev
nodes on the reach of a twice squashed score, [0.5, 0.7311], give it to about 1e-11 for any number of draws.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from likewise import seeds
from likewise.errors import TooFewPairsError

LOW, HIGH = 0.5, 1 / (1 + math.exp(-1))  # where sigmoid(sigmoid(x)) lies
NODES, GROUPS = 12, 64
ROOM = 1 << 21  # draws times pairs held at once
FLOOR = -100.0  # least log of a probability, as in torch's BCELoss

Picks = Callable[[range], Tensor]  # draws -> the donor pair of every group, (draws, G)


@dataclass(frozen=True)
class Penalty:
    """The penalty, with gradient, and what it is made of."""

    value: Tensor
    mean: float  # of the draws' risks
    variance: float  # of the draws' risks, not scaled
    spread: float  # standard deviation of the variant scores


def penalty(
    logits: Tensor, labels: Tensor, scales: Tensor, group: Tensor, picks: Picks, draws: int, form: str = "reference"
) -> Penalty:
    """The penalty over P pairs.

    logits (P,): of the invariant parts; labels (P,) of 0 and 1; scales (P,): the variant score that each pair donates,
    in (0, 1); group (P,): 0 to G - 1, pairs of a group share a donor; form: "reference" or "paper".
    """
    logits, labels, scales = logits.double(), labels.double(), scales.detach().double()
    count = int(group.max()) + 1
    fits = bool(scales.min() >= LOW and scales.max() <= HIGH)
    if count <= GROUPS and fits:
        risks = _interpolated(logits, labels, group, scales[picks(range(draws))])
        value = combined(risks, form)
    else:
        risks = _risks(logits.detach(), labels, scales, group, picks, draws)
        slope = _slope(logits.detach(), labels, scales, group, picks, weights(risks, form))
        linear = (slope * logits).sum()  # its gradient is the penalty's, and its value is taken off again
        value = combined(risks, form) + linear - linear.detach()
    spread = scales.std(unbiased=False).item()
    return Penalty(value, risks.mean().item(), risks.detach().var().item(), spread)


def donors(kind: str, group: Tensor, draws: int, seed: int, step: int) -> Picks:
    """Who donates in each draw: a pair of the group itself, or for "space-time" (one group) and "pairwise", of all.

    "distinct" is space-time without a donor drawn twice: the first of one permutation. Draw i is the same whatever
    other draws are asked for with it. Raises TooFewPairsError where "distinct" asks for more donors than pairs.
    """
    if kind == "distinct":
        if draws > len(group):
            raise TooFewPairsError(draws, len(group))
        order = seeds.numpy_stream(seed, "donors", step).permutation(len(group))[:draws, None]
        return lambda rows: torch.from_numpy(order[rows.start : rows.stop])
    members = np.argsort(group.numpy(), kind="stable")
    sizes = np.bincount(group.numpy())
    first = np.cumsum(sizes) - sizes

    def one(i: int) -> np.ndarray:
        random = seeds.numpy_stream(seed, "donor", step, i)
        if kind == "pairwise":
            return random.permutation(len(members))
        return members[first + (random.random(len(sizes)) * sizes).astype(np.int64)]

    def several(rows: range) -> Tensor:
        if len(sizes) > GROUPS:
            return torch.from_numpy(np.stack([one(i) for i in rows]))
        chosen = seeds.numpy_stream(seed, "donors", step).random((draws, len(sizes)))[rows.start : rows.stop]
        return torch.from_numpy(members[first + (chosen * sizes).astype(np.int64)])

    return several


def groups(kind: str, snapshot: Tensor, source: Tensor) -> Tensor:
    """The group of every pair, (P,): all one, by snapshot, by source node, or each its own."""
    if kind in ("space-time", "distinct"):
        return torch.zeros(len(snapshot), dtype=torch.int64)
    if kind == "pairwise":
        return torch.arange(len(snapshot))
    return torch.unique(snapshot if kind == "space" else source, return_inverse=True)[1]


def combined(risks: Tensor, form: str) -> Tensor:
    """The penalty from every draw's risk (I,), by its form."""
    return risks.var() if form == "paper" else risks.mean() + (len(risks) * risks).var()


def weights(risks: Tensor, form: str) -> Tensor:
    """The derivative of the penalty by each draw's risk, (I,)."""
    spread = 2 * (risks - risks.mean()) / (len(risks) - 1)
    return spread if form == "paper" else 1 / len(risks) + len(risks) ** 2 * spread


def _interpolated(logits: Tensor, labels: Tensor, group: Tensor, scales: Tensor) -> Tensor:
    """Every draw's risk, (I,); scales (I, G)."""
    positive, count = labels.bool(), scales.shape[1]
    nodes, matrix = _chebyshev(scales)
    p = torch.sigmoid(logits[~positive])
    terms = -torch.log1p(-nodes[:, None].to(p) * p)  # (12, negatives)
    sums = terms.new_zeros(NODES, count).index_add(1, group[~positive], terms)  # (12, G)
    negatives = torch.einsum("ign,ng->i", matrix, sums)
    each = torch.bincount(group[positive], minlength=count).to(scales)
    known = -F.logsigmoid(logits[positive]).clamp(min=FLOOR).sum()
    return (negatives + known - scales.log() @ each) / len(logits)


def _chebyshev(scales: Tensor) -> tuple[Tensor, Tensor]:
    """12 nodes in [LOW, HIGH], and the matrix (I, G, 12) that takes values there to values at the scales."""
    angle = (2 * torch.arange(NODES, dtype=torch.float64, device=scales.device) + 1) * math.pi / (2 * NODES)
    nodes = (LOW + HIGH) / 2 + (HIGH - LOW) / 2 * angle.cos()
    weight = angle.sin() * (-1.0) ** torch.arange(NODES, device=scales.device)  # of the barycentric formula
    apart = scales[..., None] - nodes
    exact = apart == 0
    parts = weight / torch.where(exact, 1.0, apart)
    hit = exact.any(-1, keepdim=True)
    parts = torch.where(hit, exact.to(parts), parts)
    return nodes, parts / parts.sum(-1, keepdim=True)


def _chunks(draws: int, pairs: int) -> list[range]:
    size = max(1, ROOM // pairs)
    return [range(start, min(draws, start + size)) for start in range(0, draws, size)]


def _risks(logits: Tensor, labels: Tensor, scales: Tensor, group: Tensor, picks: Picks, draws: int) -> Tensor:
    """Every draw's risk, (I,), draw by draw."""
    found = []
    p, log = torch.sigmoid(logits), F.logsigmoid(logits).clamp(min=FLOOR)
    for rows in _chunks(draws, len(logits)):
        s = scales[picks(rows)][:, group]  # (rows, P)
        found.append(torch.where(labels.bool(), -(s.log() + log), -torch.log1p(-s * p)).mean(1))
    return torch.cat(found)


def _slope(logits: Tensor, labels: Tensor, scales: Tensor, group: Tensor, picks: Picks, weights: Tensor) -> Tensor:
    """The derivative of the penalty by each logit, (P,), from that by each draw's risk (I,)."""
    p, total = torch.sigmoid(logits), torch.zeros_like(logits)
    free = F.logsigmoid(logits) > FLOOR
    for rows in _chunks(len(weights), len(logits)):
        s = scales[picks(rows)][:, group]
        each = torch.where(labels.bool(), -(1 - p) * free, s * p * (1 - p) / (1 - s * p))
        total += weights[rows.start : rows.stop] @ each
    return total / len(logits)
