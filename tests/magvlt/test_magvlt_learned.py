"""What models of a small world have learned: lengths that do not leak, captions, drawings, halves."""

import math

import pytest
import torch
from magvlt_made import random_pair, shape

from likewise import seeds
from likewise.magvlt import data, smallworld
from likewise.magvlt.config import Config
from likewise.magvlt.layout import Special
from likewise.magvlt.learn import learn
from likewise.magvlt.model import Transformer
from likewise.magvlt.objective import alone


def taught(size, pairs, config, seed=0):
    with seeds.initialising(seed, "taught"):
        model = Transformer(size)
    for _ in learn(model, pairs, config, seed):
        pass
    return model.eval().requires_grad_(False)


def coins(size, count, seed):
    """Texts of 3 or 7 tokens by a fair coin that no picture knows of."""
    lengths = torch.randint(2, (count,), generator=seeds.stream(seed, "coins")) * 4 + 3
    return random_pair(size, count, seed, lengths)


@pytest.mark.parametrize("mode", ["isolated", "closed", "reference"])
def test_a_length_that_the_picture_does_not_tell_is_guessed_unless_it_leaks(mode):
    changes = {"closed": {"prefix_mode": "closed"}, "reference": {"length_mode": "reference"}}.get(mode, {})
    size = shape(image_side=1, text_codes=4, **changes)
    known = coins(size, 600, 0)
    pairs = data.Pairs(known.image, known.text, known.length, (-1, 0))
    config = Config(
        steps=160, batch=32, t2i=0, i2t=1, it2it=0, length_weight=1, text_weight=0, lr=1e-2, warmup=0.1,
        decay="plateau", smoothing=0, residual_dropout=0, attention_dropout=0,
    )  # fmt: skip
    model = taught(size, pairs, config)
    asked = coins(size, 400, 1)
    asked = asked.with_(text_hidden=asked.written)
    bot = alone(model, asked) if mode == "isolated" else model("i2t", asked).bot
    right = (model.length_logits(bot).argmax(1) + 1 == asked.length).float().mean().item()
    if mode == "reference":
        assert right > 0.95  # the test can see a leak
    else:
        assert abs(right - 0.5) <= 3 * math.sqrt(0.25 / 400)


ROUND = Config(
    steps=1500, batch=64, t2i=1, i2t=1, it2it=0, lr=2e-3, smoothing=0, drop=0, length_weight=0.1,
    residual_dropout=0, attention_dropout=0,
)  # fmt: skip


@pytest.mark.slow
def test_a_small_world_is_described_exactly_and_drawn_as_asked():
    model = taught(smallworld.SHAPE, smallworld.pairs(smallworld.things(4000)), ROUND)
    new = smallworld.things(256, 1)
    text, _ = smallworld.described(model, new.images)
    assert smallworld.captioned(text, new).float().mean() >= 0.98
    pictures = {steps: smallworld.drawn(model, new, steps) for steps in (1, 2, 4, 8)}
    assert smallworld.follows(pictures[8], new).float().mean() >= 0.75
    agreed = [smallworld.agrees(codes).float().mean().item() for codes in pictures.values()]
    assert agreed[0] < agreed[2] < agreed[3], agreed  # more steps, fewer pictures of two styles


@pytest.mark.slow
def test_the_token_of_a_half_turns_the_answer_only_where_mixing_was_learned():
    flipped = {}
    pairs = smallworld.pairs(smallworld.things(4000))
    new = smallworld.things(200, 1)
    mixed = smallworld.pairs(new).joined(torch.arange(200), torch.arange(200).roll(-1), False)
    captions = torch.tensor(new.captions)
    differ = (captions != captions.roll(-1, 0)).any(1)
    for share in (0.0, 1.0):
        config = ROUND.model_copy(update={"t2i": 0.0, "mixsel": share, "steps": 2500})
        model = taught(smallworld.SHAPE, pairs, config)
        left, right = (smallworld.described(model, mixed, half=h)[0][:, :3] for h in (Special.LEFT, Special.RIGHT))
        flipped[share] = (left != right).any(1)[differ].float().mean().item()
        if share:
            assert (left == captions).all(1).float().mean() > 0.9
            assert (right == captions.roll(-1, 0)).all(1).float().mean() > 0.9
    assert flipped[1.0] >= 0.9 and flipped[0.0] <= 0.05, flipped


def test_the_small_world_s_pictures_are_what_its_measures_say():
    shown = smallworld.things(100)
    assert smallworld.follows(shown.images, shown).all() and smallworld.agrees(shown.images).all()
    other = shown.images.clone()
    other[:, 5] = (other[:, 5] + smallworld.STYLE) % (2 * smallworld.STYLE)
    assert smallworld.follows(other, shown).all() and not smallworld.agrees(other).any()
    assert not smallworld.follows(shown.images.roll(1, 0), shown).all()
    assert shown.images[0].reshape(4, 4).unique().numel() == 2 and len(shown.captions[0]) == 3


def test_joined_pictures_of_the_small_world_are_its_pictures_squashed():
    shown = smallworld.things(2)
    join = smallworld.pairs(shown).joined
    first, second = (shown.images[i].reshape(4, 4) for i in range(2))
    across = join(torch.tensor([0]), torch.tensor([1]), False).reshape(4, 4)
    assert torch.equal(across[:, :2], first[:, ::2]) and torch.equal(across[:, 2:], second[:, ::2])
    upright = join(torch.tensor([0]), torch.tensor([1]), True).reshape(4, 4)
    assert torch.equal(upright[:2], first[::2]) and torch.equal(upright[2:], second[::2])
