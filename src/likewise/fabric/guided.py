"""One denoising step's network output with references: likes join what the prompt draws, dislikes what it leaves.

eps = eps(empty | dislikes) + s (eps(prompt | likes) - eps(empty | dislikes)), s the guidance scale. The references
themselves are rows of the batch, noised to the same level, with the empty prompt, and read only themselves.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from likewise.diffusion import guidance as guide
from likewise.diffusion.backbone import Backbone, Text, join
from likewise.fabric.feeding import Call, Computed, Feeder, Held, Side
from likewise.fabric.merging import Seen


@dataclass(frozen=True)
class Fed:
    """The references of one step: likes, then dislikes, each with a weight above 0.

    noised: (N, C, h, w) as the network reads them; None where their features are held. blank: the encoded empty prompt,
    one row. merge: see Config.
    """

    noised: Tensor | None
    likes: tuple[float, ...]
    dislikes: tuple[float, ...]
    blank: Text
    like_bottleneck: float = 1.0
    dislike_bottleneck: float = 1.0
    merge: float = 0.0

    def __len__(self) -> int:
        """N, the number of references."""
        return len(self.likes) + len(self.dislikes)

    def sides(self, free: int, bound: int) -> tuple[Side, ...]:
        """Who reads what in a batch of `free` rows without the prompt, then `bound` rows with it."""
        count, end = len(self.likes), len(self)
        dislikes = Side(slice(0, free), slice(count, end), self.dislikes, self.dislike_bottleneck)
        likes = Side(slice(free, free + bound), slice(0, count), self.likes, self.like_bottleneck)
        return tuple(side for side in (dislikes, likes) if side.weights and side.rows.stop > side.rows.start)

    def texts(self, like: Text, rows: slice) -> Text:
        """The empty prompt for these references; sizes, where the pictures have them, are those of the pictures."""
        count = len(range(*rows.indices(len(self))))
        sizes = None if like.sizes is None else like.sizes[:1].expand(count, -1)
        return self.blank[[0] * count].sized(sizes)


def predict(
    feeder: Feeder,
    backbone: Backbone,
    latents: Float[Tensor, "batch channels h w"],
    t: Tensor,
    text: Text,
    negative: Text | None,
    fed: Fed,
    *,
    scale: float,
    rows: int = guide.ROWS,
    fused: bool | None = None,
    held: Held | None = None,
    check: bool = False,
) -> Float[Tensor, "batch channels h w"]:
    """As guidance.predict, with references. fed must hold one at least, and no dislikes where scale <= 1.

    fused: references and pictures in one network call; else references first, their features held for all calls. By
    default fused where one call holds all pictures and references are no more than its other rows, or guidance's usual
    ones. The two differ in rounding only. held: the references' features, if they are known; then none is computed.
    check: raise NoEffectError if references change no layer's output.
    """
    guided = scale > 1 and negative is not None
    assert len(fed) and (guided or not fed.dislikes)
    width = max(1, rows // 2) if guided else rows
    if fused is None:
        fused = len(latents) <= width and len(fed) <= max(rows, guide.ROWS)
    fused = fused and held is None
    if held is None and not fused:
        held = _held(feeder, backbone, t, text, fed, rows)
    parts = []
    for start in range(0, len(latents), width):
        places = [min(start + offset, len(latents) - 1) for offset in range(width)]
        noisy, texts = latents[places], guide.pick(text, places)
        if guided:
            assert negative is not None
            noisy, texts = noisy.repeat(2, 1, 1, 1), join([guide.pick(negative, places), texts])
        pictures = len(noisy)
        if fused:
            assert fed.noised is not None
            noisy = torch.cat([noisy, fed.noised.to(noisy)])
            texts = join([texts, fed.texts(texts, slice(0, len(fed)))])
        sides = fed.sides(pictures - width, width)
        call = Call(pictures, sides, held, merge=fed.merge, check=check and start == 0)
        with feeder.feeding(call):
            output = backbone.predict(noisy, t.expand(len(noisy)), texts)[:pictures]
        if guided:
            free, bound = output.chunk(2)
            output = guide.combine(free, bound, scale)
        parts.append(output[: len(latents) - start])
    return torch.cat(parts)


def _held(feeder: Feeder, backbone: Backbone, t: Tensor, text: Text, fed: Fed, rows: int) -> Held:
    """The features of all references at this step, several at a time."""
    assert fed.noised is not None
    parts: list[dict[str, Seen]] = []
    width = max(rows, guide.ROWS)
    for start in range(0, len(fed), width):
        part = slice(start, min(start + width, len(fed)))
        noisy, call = fed.noised[part], Call(0, keep=True, merge=fed.merge)
        with feeder.feeding(call):
            backbone.predict(noisy, t.expand(len(noisy)), fed.texts(text, part))
        parts.append(call.kept)
    return Computed({layer: _all([part[layer] for part in parts]) for layer in parts[0]})


def _all(parts: Sequence[Seen]) -> Seen:
    keys, values, counts = zip(*parts, strict=True)
    return torch.cat(keys), torch.cat(values), None if counts[0] is None else torch.cat(counts)


def chosen(rows: Sequence[float]) -> list[int]:
    """The places of the references that take part: those with a weight above 0."""
    return [place for place, weight in enumerate(rows) if weight > 0]
