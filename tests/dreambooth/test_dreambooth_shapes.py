"""A tiny model that knows coloured shapes is taught one of its own: it learns it, and the prior keeps what it knew.

Everything is in latent space, where a shape is a rectangle of one colour (a vector of four channels) on nothing. A dog
is a square, a cat a wide bar, both of any colour and place; the subject is a square of a colour that no dog has.
"""

import numpy as np
import pytest
import torch

from likewise.diffusion.backbone import Moments
from likewise.dreambooth.config import Config
from likewise.dreambooth.draw import Data
from likewise.dreambooth.learn import learn
from likewise.tuning.memory import weights
from likewise.tuning.objective import errors
from likewise.tuning.samples import collate, sample

pytestmark = pytest.mark.slow

SIDES = {"dog": (3, 3), "cat": (2, 6)}  # cells of 8 x 8
OWN = torch.tensor([2.0, -2.0, 2.0, -2.0])


def shape(noun, rng, colour=None):
    """One latent (4, 8, 8)."""
    height, width = SIDES[noun]
    top, left = (int(rng.integers(8 - side + 1)) for side in (height, width))
    picture = torch.full((4, 8, 8), -0.5)
    colour = torch.tensor(rng.uniform(0, 1.5, 4), dtype=torch.float32) if colour is None else colour
    picture[:, top : top + height, left : left + width] = colour.view(4, 1, 1)
    return picture


def shapes(noun, count, seed, colour=None):
    rng = np.random.default_rng(seed)
    return torch.stack([shape(noun, rng, colour) for _ in range(count)])


@pytest.fixture(scope="module")
def taught(folders):
    """A model that has seen 200 dogs and 200 cats."""
    from likewise import diffusion

    backbone = diffusion.load(folders["sd1"])
    photos = torch.cat([shapes("dog", 200, 1), shapes("cat", 200, 2)])
    data = Data((Moments(photos),), ("a dog",) * 200 + ("a cat",) * 200, "a dog", hash="world")
    config = Config(train="full", prior="none", steps=250, batch=4, lr=1e-3, text_lr=1e-3, train_text=True)
    for step in learn(backbone, data, config, 0):
        learned = step
    named = {"unet": backbone.unet, "text_encoder": backbone.text_encoders[0]}
    state = weights(learned.state())
    for part, module in named.items():
        module.load_state_dict(
            {name.removeprefix(f"{part}."): value for name, value in state.items() if name.startswith(f"{part}.")}
        )
    return backbone


@torch.no_grad()
def error(backbone, latents, prompt):
    """The mean loss on these latents, over the same 64 timesteps and noises each time."""
    prompts = (prompt,) * len(latents)
    batch = collate([sample([Moments(latents)], prompts, 99, "test", n, timesteps=1000) for n in range(64)], 64)
    return errors(backbone, batch, backbone.encode_text([prompt]).repeat(64)).mean().item()


def personalised(backbone, seed, prior):
    """(photos, class) errors before and after learning three photos of the subject."""
    photos, dogs = shapes("dog", 3, 100 + seed, OWN), shapes("dog", 16, 200 + seed)
    held = (shapes("dog", 3, 300 + seed, OWN), "a zxq dog"), (shapes("dog", 32, 400 + seed), "a dog")
    data = Data((Moments(photos),), ("a zxq dog",) * 3, "a dog", (Moments(dogs),), hash="photos")
    before = [error(backbone, *one) for one in held]
    config = Config(train="full", prior=prior, steps=60, batch=2, lr=3e-4)
    for step in learn(backbone, data, config, seed):
        if step.index == config.steps:
            after = [error(backbone, *one) for one in held]
    return before, after


def test_photos_are_learned_and_the_prior_keeps_the_class(taught):
    for seed in range(3):
        (photos, noun), (photos_alone, noun_alone) = personalised(taught, seed, "none")
        _, (photos_kept, noun_kept) = personalised(taught, seed, "images")
        assert photos_alone <= 0.7 * photos and photos_kept <= 0.7 * photos
        assert noun_alone > noun
        assert noun_kept - noun < noun_alone - noun
