"""Invent a picture and its caption together, from nothing: both are hidden, and the surest of each are kept.

Not released by the authors; ours: the caption's length comes from how long the training captions were, pictures follow
the cosine and text a line, and confidence is ranked within each modality.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor

from likewise.magvlt.config import Drawing
from likewise.magvlt.layout import Pair, pair
from likewise.magvlt.model import Transformer
from likewise.magvlt.reveal import confidence, gumbel, highest, to_reveal, tokens
from likewise.magvlt.rows import in_rows

STEPS = 12


@dataclass(frozen=True)
class Both:
    """A batch of pictures and texts on the way."""

    image: Tensor
    text: Tensor
    length: Tensor
    image_hidden: Tensor
    text_hidden: Tensor


def steps(
    model: Transformer,
    histogram: Int[Tensor, " lengths"],
    end: int,
    generators: Sequence[torch.Generator],
    how: Drawing,
) -> Iterator[Both]:
    """Yield after each step. histogram: how often captions of 1, 2, ... tokens were trained on, end marks included."""
    shape, share = model.shape, histogram.double() / histogram.sum()
    length = torch.stack([torch.multinomial(share, 1, generator=one)[0] for one in generators]) + 1
    image = torch.zeros(len(length), shape.image_slots, dtype=torch.long)
    text = torch.full((len(length), shape.text_length), end)
    image_hidden = torch.ones_like(image, dtype=torch.bool)
    text_hidden = torch.arange(shape.text_length) < length[:, None]
    slots = image_hidden.sum(1)
    for step in range(1, how.steps + 1):
        uniform = torch.stack([torch.rand(2, shape.image_slots + shape.text_length, generator=g) for g in generators])
        shown = pair(image, text, length).with_(image_hidden=image_hidden, text_hidden=text_hidden)
        logits = _logits(model, shown)
        found = [
            _guess(rows, hidden, part, how, step)
            for rows, hidden, part in (
                (logits[0], image_hidden, uniform[..., : shape.image_slots]),
                (logits[1], text_hidden, uniform[..., shape.image_slots :]),
            )
        ]
        left = torch.minimum(length * (how.steps - step) // how.steps, text_hidden.sum(1))
        counts = (to_reveal(how.steps, step, slots, image_hidden.sum(1)), text_hidden.sum(1) - left)
        chosen_image = highest(found[0][1], image_hidden, counts[0])
        chosen_text = highest(found[1][1], text_hidden, counts[1])
        image, text = torch.where(chosen_image, found[0][0], image), torch.where(chosen_text, found[1][0], text)
        image_hidden, text_hidden = image_hidden & ~chosen_image, text_hidden & ~chosen_text
        yield Both(image, text, length, image_hidden, text_hidden)


@torch.no_grad()
def _logits(model: Transformer, shown: Pair) -> tuple[Tensor, Tensor]:
    """Of hidden image slots and of hidden text slots."""

    def read_image(part: Pair) -> Tensor:
        ready = part.to(model.device)
        return model.image_logits(model("it2it", ready).image[ready.image_hidden])

    def read_text(part: Pair) -> Tensor:
        ready = part.to(model.device)
        return model.text_logits(model("it2it", ready).text[ready.text_hidden])

    return in_rows(shown, shown.image_hidden, read_image), in_rows(shown, shown.text_hidden, read_text)


def _guess(logits: Tensor, hidden: Tensor, uniform: Tensor, how: Drawing, step: int) -> tuple[Tensor, Tensor]:
    ends = (step - 1) / max(1, how.steps - 1)
    found, probability = tokens(logits / (how.warm + ends * (how.cold - how.warm)), uniform[:, 0][hidden])
    drawn, sure = torch.zeros(hidden.shape, dtype=torch.long), torch.zeros(hidden.shape)
    drawn[hidden] = found
    sure[hidden] = confidence(probability, gumbel(uniform[:, 1][hidden]), how.noise + ends * (how.calm - how.noise))
    return drawn, sure
