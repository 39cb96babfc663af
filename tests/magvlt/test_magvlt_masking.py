"""How many slots are hidden and revealed, and which: exact sequences, ranges, and what must never be touched."""

import math
from itertools import pairwise

import pytest
import torch
from magvlt_made import random_pair, shape, tiny

from likewise import seeds
from likewise.magvlt import draw, invent, masking, reveal, write
from likewise.magvlt.config import Config, Drawing, Writing


def generators(count, seed=0):
    return [seeds.stream(seed, "sample", i) for i in range(count)]


def test_the_released_schedule_reveals_3_9_15_and_so_on():
    slots = hidden = torch.tensor([256])
    counts = []
    for step in range(1, 11):
        counts.append(int(reveal.to_reveal(10, step, slots, hidden)))
        hidden = hidden - counts[-1]
    assert counts == [3, 9, 15, 21, 26, 31, 34, 37, 39, 41] and int(hidden) == 0


def test_ten_words_are_guessed_again_10_9_8_and_so_on():
    counts = [int(reveal.to_hide(12, step, torch.tensor([10]))) for step in range(12)]
    assert counts == [10, 9, 8, 7, 6, 5, 5, 4, 3, 2, 1, 1]


@pytest.mark.parametrize("steps", [1, 3, 10, 40])
@pytest.mark.parametrize("slots", [1, 7, 64])
def test_every_slot_is_revealed_once_whatever_the_number_of_steps(steps, slots):
    hidden = total = torch.tensor([slots])
    for step in range(1, steps + 1):
        count = reveal.to_reveal(steps, step, total, hidden)
        assert int(count) >= (1 if int(hidden) and step < steps else 0)
        hidden = hidden - count
    assert int(hidden) == 0


@pytest.mark.parametrize(("share", "count"), [(0.0, 1), (0.01, 1), (0.5, 5), (0.51, 6), (1.0, 10)])
def test_hidden_slots_are_counted_up_and_clamped(share, count):
    assert masking.hidden_of(torch.tensor([share]), torch.tensor([10])).tolist() == [count]


@pytest.mark.parametrize(("share", "count"), [(0.0, 1), (0.5, 5), (0.59, 5), (1.0, 10)])
def test_slots_within_a_chosen_part_are_counted_down_and_clamped(share, count):
    assert masking.fewer_of(torch.tensor([share]), torch.tensor([10])).tolist() == [count]


@pytest.mark.parametrize("schedule", ["cosine", "linear", "sqrt"])
def test_shares_run_between_all_and_nothing(schedule):
    r = torch.linspace(0, 1, 11)
    image, text = masking.image_share(schedule, r), masking.text_share(schedule, r)
    assert image[0] == 1 and image[-1].abs() < 1e-6 and (image.diff() < 0).all()
    assert ((text >= 0) | (text.abs() < 1e-6)).all() and (text <= 1).all()
    falls = schedule == "cosine"
    assert (text.diff() < 0).all() if falls else (text.diff() > 0).all()


@pytest.mark.parametrize("task", ["t2i", "i2t", "it2it"])
def test_a_task_hides_what_it_asks_for_and_never_padding(task):
    pair = random_pair(shape(), 400, lengths=[1 + i % 8 for i in range(400)])
    shown = masking.hide(task, pair, Config(), seeds.stream(0, task))
    image, text = shown.image_hidden.sum(1), shown.text_hidden.sum(1)
    assert not bool((shown.text_hidden & ~shown.written).any())
    assert bool((image >= 1).all()) if task != "i2t" else not bool(image.any())
    assert bool((text >= 1).all()) if task != "t2i" else not bool(text.any())
    if task != "i2t":  # the mean of cos(pi r / 2) is 2 / pi
        assert image.float().mean() / 9 == pytest.approx(2 / math.pi + 0.5 / 9, abs=0.05)


def test_the_two_modalities_of_a_joint_step_share_their_number():
    pair = random_pair(shape(text_length=101, image_side=10), 50, lengths=[100] * 50)
    shown = masking.hide("it2it", pair, Config(), seeds.stream(0, "joint"))
    r = shown.text_hidden.sum(1) / 100
    assert (shown.image_hidden.sum(1) / 100 - torch.cos(0.5 * math.pi * r)).abs().max() < 0.04


def test_a_subset_is_uniform_and_within_what_may_be_chosen():
    eligible = torch.tensor([[True, False, True, True, False]]).expand(3000, 5)
    chosen = masking.subset(eligible, torch.full((3000,), 2), seeds.stream(0, "subset"))
    assert (chosen.sum(1) == 2).all() and not chosen[:, [1, 4]].any()
    assert (chosen.float().mean(0)[[0, 2, 3]] - 2 / 3).abs().max() < 0.03


# Decoding


@pytest.fixture(scope="module")
def model():
    return tiny()


def text_of(model, count, length=4):
    pair = random_pair(model.shape, count, lengths=[length] * count)
    return pair.text, pair.length


def test_drawing_fills_each_slot_once_and_never_looks_back(model):
    text, length = text_of(model, 3)
    before = None
    for canvas in draw.steps(model, text, length, generators(3), Drawing(steps=4)):
        if before is not None:
            assert not bool((canvas.hidden & ~before.hidden).any())
            assert torch.equal(canvas.image[~before.hidden], before.image[~before.hidden])
        before = canvas
    assert not bool(before.hidden.any())


def test_inpainting_keeps_every_slot_that_is_not_asked_for(model):
    text, length = text_of(model, 4)
    image = random_pair(model.shape, 4, seed=5).image
    anew = torch.zeros_like(image, dtype=torch.bool)
    anew[0, 4], anew[1, :], anew[2, ::2], anew[3, 1:3] = True, True, True, True
    drawn = draw.last(draw.steps(model, text, length, generators(4), Drawing(steps=6), image=image, anew=anew))
    assert torch.equal(drawn[~anew], image[~anew])
    assert not torch.equal(drawn[anew], image[anew])


def test_infilling_changes_the_blanks_alone(model):
    text, length = text_of(model, 3, 6)
    blank = torch.zeros_like(text, dtype=torch.bool)
    blank[:, [1, 4]] = True
    image = random_pair(model.shape, 3, seed=5).image
    for seen in (True, False):
        steps = write.steps(model, image, text, length, generators(3), Writing(temperature=2.0), blank=blank, seen=seen)
        page = write.last(steps)
        assert torch.equal(page.text[~blank], text[~blank])
        assert bool((page.scores[~blank] == 0).all()) and bool((page.scores[blank] < 0).all())


def test_what_was_written_may_change_and_what_was_drawn_may_not(model):
    text, length = text_of(model, 1, 8)
    pages = list(write.steps(model, text[:, :9].new_zeros(1, 9), text, length, generators(1), Writing(temperature=3.0)))
    changes = [(a.text != b.text).sum() for a, b in pairwise(pages)]
    assert sum(map(int, changes)) > 0 and len(pages) == 12


@pytest.mark.parametrize("prefix", ["open", "closed"])
def test_eight_at_once_are_eight_alone(prefix):
    model = tiny(prefix_mode=prefix)
    text, length = text_of(model, 8)
    image = random_pair(model.shape, 8, seed=5).image
    together = draw.last(draw.steps(model, text, length, generators(8), Drawing(steps=4)))
    words = write.last(write.steps(model, image, text, length, generators(8), Writing(temperature=1.0))).text
    for i in range(8):
        own, one = [generators(8)[i]], slice(i, i + 1)
        assert torch.equal(draw.last(draw.steps(model, text[one], length[one], own, Drawing(steps=4)))[0], together[i])
        own = [generators(8)[i]]
        alone = write.last(write.steps(model, image[one], text[one], length[one], own, Writing(temperature=1.0)))
        assert torch.equal(alone.text[0], words[i])


def test_the_same_seed_draws_the_same_and_another_another(model):
    text, length = text_of(model, 2)

    def drawn(seed):
        return draw.last(draw.steps(model, text, length, generators(2, seed), Drawing(steps=3)))

    assert torch.equal(drawn(0), drawn(0)) and not torch.equal(drawn(0), drawn(1))


def test_no_global_generator_is_touched(model):
    text, length = text_of(model, 2)
    before = torch.random.get_rng_state()
    draw.last(draw.steps(model, text, length, generators(2), Drawing(steps=2)))
    write.last(write.steps(model, text.new_zeros(2, 9), text, length, generators(2), Writing(steps=2)))
    list(invent.steps(model, torch.ones(8), 14, generators(2), Drawing(steps=2)))
    assert torch.equal(before, torch.random.get_rng_state())


def test_a_closed_prefix_gives_the_words_of_the_whole_sequence():
    model = tiny(prefix_mode="closed")
    text, length = text_of(model, 3)
    image = random_pair(model.shape, 2, seed=5).image[[0, 1, 0]]
    hidden = torch.arange(8) < length[:, None]
    from likewise.magvlt.reader import Reader

    cached = Reader(model, image)
    assert cached.cached and len(cached.kept[0][0]) >= 2
    whole = Reader(model, image)
    whole.cached = False
    ours, theirs = (reader.logits(text, length, hidden) for reader in (cached, whole))
    assert torch.allclose(ours, theirs, atol=1e-5)


def test_inventing_ends_with_nothing_hidden_and_lengths_of_the_histogram(model):
    histogram = torch.tensor([0, 0, 5, 0, 5, 0, 0, 0])
    *_, both = invent.steps(model, histogram, 14, generators(6), Drawing(steps=5))
    assert not bool(both.image_hidden.any()) and not bool(both.text_hidden.any())
    assert set(both.length.tolist()) <= {3, 5}
    padding = torch.arange(8) >= both.length[:, None]
    assert bool((both.text[padding] == 14).all())


def test_tokens_follow_their_probabilities():
    logits = torch.tensor([0.5, 0.2, 0.3]).log().expand(20000, 3)
    found, probability = reveal.tokens(logits, torch.rand(20000, generator=seeds.stream(0, "u")))
    assert (torch.bincount(found, minlength=3) / 20000 - torch.tensor([0.5, 0.2, 0.3])).abs().max() < 0.015
    assert torch.allclose(probability, logits.exp().gather(1, found[:, None])[:, 0])


def test_guidance_of_one_adds_nothing_and_more_goes_away_from_no_prompt(model):
    text, length = text_of(model, 2)
    hidden = torch.ones(2, 9, dtype=torch.bool)
    shown = random_pair(model.shape, 2).with_(text=text, length=length, image_hidden=hidden)
    bare = shown.with_(text=torch.full_like(text, 14), length=torch.ones_like(length))
    bound, free = draw.guided(model, shown, 1, None), draw.guided(model, bare, 1, None)
    assert torch.allclose(draw.guided(model, shown, 3.0, 14), free + 3 * (bound - free), atol=1e-4)
