"""The loop: resuming, batches, rates, lengths, precision, and what it refuses or warns of."""

import dataclasses
import warnings

import pytest
import torch
from made_words import WORD, data_for

from likewise import checkpoint, training
from likewise.devices import Device
from likewise.errors import (
    LongWordWarning,
    NonFiniteLossError,
    NothingToLearnError,
    ResumeMismatchError,
    StillWordWarning,
)
from likewise.textual_inversion import Config, vectors
from likewise.textual_inversion.draw import draw
from likewise.textual_inversion.learn import learn
from likewise.tuning.memory import weights


def same(first, second):
    """Two states are equal bit for bit."""
    assert first.tensors.keys() == second.tensors.keys()
    assert [name for name in first.tensors if not torch.equal(first.tensors[name], second.tensors[name])] == []
    return first.data == second.data


CASES = [
    {"accumulation": 3, "vectors": 2, "ema": 0.9, "warmup": 2, "norm": "std"},
    {"batch": 2, "norm": "median", "lr_schedule": "constant", "offset_noise": 0.1},
]
QUICK = [(0, 1), (0, 3), (1, 4)]  # case, step; the photos are three, so: in an epoch, at its end, in the next
RESUMES = [
    pytest.param(CASES[case], stop, marks=() if (case, stop) in QUICK else pytest.mark.slow)
    for case in range(2)
    for stop in (1, 3, 4)
]


@pytest.mark.parametrize(("options", "stop"), RESUMES)
def test_a_resumed_run_is_the_uninterrupted_one_bit_for_bit(run, options, stop):
    straight, end = run(steps=5, **options)
    _, middle = run(steps=5, until=stop, **options)
    rest, resumed = run(steps=5, resume=middle, **options)
    assert [step.index for step in rest] == list(range(stop + 1, 6))
    assert [(s.losses, s.lr) for s in straight[stop:]] == [(s.losses, s.lr) for s in rest]
    assert same(end, resumed)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"lr": 0.5}, "lr was 0.01 and is 0.5"),
        ({"seed": 3}, "the seed was another; the seeds were another"),
        ({"word": "<bob>"}, "the starts were another"),
    ],
)
def test_a_state_of_another_run_is_refused(run, sd1, changes, said):
    _, state = run(steps=3, until=1)
    word = {"data": data_for(sd1, word=changes["word"])} if "word" in changes else {}
    with pytest.raises(ResumeMismatchError, match=said):
        run(**{"steps": 3, "resume": state, **{k: v for k, v in changes.items() if k != "word"}, **word})


def test_the_same_seed_gives_the_same_bits_and_looking_changes_nothing(run, sd1):
    _, first = run(steps=2)
    torch.manual_seed(5)
    for step in learn(sd1, data_for(sd1), Config(steps=2, lr=1e-2), 0):
        before = torch.get_rng_state()
        torch.randn(3)
        sd1.encode_text([f"a {WORD}"], vectors(weights(step.state())))
        assert not torch.equal(torch.get_rng_state(), before)
    assert same(first, step.state())
    assert not torch.equal(vectors(weights(first))[WORD], vectors(weights(run(steps=2, seed=1)[1]))[WORD])


def test_four_batches_of_one_are_one_batch_of_four(run):
    one, first = run(steps=1, batch=4, snr_gamma=5.0)
    four, second = run(steps=1, accumulation=4, snr_gamma=5.0)
    assert four[0].losses["loss"] == pytest.approx(one[0].losses["loss"], abs=1e-6)
    for name in first.tensors:
        if "exp_avg/" in name:  # a tenth of the gradient
            assert (first.tensors[name] - second.tensors[name]).abs().max() <= 1e-7


def test_the_rate_is_scaled_by_the_photos_a_step_and_falls_to_its_tenth(run):
    assert Config(lr=5e-4, batch=2, accumulation=3).rate == pytest.approx(3e-3)
    assert Config(lr=5e-4, batch=2, accumulation=3, scale_lr=False).rate == 5e-4
    steps, _ = run(steps=3, lr=1e-3, accumulation=2, warmup=1)
    assert [step.lr for step in steps] == pytest.approx([2e-3, 1.1e-3, 2e-4])


def test_sentences_are_drawn_for_photos_without_a_caption(sd1):
    data = data_for(sd1)
    batch = draw(data, Config(batch=30), 0, 0, 1000)
    assert set(batch.prompts) == {*data.prompts, data.captions[1]}
    assert batch.prompts.count(data.captions[1]) == 10  # every third photo is the one with a caption


def test_min_snr_weighs_each_row_by_its_own_timestep(run, sd1):
    config = Config(steps=1, batch=2, snr_gamma=5.0)
    data = data_for(sd1)
    (step, *_), _ = run(steps=1, batch=2, snr_gamma=5.0)
    batch = draw(data, config, 0, 0, 1000)
    text = sd1.encode_text(batch.prompts, data.words)
    noisy = sd1.schedule.add_noise(batch.latents, batch.noise, batch.t)
    rows = (sd1.predict(noisy, batch.t, text) - batch.noise).square().mean(dim=(1, 2, 3))
    assert step.losses["loss"] == pytest.approx((rows * sd1.schedule.min_snr_weight(batch.t)).mean().item(), abs=1e-6)


def test_lengths_follow_the_norm_setting(run, sd1):
    table = sd1.text_encoders[0].get_input_embeddings().weight
    _, free = run(steps=3, vectors=2, lr=0.5)
    _, fixed = run(steps=3, vectors=2, lr=0.5, norm="median")
    _, pulled = run(steps=3, vectors=2, lr=0.5, norm="std")
    rows = {kind: vectors(weights(s))[WORD] for kind, s in {"none": free, "median": fixed, "std": pulled}.items()}
    assert rows["median"].norm(dim=1) == pytest.approx([table.norm(dim=1).median().item()] * 2, rel=1e-5)
    assert abs(rows["std"].std() / table.std() - 1) < abs(rows["none"].std() / table.std() - 1)


def test_the_steps_say_how_far_and_how_long_the_rows_are(run, sd1):
    steps, state = run(steps=2, vectors=2, lr=0.1)
    start = data_for(sd1, 2).words[WORD]
    rows = vectors(weights(state))[WORD]
    table = sd1.text_encoders[0].get_input_embeddings().weight
    assert steps[-1].losses["moved"] == pytest.approx(((rows - start).norm(dim=1) / start.norm(dim=1)).min().item())
    assert steps[-1].losses["length"] == pytest.approx((rows.norm(dim=1).max() / table.norm(dim=1).median()).item())


def test_a_word_that_hardly_moved_or_grew_too_long_is_warned_of(sd1):
    with pytest.warns(StillWordWarning, match=r"moved by only 0\.\d\d%"):
        list(learn(sd1, data_for(sd1), Config(steps=2, lr=1e-5), 0))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        list(learn(sd1, data_for(sd1), Config(steps=3, lr=50.0), 0))
    assert [type(one.message) for one in caught] == [LongWordWarning]


def test_under_bfloat16_autocast_rows_and_moments_stay_float32(sd1):
    config = Config(steps=1, lr=0.1)
    *_, step = learn(sd1, data_for(sd1), config, 0, device=Device("cpu", torch.bfloat16, ""))
    assert {value.dtype for value in step.state().tensors.values()} == {torch.float32}


def test_recomputing_activations_changes_memory_and_not_the_result(run, sd1):
    _, plain = run(steps=2)
    _, frugal = run(steps=2, checkpointing=True)
    assert torch.equal(plain.tensors[f"weights/0/{WORD}/0"], frugal.tensors[f"weights/0/{WORD}/0"])
    assert not sd1.unet.is_gradient_checkpointing


def test_a_loss_that_is_not_finite_stops_the_run_and_the_last_good_rows_stay(sd1, tmp_path):
    data = data_for(sd1)
    photos = dataclasses.replace(data.photos[0], mean=data.photos[0].mean.clone())
    data = dataclasses.replace(data, photos=(photos,))
    steps = learn(sd1, data, Config(steps=9, lr=1e-2), 0)

    def poisoned():
        for step in steps:
            yield step
            if step.index == 3:
                photos.mean[:] = float("inf")

    with pytest.raises(NonFiniteLossError, match="step 4"):
        training.run(poisoned(), folder=tmp_path, total=9, save_every=1, quiet=True)
    newest = checkpoint.latest(tmp_path / "checkpoints")
    assert newest.name == "000003"
    assert all(torch.isfinite(value).all() for value in checkpoint.load_state(newest)[0].values())


def test_nothing_to_learn_from_is_an_error(sd1):
    data = data_for(sd1)
    with pytest.raises(NothingToLearnError, match="no photos"):
        next(learn(sd1, dataclasses.replace(data, photos=()), Config(), 0))
    with pytest.raises(NothingToLearnError, match="No sentence holds <rob>"):
        next(learn(sd1, dataclasses.replace(data, prompts=("a dog",), captions=(None,) * 3), Config(), 0))
    with pytest.raises(NothingToLearnError, match="No sentence holds a word"):
        next(learn(sd1, dataclasses.replace(data, words={}), Config(), 0))
