"""Which checkpoint to keep: weigh likeness against what it cost, and between equals take the earlier.

worth = likeness^w x fidelity^(1 - w) x (1 - copied) x (1 - drift / 2), all shares as `gauge` defines them, w = 0.5 by
default (balance). A product, because a picture of the thing that ignores the prompt, and a beach without the thing, are
both worth nothing. Training loss has no part in it: it is lowest where a model has learned its photos by heart.

The noise of worth comes from resampling pictures, the same ones for every checkpoint, since all drew from the same
starting noise. The choice is the one-standard-error rule (Breiman et al., "Classification and Regression Trees", 1984,
section 3.4.3): the earliest checkpoint that is not worse than the best by more than the noise of their difference, and
that looks more like the photos than the base model does. One that is likeness alone is none of them: where nearly every
picture is a copy, or prompts are hardly heeded, the noise must not make it the equal of an honest one.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from likewise import seeds
from likewise.metrics.intervals import DRAWS, Interval, multiplicity, paired, wilson
from likewise.verdict.gauge import Gauge, spread
from likewise.verdict.scores import Scores

SPOILED = 0.1  # share of pictures that are no copies, or of fidelity, below which likeness is worth about nothing


@dataclass(frozen=True)
class Weights:
    """How the measures are traded, see Config."""

    likeness: float = 0.5
    tolerance: float = 1.0  # standard errors
    level: float = 0.95
    seed: int = 0


@dataclass(frozen=True)
class Judged:
    """One checkpoint's measures with their intervals. Shares are in [0, 1], see `gauge`."""

    step: int
    likeness: Interval
    gain: Interval  # share
    prompt: Interval | None
    fidelity: Interval | None  # share
    plain: Interval
    drift: Interval  # share
    change: Interval
    diversity: Interval
    copied: Interval  # share
    nearest: Interval  # mean of the largest cosines to one photo
    above: float  # share of pictures nearer to one photo than any two photos are to each other
    photo: int | None  # the photo that is copied most often, from 0
    worth: Interval


@dataclass(frozen=True)
class Choice:
    """The checkpoint to keep and what it was weighed against. The base model, step 0, is judged but never chosen."""

    step: int
    judged: list[Judged]
    best: int  # the step of the largest worth, whatever the noise
    tied: list[int]  # steps within the noise of the best, itself among them, earliest first
    noise: dict[int, float] = field(default_factory=dict)  # step -> standard error of its difference to the best
    learned: bool = (
        True  # the chosen one looks more like the photos than the base model, beyond noise, and is no copier
    )
    alike: list[int] = field(default_factory=list)  # all steps that look more like the photos, whatever they cost

    def __getitem__(self, step: int) -> Judged:
        """The measures of a step."""
        return next(one for one in self.judged if one.step == step)


def choose(scores: Sequence[Scores], gauge: Gauge, weights: Weights | None = None) -> Choice:
    """Choose among checkpoints in the order of their steps; the first must be the base model's, step 0."""
    weights = weights or Weights()
    assert len(scores) > 1 and scores[0].step == 0, "the base model's scores come first, then the checkpoints'"
    judged, exact, drawn = judge(scores, gauge, weights)
    alike = [i for i in range(1, len(scores)) if _learned(scores[i], scores[0], weights)]
    order = _order(exact["worth"][0], scores, alike)
    best = 1 + int(order[1:].argmax())
    noise = (drawn["worth"][:, [best]] - drawn["worth"]).std(0)  # (C,)
    honest = [i for i in range(1, len(scores)) if not _spoiled(exact, i)]
    equals = [i for i in honest if exact["worth"][0, i] and order[best] - order[i] <= weights.tolerance * noise[i]]
    sure = [i for i in equals if i in alike]  # too early to tell is not a tie worth taking
    chosen = next(iter(sure), best)  # where nothing is learned yet, earlier would be less still
    return Choice(
        step=scores[chosen].step,
        judged=judged,
        best=scores[best].step,
        tied=[scores[i].step for i in sorted({best, *equals})],
        noise={one.step: float(noise[i]) for i, one in enumerate(scores) if i > 0},
        learned=bool(sure),
        alike=[scores[i].step for i in alike],
    )


def _order(worth: np.ndarray, scores: Sequence[Scores], alike: Sequence[int]) -> np.ndarray:
    """What the best has most of (C,): worth; where all are worth nothing, likeness; the least of what is overdone."""
    if worth[1:].max() > 0:
        return worth
    if alike:
        return np.array([-one.step if i in alike else -np.inf for i, one in enumerate(scores)])
    return np.array([one.likeness.mean() for one in scores])


def _spoiled(exact: "Shares", index: int) -> bool:
    """Whether hardly a picture is no copy, or hardly a prompt is heeded."""
    fidelity = exact["fidelity"][0, index] if "fidelity" in exact else 1.0
    return min(1 - exact["copied"][0, index], fidelity) < SPOILED


def _learned(taught: Scores, base: Scores, weights: Weights) -> bool:
    """Whether it looks more like the photos than the base model does, beyond noise."""
    return paired(taught.likeness, base.likeness, weights.level, weights.seed).low > 0


Shares = dict[str, np.ndarray]  # gain, fidelity, drift, copied, worth -> (draws, models)


def judge(scores: Sequence[Scores], gauge: Gauge, weights: Weights) -> tuple[list[Judged], Shares, Shares]:
    """The measures of each model, their shares (1, C), and those of each resample of the pictures (DRAWS, C)."""
    exact, drawn = _shares(scores, gauge, weights), _resampled(scores, gauge, weights)
    return [_judged(one, index, exact, drawn, gauge, weights) for index, one in enumerate(scores)], exact, drawn


def _resampled(scores: Sequence[Scores], gauge: Gauge, weights: Weights) -> Shares:
    """The shares of every checkpoint (DRAWS, C) for each resample of the pictures, shared by all checkpoints."""
    subject = _times(len(scores[0].likeness), weights.seed, "subject")
    plain = _times(len(scores[0].plain), weights.seed, "plain")
    return _shares(scores, gauge, weights, subject, plain)


def _times(count: int, seed: int, name: str) -> np.ndarray:
    """How much each of `count` pictures weighs in each resample, (DRAWS, count); rows sum to 1."""
    picks = seeds.numpy_stream(seed, "verdict", name, count).integers(count, size=(DRAWS, count))
    return multiplicity(picks, count) / count


def _shares(
    scores: Sequence[Scores],
    gauge: Gauge,
    weights: Weights,
    subject: np.ndarray | None = None,
    plain: np.ndarray | None = None,
) -> Shares:
    """Each share and the worth, (draws, C), from weighted means over pictures; one draw of plain means by default."""

    def mean(rows: list[np.ndarray], times: np.ndarray | None) -> np.ndarray:
        stacked = np.stack(rows, axis=1).astype(np.float64)  # (pictures, C)
        return stacked.mean(0, keepdims=True) if times is None else times @ stacked

    gain = gauge.gain(mean([one.likeness for one in scores], subject))
    moved = mean([one.plain - scores[0].plain for one in scores], plain)
    drift = gauge.share(moved)
    copied = mean([gauge.copied(one) for one in scores], subject)
    worth = gain * (1 - copied) * (1 - drift / 2)
    found = {"gain": gain, "drift": drift, "copied": copied}
    prompts = [one.prompt for one in scores if one.prompt is not None]
    if prompts:
        found["fidelity"] = gauge.fidelity(mean(prompts, subject))
        worth = gain**weights.likeness * found["fidelity"] ** (1 - weights.likeness) * (1 - copied) * (1 - drift / 2)
    return {**found, "worth": worth}


def _judged(one: Scores, index: int, exact: Shares, drawn: Shares, gauge: Gauge, weights: Weights) -> Judged:
    def share(name: str) -> Interval:
        tail = (1 - weights.level) / 2
        low, high = np.quantile(drawn[name][:, index], (tail, 1 - tail))
        return Interval(float(exact[name][0, index]), float(low), float(high), weights.level, len(one.likeness))

    def plain(values: np.ndarray) -> Interval:
        return spread(values, weights.level, weights.seed)

    copies = gauge.copied(one)
    return Judged(
        step=one.step,
        likeness=plain(one.likeness),
        gain=share("gain"),
        prompt=None if one.prompt is None else plain(one.prompt),
        fidelity=share("fidelity") if "fidelity" in exact else None,
        plain=plain(one.plain),
        drift=share("drift"),
        change=plain(one.change),
        diversity=plain(one.diversity),
        nearest=plain(one.nearest),
        above=float((one.nearest > gauge.copy_cosine).mean()),
        copied=wilson(int(copies.sum()), len(copies), weights.level),
        photo=int(np.bincount(one.photo[copies]).argmax()) if copies.any() else None,
        worth=share("worth"),
    )
