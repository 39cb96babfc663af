"""Which slots a decoding step fills: how many are still hidden after it, and which are the surest."""

import math

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

LEAST = 9.77e-4  # below this a probability counts as this much: what half precision tells from 1


def still_hidden(schedule_steps: int, step: int, slots: Int[Tensor, " batch"]) -> Int[Tensor, " batch"]:
    """Image slots still hidden after `step` (from 1) of a cosine schedule: ceil(cos(pi step / 2T) slots)."""
    share = torch.cos(torch.tensor(0.5 * math.pi * step / schedule_steps, dtype=torch.float32))
    return (share * slots).ceil().long().clamp(min=0)


def to_reveal(
    schedule_steps: int, step: int, slots: Int[Tensor, " batch"], hidden: Int[Tensor, " batch"]
) -> Int[Tensor, " batch"]:
    """How many of the `hidden` slots a row reveals in `step`: at least one, and at the last step all."""
    left = torch.minimum(still_hidden(schedule_steps, step, slots), hidden)
    count = hidden - left
    return count if step == schedule_steps else torch.minimum(count.clamp(min=1), hidden)


def to_hide(schedule_steps: int, step: int, words: Int[Tensor, " batch"]) -> Int[Tensor, " batch"]:
    """Text slots hidden at `step` (from 0): floor(words (T - step) / T), at least 1, all at the first."""
    return torch.minimum(
        (words * (schedule_steps - step)).div(schedule_steps, rounding_mode="floor").clamp(min=1), words
    )


def highest(
    scores: Float[Tensor, "batch slots"], eligible: Bool[Tensor, "batch slots"], count: Int[Tensor, " batch"]
) -> Bool[Tensor, "batch slots"]:
    """The `count` eligible slots of each row with the highest scores; of equal ones the first."""
    ranked = scores.masked_fill(~eligible, -math.inf).argsort(dim=1, descending=True, stable=True).argsort(dim=1)
    return eligible & (ranked < count[:, None])


def gumbel(uniform: Tensor) -> Tensor:
    """Gumbel noise of uniform numbers in [0, 1)."""
    return -uniform.clamp(min=torch.finfo(torch.float32).tiny).log().neg().log()


def confidence(probability: Tensor, noise: Tensor, weight: float) -> Tensor:
    """The log of a drawn token's probability, not below log(LEAST), plus weighted Gumbel noise."""
    return probability.clamp(LEAST, 1).log() + weight * noise


def tokens(
    logits: Float[Tensor, "n codes"], uniform: Float[Tensor, " n"]
) -> tuple[Int[Tensor, " n"], Float[Tensor, " n"]]:
    """One token a row by its place on the cumulated probabilities, one uniform number each; and its probability."""
    probability = logits.softmax(dim=-1)
    summed = probability.cumsum(dim=-1)
    drawn = torch.searchsorted(summed, uniform[:, None] * summed[:, -1:], right=True)[:, 0].clamp(
        max=logits.shape[1] - 1
    )
    return drawn, probability.gather(1, drawn[:, None])[:, 0]
