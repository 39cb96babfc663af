"""What the tests of MAGVLT make for themselves: tiny models with keyed weights, random pairs."""

import torch

from likewise import seeds
from likewise.magvlt.config import Shape
from likewise.magvlt.layout import pair
from likewise.magvlt.model import Transformer

TINY = {"image_side": 3, "image_codes": 20, "text_codes": 15, "text_length": 8, "width": 32, "layers": 2, "heads": 2}


def shape(**changes):
    return Shape(**{**TINY, **changes})


def keyed(model, seed=0, scale=0.15):
    """The model with every tensor drawn by its own name: norms near 1, the rest near 0."""
    for name, value in model.named_parameters():
        drawn = seeds.randn(value.shape, seed, name) * scale
        value.data = drawn + 1 if name.endswith(("ln1.weight", "ln2.weight", "ln.weight")) else drawn
    return model.eval().requires_grad_(False)


def tiny(seed=0, **changes):
    with seeds.initialising(seed, "tiny"):
        return keyed(Transformer(shape(**changes)), seed)


def random_pair(shape, count, seed=0, lengths=None):
    """Random tokens; lengths from 1 to all slots, or as given."""
    rng = seeds.stream(seed, "pair", count)
    image = torch.randint(shape.image_codes, (count, shape.image_slots), generator=rng)
    text = torch.randint(shape.text_codes, (count, shape.text_length), generator=rng)
    if lengths is None:
        lengths = torch.randint(1, shape.text_length + 1, (count,), generator=rng)
    return pair(image, text, torch.as_tensor(lengths))
