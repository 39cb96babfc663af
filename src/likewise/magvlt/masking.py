"""How many slots are hidden, and which: from a uniform number to a share, to a count, to a random subset."""

import math

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from likewise.magvlt.config import Config, Task
from likewise.magvlt.layout import Pair


def image_share(schedule: str, r: Float[Tensor, " batch"]) -> Float[Tensor, " batch"]:
    """The share of image slots that r in [0, 1] hides, all of them at 0: cos(pi r / 2), 1 - r or 1 - sqrt(r)."""
    return {"cosine": lambda: torch.cos(0.5 * math.pi * r), "linear": lambda: 1 - r, "sqrt": lambda: 1 - r.sqrt()}[
        schedule
    ]()


def text_share(schedule: str, r: Float[Tensor, " batch"]) -> Float[Tensor, " batch"]:
    """The share of text slots that r hides: r, sqrt(r) or cos(pi r / 2)."""
    return {"linear": lambda: r, "sqrt": lambda: r.sqrt(), "cosine": lambda: torch.cos(0.5 * math.pi * r)}[schedule]()


def hidden_of(share: Float[Tensor, " batch"], eligible: Int[Tensor, " batch"]) -> Int[Tensor, " batch"]:
    """ceil(share * eligible), at least 1 and at most all."""
    return torch.minimum((share * eligible).ceil().long().clamp(min=1), eligible)


def fewer_of(share: Float[Tensor, " batch"], eligible: Int[Tensor, " batch"]) -> Int[Tensor, " batch"]:
    """floor(share * eligible), at least 1 and at most all: for what is drawn from slots chosen before."""
    return torch.minimum((share * eligible).floor().long().clamp(min=1), eligible)


def subset(
    eligible: Bool[Tensor, "batch slots"], count: Int[Tensor, " batch"], rng: torch.Generator
) -> Bool[Tensor, "batch slots"]:
    """A uniform random subset of each row's eligible slots, `count` of them."""
    drawn = torch.rand(eligible.shape, generator=rng).masked_fill(~eligible, 2.0)
    return drawn.argsort(dim=1).argsort(dim=1) < count[:, None]


def hide(task: Task, pair: Pair, config: Config, rng: torch.Generator, within: Pair | None = None) -> Pair:
    """The pair with a share of its slots hidden, as the task asks; r is drawn once a row, the same for both modalities.

    within: only slots that this pair hides may be hidden: picture slots are then counted down, as the authors' code
    counts whatever is drawn from a chosen part. On the CPU, where the generator is.
    """
    r = torch.rand(len(pair), generator=rng)
    image, text = pair.image_hidden, pair.text_hidden
    if task != "i2t":
        eligible = torch.ones_like(image) if within is None else within.image_hidden
        counted = (hidden_of if within is None else fewer_of)(image_share(config.image_schedule, r), eligible.sum(1))
        image = subset(eligible, counted, rng)
    if task != "t2i":
        eligible = pair.written if within is None else within.text_hidden & pair.written
        text = subset(eligible, hidden_of(text_share(config.text_schedule, r), eligible.sum(1)), rng)
    return pair.with_(image_hidden=image, text_hidden=text)
