"""Learning two words: starts, what moves, seeds side by side, resuming, and the latent cache."""

import contextlib
from dataclasses import replace

import numpy as np
import pytest
import torch
from made_trees import config, first, vector

from likewise import images, imageset, seeds
from likewise.concept_tree import split
from likewise.concept_tree.split import LEFT, RIGHT, learn
from likewise.diffusion.backbone import Moments
from likewise.textual_inversion import descent
from likewise.textual_inversion import rows as textual_rows
from likewise.textual_inversion.draw import draw
from likewise.tuning.cache import views
from oracles.concept_tree import Sequential

FOUR = (0, 1000, 1234, 111)


@pytest.fixture
def taught(sd1, pictures):
    """What the photos teach, cached nowhere."""
    return split.data(sd1, imageset.load(pictures).photos, config(), None)


def run(backbone, taught, settings, judge=first, resume=None, until=None):
    """The words of each seed after every step, and the last state."""
    found, state = [], None
    with contextlib.closing(learn(backbone, taught, settings, judge, resume=resume)) as steps:
        for step in steps:
            state = step.state()
            found.append({seed: vector(words) for seed, words in split.words(state).items()})
            if step.index == until:
                break
    return found, state


def all_on(step, words):
    return list(words)


def trained(backbone, taught, chosen, steps, **options):
    """The words of these seeds, learned side by side for a while, all of them to the end."""
    settings = config(seeds=chosen, test_steps=steps, steps=steps + 1, **options)
    return run(backbone, taught, settings, all_on, until=steps)[0][-1]


def test_both_words_of_every_seed_start_at_the_row_of_one_word(sd1):
    table, ids = sd1.text_encoders[0].get_input_embeddings().weight, sd1.tokenizers[0]("dog").input_ids[1:-1]
    begin = split.starts(sd1, config())
    assert len(ids) == 1 and begin.keys() == {LEFT, RIGHT}
    assert all(torch.equal(rows, table[ids]) for rows in begin.values())


def test_every_sentence_holds_left_before_right_as_neighbours(taught):
    assert len(taught.prompts) == 27
    assert all(f"{LEFT} {RIGHT}" in sentence for sentence in taught.prompts)
    assert taught.prompts[0] == "a photo of a <left> <right>"


@pytest.mark.parametrize("last", [3, pytest.param(20, marks=pytest.mark.slow)])
def test_nothing_but_the_words_moves(sd1, taught, last):
    parts = [sd1.unet, sd1.vae, *sd1.text_encoders]
    before = [{name: value.clone() for name, value in part.state_dict().items()} for part in parts]
    moved, _ = run(sd1, taught, config(seeds=FOUR[:2], test_steps=last - 1, steps=last, weight_decay=0.1))
    for part, old in zip(parts, before, strict=True):
        assert all(torch.equal(value, old[name]) for name, value in part.state_dict().items())
    begin = vector(split.starts(sd1, config()))
    assert all((own != begin).all() for own in moved[last - 2].values())


@pytest.mark.parametrize("steps", [3, pytest.param(20, marks=pytest.mark.slow)])
def test_the_rows_are_those_of_the_whole_table_with_the_others_restored(sd1, folders, taught, double, steps):
    double(sd1)
    options = {"seeds": (7,), "test_steps": steps, "steps": steps + 1, "weight_decay": 0.1, "lr": 1e-3}
    settings = config(**options)
    found = run(sd1, taught, settings, until=steps)[0][-1][7]
    start = split.starts(sd1, settings)[LEFT].double()
    oracle = Sequential(folders["sd1"], start, lr=settings.lr * settings.samples, weight_decay=0.1)
    double(oracle.dense)
    oracle.dense.alphas = sd1.schedule.alphas_cumprod
    for index in range(steps):
        oracle.step([descent.draw(taught, split.word_config(settings), 7, index * 2, 1000)])
    slow = np.concatenate([oracle.left.numpy().ravel(), oracle.right.numpy().ravel()])
    assert np.abs(found - slow).max() <= 1e-12


@pytest.mark.parametrize(("chosen", "steps"), [((0, 1000), 2), pytest.param(FOUR, 20, marks=pytest.mark.slow)])
def test_seeds_side_by_side_learn_what_each_learns_alone_in_double_precision(sd1, taught, double, chosen, steps):
    double(sd1)
    together = trained(sd1, taught, chosen, steps)
    for seed in chosen:
        alone = trained(sd1, taught, (seed,), steps)[seed]
        assert alone.dtype == np.float64
        assert np.abs(together[seed] - alone).max() <= 1e-10


@pytest.mark.parametrize(("chosen", "steps"), [((0, 1000), 2), pytest.param(FOUR, 20, marks=pytest.mark.slow)])
def test_seeds_side_by_side_learn_what_each_learns_alone(sd1, taught, chosen, steps):
    together = trained(sd1, taught, chosen, steps, lr=5e-4)
    fewer = trained(sd1, taught, chosen[1:], steps, lr=5e-4)
    for seed in chosen:
        assert np.abs(together[seed] - trained(sd1, taught, (seed,), steps, lr=5e-4)[seed]).max() <= 1e-5
    assert all(np.abs(together[seed] - fewer[seed]).max() <= 1e-5 for seed in chosen[1:])


def test_seeds_with_the_same_draws_learn_the_same_words_and_others_do_not(sd1, taught, monkeypatch):
    apart = trained(sd1, taught, (0, 1000), 2)
    assert not np.allclose(apart[0], apart[1000])
    numbers = seeds.numpy_stream
    monkeypatch.setattr(seeds, "numpy_stream", lambda seed, *names: numbers(0, *names))
    shared = trained(sd1, taught, (0, 1000), 2)
    assert np.allclose(shared[0], shared[1000], atol=1e-6)


def test_four_passes_of_two_pictures_are_one_pass_of_eight(sd1, taught, double):
    double(sd1)
    whole = trained(sd1, taught, (3,), 1, batch=8)[3]
    parts = trained(sd1, taught, (3,), 1, batch=2, accumulation=4)[3]
    assert np.abs(whole - parts).max() <= 1e-12


def test_the_rate_is_constant_and_scaled_by_the_pictures_a_step(sd1, taught):
    settings = config(lr=5e-4, batch=2, accumulation=4, seeds=(0,))
    with contextlib.closing(learn(sd1, taught, settings, first)) as steps:
        assert {step.lr for step in steps} == {4e-3}


def test_losses_are_told_by_seed(sd1, taught):
    with contextlib.closing(learn(sd1, taught, config(), first)) as steps:
        told = [step.losses for step in steps]
    assert {"loss of seed 0", "loss of seed 1000"} <= told[0].keys()
    assert not any(name.startswith("loss ") for name in told[-1])


def test_the_judge_is_asked_once_and_the_chosen_seed_goes_on_alone(sd1, taught):
    asked = []

    def second(step, words):
        asked.append((step, list(words)))
        return [1000]

    found, state = run(sd1, taught, config(), second)
    assert asked == [(2, [0, 1000])]
    assert [list(words) for words in found] == [[0, 1000], [0, 1000], [1000], [1000]]
    assert state.data["seeds"] == [1000]


def test_a_judge_that_takes_none_ends_the_learning(sd1, taught):
    assert len(run(sd1, taught, config(), lambda step, words: [])[0]) == 2


def test_two_hundred_steps_then_the_rest_are_the_straight_run(sd1, taught, double):
    double(sd1)
    chosen = run(sd1, taught, config(seeds=(0, 1000)), lambda step, words: [1000])[0][-1][1000]
    straight = run(sd1, taught, config(seeds=(1000,)))[0][-1][1000]
    assert np.abs(chosen - straight).max() <= 1e-10


@pytest.mark.parametrize("stop", [1, 2, 3])
def test_a_resumed_split_is_the_uninterrupted_one_bit_for_bit(sd1, taught, stop):
    _, end = run(sd1, taught, config())
    _, middle = run(sd1, taught, config(), until=stop)
    _, resumed = run(sd1, taught, config(), resume=middle)
    assert end.data == resumed.data and end.tensors.keys() == resumed.tensors.keys()
    assert all(torch.equal(end.tensors[name], value) for name, value in resumed.tensors.items())


def test_cached_moments_with_the_same_noise_are_those_of_the_photo_encoded_anew_both_ways_round(sd1, pictures):
    photos = imageset.load(pictures).photos
    straight, mirrored = views(sd1, photos, True, None)
    noise = seeds.randn(straight.mean[0].shape, 0, "posterior")
    for cached, turn in ((straight, lambda x: x), (mirrored, lambda x: x.flip(-1))):
        framed = images.to_tensor([images.cover(images.read(photos[0].path), sd1.facts.image_size)])
        fresh = sd1.encode_images(turn(framed))
        drawn = [Moments(one.mean[0], one.logvar[0]).sample(noise) for one in (cached, fresh)]
        assert torch.equal(*drawn)
    assert not torch.allclose(straight.mean.flip(-1), mirrored.mean, atol=1e-3)  # a turned latent is another picture's


@pytest.fixture
def double(monkeypatch):
    """double(model or oracle): it computes in float64 from text to loss, and so do the rows that learn."""
    undo = []

    class Wide:
        float32 = torch.float64

        def __getattr__(self, name):
            return getattr(torch, name)

    monkeypatch.setattr(textual_rows, "torch", Wide())
    monkeypatch.setattr(torch.Tensor, "float", torch.Tensor.double)

    def drawn(*about):
        batch = draw(*about)
        return replace(batch, latents=batch.latents.double(), noise=batch.noise.double())

    monkeypatch.setattr(descent, "draw", drawn)

    def widen(model):
        encoders = getattr(model, "text_encoders", None) or [model.encoder]
        for module in (model.unet, *encoders):
            module.double()
            undo.append(module)
        if hasattr(model, "facts"):
            unet, wide = model.unet, model.schedule.alphas_cumprod.double()
            monkeypatch.setattr(model, "schedule", replace(model.schedule, alphas_cumprod=wide))
            monkeypatch.setattr(
                model, "predict", lambda noisy, t, text: unet(noisy.double(), t, text.embeds.double()).sample
            )
        else:
            model.table = model.encoder.get_input_embeddings().weight
            model.optimiser.param_groups[0]["params"] = [model.table]
            model.before = model.before.double()

    yield widen
    monkeypatch.undo()
    for module in undo:
        module.float()
