"""The loop: what changes and what must not, resuming, batches, precision, and settings that would do nothing."""

import dataclasses

import pytest
import torch

from likewise import diffusion
from likewise.devices import Device
from likewise.diffusion import lora_formats
from likewise.dreambooth.config import Config
from likewise.dreambooth.draw import Data, draw
from likewise.dreambooth.learn import learn
from likewise.errors import BrokenCheckpointError, NothingToLearnError, ResumeMismatchError
from likewise.training import State
from likewise.tuning.memory import weights
from likewise.tuning.rates import lr_factor
from likewise.tuning.samples import pick


def everything(backbone):
    modules = {**lora_formats.components(backbone), "vae": backbone.vae}
    return {f"{part}.{name}": value.clone() for part, m in modules.items() for name, value in m.state_dict().items()}


def same(first, second):
    """Two states are equal bit for bit."""
    assert first.tensors.keys() == second.tensors.keys()
    assert [name for name in first.tensors if not torch.equal(first.tensors[name], second.tensors[name])] == []
    return first.data == second.data


TEXT = [pytest.param(False, marks=pytest.mark.slow), True]  # with the text encoder, the U-Net learns too


@pytest.mark.parametrize("text", TEXT)
def test_a_lora_changes_no_weight_of_the_model_and_all_of_its_own(load, run, text):
    backbone = load()
    before = everything(backbone)
    _, first, _ = run(backbone=backbone, train_text=text, steps=1, rank=2, alpha=2)
    _, last, _ = run(backbone=backbone, train_text=text, steps=20, rank=2, alpha=2)
    after = everything(backbone)
    assert [name for name in before if not torch.equal(before[name], after[name])] == []
    assert [name for name in first.tensors if name.endswith("up.weight") and not first.tensors[name].any()] == []
    changed = [
        n for n in first.tensors if n.startswith("weights/") and not torch.equal(first.tensors[n], last.tensors[n])
    ]
    assert len(changed) == len([n for n in first.tensors if n.startswith("weights/")])
    assert any(name.startswith("weights/text_encoder") for name in changed) == text


@pytest.mark.parametrize("text", TEXT)
def test_full_training_changes_every_weight_that_can_learn_and_nothing_else(load, run, text):
    backbone = load()
    before = everything(backbone)
    _, state, _ = run(backbone=backbone, train="full", train_text=text, steps=20, lr=1e-4)
    learned = {name.removeprefix("weights/"): value for name, value in state.tensors.items() if "weights/" in name}
    parts = ("unet", "text_encoder") if text else ("unet",)
    assert learned.keys() == {n for n in before if n.split(".")[0] in parts and "position_ids" not in n}
    assert [name for name in learned if torch.equal(learned[name], before[name])] == []
    after = everything(backbone)
    assert [name for name in before if not torch.equal(before[name], after[name])] == []
    assert not any(p.requires_grad or p.grad is not None for p in backbone.unet.parameters())


@pytest.mark.parametrize("train", ["lora", "full"])
def test_the_last_state_can_still_be_taken_when_the_model_has_been_given_back(load, data_for, train):
    backbone = load()
    for step in learn(backbone, data_for(backbone), Config(train=train, steps=2, lr=1e-3, rank=2, alpha=2), 0):
        during = step.state()
    assert same(during, step.state())


@pytest.mark.parametrize("train", ["lora", "full"])
def test_nothing_but_the_trained_part_moves_during_training(load, data_for, train):
    backbone = load()
    before = everything(backbone)
    config = Config(train=train, steps=3, lr=1e-3, rank=2, alpha=2)
    for _ in learn(backbone, data_for(backbone), config, 0):
        now = everything(backbone)
        moved = {name.split(".")[0] for name in before if not torch.equal(before[name], now[name])}
        assert moved == ({"unet"} if train == "full" else set())


CASES = [
    {"train": "lora", "rank": 2, "accumulation": 3, "ema": 0.9, "lr_schedule": "cosine", "warmup": 2},
    {"train": "lora", "rank": 2, "train_text": True, "prior": "teacher", "flip": False},
    {"train": "full", "prior": "none", "ema": 0.99, "offset_noise": 0.1},
]


QUICK = [(0, 1), (1, 3), (2, 4)]  # case, step; the photos are three, so: in an epoch, at its end, in the next
RESUMES = [
    pytest.param(CASES[case], stop, marks=() if (case, stop) in QUICK else pytest.mark.slow)
    for case in range(3)
    for stop in (1, 3, 4)
]


@pytest.mark.parametrize(("options", "stop"), RESUMES)
def test_a_resumed_run_is_the_uninterrupted_one_bit_for_bit(run, options, stop):
    straight, end, _ = run("sd1", steps=5, **options)
    _, middle, _ = run("sd1", steps=5, until=stop, **options)
    rest, resumed, _ = run("sd1", steps=5, resume=middle, **options)
    assert [step.index for step in rest] == list(range(stop + 1, 6))
    assert [(s.losses, s.lr) for s in straight[stop:]] == [(s.losses, s.lr) for s in rest]
    assert same(end, resumed)


def test_the_same_seed_gives_the_same_bits_and_looking_changes_nothing(load, run, data_for):
    _, first, _ = run(steps=2)
    backbone = load()
    for step in learn(backbone, data_for(backbone), Config(steps=2, lr=1e-3, text_lr=1e-4), 0):
        torch.manual_seed(step.index)
        torch.randn(3)
        step.state()
        backbone.encode_text(["a dog"])
    assert same(first, step.state())
    assert not torch.equal(first.tensors[name := next(iter(first.tensors))], run(steps=2, seed=1)[1].tensors[name])


def test_the_global_generator_is_neither_read_nor_moved(run):
    torch.manual_seed(5)
    before = torch.get_rng_state()
    run("sd1", steps=2, checkpointing=True)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("prior", ["images", "teacher", "none"])
def test_four_batches_of_one_are_one_batch_of_four(run, prior):
    one, first, _ = run(steps=1, batch=4, prior=prior, snr_gamma=5.0, clip_norm=0)
    four, second, _ = run(steps=1, accumulation=4, prior=prior, snr_gamma=5.0, clip_norm=0)
    for name, value in one[0].losses.items():
        assert four[0].losses[name] == pytest.approx(value, abs=1e-6)
    for name in first.tensors:
        if "exp_avg/" in name:  # a tenth of the gradient
            assert (first.tensors[name] - second.tensors[name]).abs().max() <= 1e-7


def test_a_batch_runs_over_the_end_of_an_epoch_and_no_photo_is_lost(data_for, load):
    data = data_for(load())
    rows = [pick(3, 0, "photo", n) for n in range(9)]
    assert [sorted(rows[i : i + 3]) for i in (0, 3, 6)] == [[0, 1, 2]] * 3
    assert len({tuple(rows[i : i + 3]) for i in (0, 3, 6)}) > 1
    batch = draw(data, Config(batch=2, prior="none"), 0, 2, 1000)
    assert batch.prompts == (data.captions[rows[2]], data.captions[rows[3]])
    assert torch.equal(batch.latents, data.photos[0].mean[[rows[2], rows[3]]])


def test_photo_and_class_samples_are_independent(data_for, load):
    batch = draw(data_for(load()), Config(batch=4), 0, 0, 1000)
    assert not torch.equal(batch.t[:4], batch.t[4:])
    assert not torch.equal(batch.noise[:4], batch.noise[4:])


def test_a_latent_is_drawn_anew_each_time_its_photo_comes(data_for, load):
    data = data_for(load("sd1"), photos=1)
    batch = draw(data, Config(batch=2, prior="none"), 0, 0, 1000)
    assert not torch.equal(batch.latents[0], batch.latents[1])


def test_mirrored_photos_take_turns_with_the_others(data_for, load):
    data = data_for(load(), photos=1)
    mean = data.photos[0].mean
    both = dataclasses.replace(data, photos=(data.photos[0], dataclasses.replace(data.photos[0], mean=-mean)))
    batch = draw(both, Config(batch=16, flip=True, prior="none"), 0, 0, 1000)
    signs = {torch.equal(latents, mean[0]) for latents in batch.latents}
    assert signs == {True, False}


def test_offset_noise_shifts_whole_channels(data_for, load):
    data = data_for(load())
    plain = draw(data, Config(), 0, 0, 1000).noise
    shift = draw(data, Config(offset_noise=0.5), 0, 0, 1000).noise - plain
    assert shift.abs().max() > 0.01
    assert (shift - shift.mean(dim=(2, 3), keepdim=True)).abs().max() < 1e-5


def test_checkpointing_changes_memory_and_not_the_result(load, run):
    plain, first, _ = run(steps=2)
    backbone = load()
    frugal, second, _ = run(steps=2, checkpointing=True, backbone=backbone)
    assert [s.losses for s in plain] == [s.losses for s in frugal]
    assert torch.equal(*(one.tensors[next(iter(first.tensors))] for one in (first, second)))
    assert not backbone.unet.is_gradient_checkpointing


def test_averages_follow_their_formula_and_are_what_is_kept(run):
    options = {"steps": 3, "ema": 0.5, "train": "lora", "rank": 2}
    averaged = None
    for until in (1, 2, 3):
        _, state, _ = run(until=until, **options)
        name = next(name for name in state.tensors if name.startswith("weights/") and "up" in name)
        now, decay = state.tensors[name], min(0.5, (1 + until) / (10 + until))
        averaged = (1 - decay) * now if averaged is None else decay * averaged + (1 - decay) * now  # up starts at 0
    plain = name.removeprefix("weights/")
    assert (weights(state)[plain] - averaged).abs().max() <= 1e-7
    assert not torch.equal(weights(state)[plain], now)


def test_the_learning_rate_moves_once_an_optimiser_step(run):
    steps, _, _ = run(steps=4, accumulation=2, lr=1.0e-3, warmup=2, lr_schedule="linear", lr_final=0.5)
    assert [step.lr for step in steps] == pytest.approx([5e-4, 1e-3, 7.5e-4, 5e-4])
    cosine = Config(steps=11, warmup=1, lr_schedule="cosine", lr_final=0.0)
    assert lr_factor(6, cosine) == pytest.approx(0.5) and lr_factor(11, cosine) == pytest.approx(0.0)
    assert {lr_factor(i, Config(steps=5)) for i in range(1, 6)} == {1.0}


def test_the_gradient_is_clipped_to_its_norm(run):
    _, free, _ = run(steps=1, clip_norm=0)
    _, tight, _ = run(steps=1, clip_norm=1e-3)
    norms = [
        sum(v.double().square().sum() for n, v in s.tensors.items() if "exp_avg/" in n).sqrt().item() * 10
        for s in (free, tight)
    ]
    assert norms[0] > 2e-3 and norms[1] == pytest.approx(1e-3, rel=1e-3)


def test_under_bfloat16_autocast_weights_and_moments_stay_float32(load, data_for):
    backbone = load()
    config = Config(steps=1, lr=1e-3, rank=2, alpha=2)
    *_, step = learn(backbone, data_for(backbone), config, 0, device=Device("cpu", torch.bfloat16, ""))
    assert {value.dtype for value in step.state().tensors.values()} == {torch.float32}
    assert all(value == value for value in step.losses.values())


def test_full_training_raises_a_half_precision_model(load, data_for):
    backbone = load()
    backbone.unet.half()
    *_, step = learn(backbone, data_for(backbone), Config(steps=1, train="full", prior="none"), 0)
    assert {value.dtype for value in step.state().tensors.values()} == {torch.float32}


def test_a_step_that_is_not_finite_leaves_the_weights_alone(load, data_for):
    backbone = load()
    data = data_for(backbone)
    data.photos[0].mean[:] = float("inf")
    config = Config(steps=2, lr=1e-3, rank=2, alpha=2)
    steps = learn(backbone, data, config, 0)
    step = next(steps)
    assert not step.losses["loss"] < float("inf")
    assert all(torch.isfinite(value).all() for value in step.state().tensors.values())


def test_the_teacher_is_the_base_model_whatever_was_learned_since(load, data_for):
    for train in ("lora", "full"):
        backbone = load()
        data = data_for(backbone, classes=0)
        config = Config(train=train, steps=3, prior="teacher", lr=1e-3, text_lr=1e-3, train_text=True)
        text = load().encode_text([data.class_prompt])
        base = load()
        for step in learn(backbone, data, config, 0):
            if step.index == 1:
                assert step.losses["prior"] < 1e-12  # it is the base model still
        assert step.losses["prior"] > 1e-9
        batch = draw(data, config, 0, 2, 1000)
        noisy = base.schedule.add_noise(batch.latents, batch.noise, batch.t)[1:]
        assert batch.prompts[1] == "a dog" and base.predict(noisy, batch.t[1:], text).shape == noisy.shape


def test_class_images_are_called_by_captions_of_their_own(load, data_for):
    data = data_for(load(), classes=2)
    placed = dataclasses.replace(data, class_captions=("a dog", "a dog on the beach"))
    config = Config(steps=1)
    for number in range(8):
        same, other = draw(data, config, 0, number, 1000), draw(placed, config, 0, number, 1000)
        row = next(row for row in range(2) if torch.equal(data.classes[0].mean[row], same.latents[1]))
        assert (same.prompts[1], other.prompts[1]) == ("a dog", placed.class_captions[row])
    teacher = draw(placed, Config(prior="teacher"), 0, 0, 1000)
    assert teacher.prompts[1] == "a dog"  # a teacher has photos in the place of class images


@pytest.mark.parametrize(
    ("changes", "said"),
    [({"rank": 4}, "rank was 2 and is 4"), ({"seed": 3}, "the seed was another"), ({"lr": 0.5}, "lr was 0.001")],
)
def test_a_state_of_another_run_is_refused(run, changes, said):
    _, state, _ = run(steps=3, until=1, rank=2)
    with pytest.raises(ResumeMismatchError, match=said):
        run(**{"steps": 3, "resume": state, "rank": 2, **changes})


def test_other_photos_or_another_model_are_refused(run, load, data_for):
    _, state, _ = run(steps=3, until=1)
    backbone = load()
    with pytest.raises(ResumeMismatchError, match="photos were another"):
        run(steps=3, resume=state, backbone=backbone, data=dataclasses.replace(data_for(backbone), hash="other"))
    with pytest.raises(ResumeMismatchError, match="base model was another"):
        run("sd1", steps=3, resume=state)


def test_weights_that_are_not_the_saved_ones_stop_a_resume(run):
    _, state, _ = run(steps=3, until=1)
    name = next(name for name in state.tensors if name.startswith("weights/"))
    broken = State({**state.tensors, name: state.tensors[name] + 1}, state.data)
    with pytest.raises(BrokenCheckpointError, match="not those that were saved"):
        run(steps=3, resume=broken)


def test_nothing_to_learn_from_is_an_error(load, data_for):
    backbone = load()
    with pytest.raises(NothingToLearnError, match="no photos"):
        next(learn(backbone, Data((), (), "a dog"), Config(prior="none"), 0))
    with pytest.raises(NothingToLearnError, match="no class images"):
        next(learn(backbone, data_for(backbone, classes=0), Config(), 0))


def test_the_model_is_given_back_when_the_caller_leaves_early(load, data_for):
    backbone = load()
    before = everything(backbone)
    steps = learn(backbone, data_for(backbone), Config(steps=9, lr=1e-3), 0)
    next(steps)
    steps.close()
    assert not any(module._forward_hooks for module in backbone.unet.modules())
    assert all(torch.equal(value, before[name]) for name, value in everything(backbone).items())


def test_adapters_beside_weights_in_bfloat16_are_float32_and_learn(folders, data_for):
    backbone = diffusion.load(folders["sdxl"], "bfloat16")
    config = Config(steps=1, lr=1e-3, rank=2, alpha=2, prior="none")
    *_, step = learn(backbone, data_for(backbone), config, 0)
    tensors = step.state().tensors
    assert {value.dtype for value in tensors.values()} == {torch.float32}
    assert all(value.any() for name, value in tensors.items() if name.endswith("up.weight"))
    assert {p.dtype for p in backbone.unet.parameters()} == {torch.bfloat16}


@pytest.mark.parametrize("prior", ["images", "teacher"])
def test_photos_and_prior_one_after_the_other_are_the_same_step(run, prior):
    together, first, _ = run("sdxl", steps=1, batch=2, prior=prior, snr_gamma=5.0, clip_norm=0)
    apart, second, _ = run("sdxl", steps=1, batch=2, prior=prior, snr_gamma=5.0, clip_norm=0, prior_apart=True)
    for name, value in together[0].losses.items():
        assert apart[0].losses[name] == pytest.approx(value, abs=1e-6)
    for name in first.tensors:
        if "exp_avg/" in name:  # a tenth of the gradient
            assert (first.tensors[name] - second.tensors[name]).abs().max() <= 1e-7
