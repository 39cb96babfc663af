"""Draw pictures from text, whole or in part: all hidden slots are guessed at once, and the surest stay.

T steps; logits are tempered from 1.4 to 0.6, and noise on the confidence fades from 2.0 to 0.2, as in the released
sampler. What was revealed is never looked at again. Every sample has a generator of its own, so a picture does not
depend on its company.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from likewise.magvlt.config import Drawing
from likewise.magvlt.layout import Pair, pair
from likewise.magvlt.model import Transformer
from likewise.magvlt.reveal import confidence, gumbel, highest, to_reveal, tokens
from likewise.magvlt.rows import in_rows


@dataclass(frozen=True)
class Canvas:
    """A batch of pictures on the way: codes (B, I), and which slots are hidden still."""

    image: Tensor
    hidden: Tensor


def steps(
    model: Transformer,
    text: Int[Tensor, "batch words"],
    length: Int[Tensor, " batch"],
    generators: Sequence[torch.Generator],
    how: Drawing,
    *,
    image: Int[Tensor, "batch slots"] | None = None,
    anew: Bool[Tensor, "batch slots"] | None = None,
    end: int | None = None,
) -> Iterator[Canvas]:
    """Yield the canvas after each step; the last has nothing hidden.

    image and anew: codes to keep where `anew` is false (inpainting); without them all is drawn. end: the end mark,
    which guidance needs to ask without a prompt. The number of a row's steps does not depend on its mask.
    """
    slots = model.shape.image_slots
    codes = torch.zeros(len(text), slots, dtype=torch.long) if image is None else image.clone().cpu()
    hidden = torch.ones_like(codes, dtype=torch.bool) if anew is None else anew.clone().cpu()
    total = hidden.sum(1)
    for step in range(1, how.steps + 1):
        # always all slots' numbers, so that what is drawn does not depend on how many are hidden
        uniform = torch.stack([torch.rand(2, slots, generator=one) for one in generators])
        shown = pair(codes, text, length).with_(image_hidden=hidden)
        logits = guided(model, shown, how.guidance, end)
        drawn, sure = _drawn(logits, hidden, uniform, how, step)
        chosen = highest(sure, hidden, to_reveal(how.steps, step, total, hidden.sum(1)))
        codes, hidden = torch.where(chosen, drawn, codes), hidden & ~chosen
        yield Canvas(codes, hidden)


def _drawn(logits: Tensor, hidden: Tensor, uniform: Tensor, how: Drawing, step: int) -> tuple[Tensor, Tensor]:
    """Tokens (B, I) for the hidden slots, and how sure they are."""
    ends = (step - 1) / max(1, how.steps - 1)
    tempered = logits / (how.warm + ends * (how.cold - how.warm))
    if how.greedy:
        probability, found = tempered.softmax(-1).max(-1)
        scores = probability.log()
    else:
        found, probability = tokens(tempered, uniform[:, 0][hidden])
        scores = confidence(probability, gumbel(uniform[:, 1][hidden]), how.noise + ends * (how.calm - how.noise))
    drawn, sure = torch.zeros(hidden.shape, dtype=torch.long), torch.zeros(hidden.shape)
    drawn[hidden], sure[hidden] = found, scores
    return drawn, sure


@torch.no_grad()
def guided(model: Transformer, shown: Pair, scale: float, end: int | None) -> Tensor:
    """Logits (hidden slots, codes) in float32 on the CPU: prompted, or unprompted + scale (prompted - unprompted)."""
    bound = in_rows(shown, shown.image_hidden, lambda part: image_logits(model, part))
    if scale == 1:
        return bound
    assert end is not None, "guidance asks without a prompt, which is the end mark alone"
    bare = shown.with_(text=torch.full_like(shown.text, end), length=torch.ones_like(shown.length))
    free = in_rows(bare, bare.image_hidden, lambda part: image_logits(model, part))
    return free + scale * (bound - free)


def image_logits(model: Transformer, shown: Pair) -> Tensor:
    """Logits of the hidden image slots (n, codes)."""
    ready = shown.to(model.device)
    return model.image_logits(model("t2i", ready).image[ready.image_hidden])


def last(canvases: Iterator[Canvas]) -> Tensor:
    """The finished codes (B, I)."""
    canvas = None
    for canvas in canvases:  # noqa: B007 - only the last counts
        pass
    assert canvas is not None
    return canvas.image
