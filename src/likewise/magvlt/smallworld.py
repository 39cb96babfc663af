"""A world of 64 things in 16 tokens, learned in a minute: what ideas about training are measured on.

A picture is 4 x 4 tokens: one of four shapes in one of four colours fills one of four quarters. All tokens of a picture
are of one of two styles, which its caption "colour shape place" does not tell: so a drawer must agree with itself, and
how often it does is what decoding in several steps, and UnrollMask, are about.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from likewise import seeds
from likewise.magvlt import data, draw, write
from likewise.magvlt.config import Drawing, Shape, Writing
from likewise.magvlt.layout import Special, pair
from likewise.magvlt.model import Transformer

BAR, END = 12, 13
OBJECTS = 16  # colours times shapes
STYLE = OBJECTS + 1  # tokens of a style: the background, then the objects
SHAPE = Shape(
    image_side=4, image_codes=2 * STYLE, text_codes=14, text_length=8, width=64, layers=3, heads=2
)  # fmt: skip


@dataclass(frozen=True)
class Things:
    """What N pictures show: colour, shape, place (0 to 3 each) and style (0 or 1), (N,) each."""

    colour: Tensor
    shape: Tensor
    place: Tensor
    style: Tensor

    @property
    def images(self) -> Int[Tensor, "n 16"]:
        """Their tokens."""
        row, column = self.place // 2, self.place % 2
        cells = torch.arange(4) // 2
        inside = (cells[:, None] == row[:, None, None]) & (cells == column[:, None, None])
        shown = torch.where(inside, (1 + self.colour * 4 + self.shape)[:, None, None], 0)
        return (shown + (self.style * STYLE)[:, None, None]).flatten(1)

    @property
    def captions(self) -> list[list[int]]:
        """Their captions as ids."""
        return torch.stack([self.colour, 4 + self.shape, 8 + self.place], 1).tolist()


def things(count: int, seed: int = 0) -> Things:
    """Random things."""
    rng = seeds.stream(seed, "things", count)
    return Things(*(torch.randint(most, (count,), generator=rng) for most in (4, 4, 4, 2)))


def pairs(shown: Things) -> data.Pairs:
    """Them to learn from. Two pictures are joined exactly, as a quarter squashed is two equal tokens."""
    images = shown.images

    def joined(first: Tensor, second: Tensor, upright: bool) -> Tensor:
        one, other = images[first].reshape(-1, 4, 4), images[second].reshape(-1, 4, 4)
        kept = (one[:, ::2], other[:, ::2]) if upright else (one[..., ::2], other[..., ::2])
        return torch.cat(kept, dim=1 if upright else 2).flatten(1)

    return data.pack(images, shown.captions, (BAR, END), SHAPE, joined)


def follows(codes: Int[Tensor, "n 16"], asked: Things) -> Bool[Tensor, " n"]:
    """Whether each picture is what was asked for, whatever its style."""
    return (codes % STYLE == asked.images % STYLE).all(1)


def agrees(codes: Int[Tensor, "n 16"]) -> Bool[Tensor, " n"]:
    """Whether all tokens of each picture are of one style."""
    return (codes // STYLE == codes[:, :1] // STYLE).all(1)


def drawn(model: Transformer, asked: Things, steps: int, seed: int = 0) -> Tensor:
    """Pictures (N, 16) of captions, at temperature 1."""
    made = pairs(asked)
    shown = made.batch(torch.arange(len(made)))
    how = Drawing(steps=steps, warm=1, cold=1, noise=1, calm=1)
    generators = [seeds.stream(seed, "drawn", i) for i in range(len(made))]
    return draw.last(draw.steps(model, shown.text, shown.length, generators, how))


def described(
    model: Transformer, images: Tensor, seed: int = 0, half: Special = Special.BOG
) -> tuple[Int[Tensor, "n 8"], Int[Tensor, " n"]]:
    """Captions, greedily, and the lengths that were predicted. half: of mixed pictures the one that is meant."""
    if half == Special.BOG:
        length = write.lengths(model, images, END)
        text = torch.full((len(images), SHAPE.text_length), END)
        steps = write.steps(model, images, text, length, [seeds.stream(seed, "w")] * len(images), Writing(greedy=True))
        return write.last(steps).text, length
    length = torch.full((len(images),), 4)
    shown = pair(images, torch.full((len(images), 4), END), length).with_(half=torch.full_like(length, int(half)))
    shown = shown.with_(text_hidden=torch.ones_like(shown.text, dtype=torch.bool))
    with torch.no_grad():
        return model.text_logits(model("i2t", shown).text).argmax(-1), length


def captioned(text: Tensor, shown: Things) -> Bool[Tensor, " n"]:
    """Whether each text is exactly the picture's caption, its end mark included."""
    wanted = torch.tensor(shown.captions)
    return (text[:, :3] == wanted).all(1) & (text[:, 3] == END)
