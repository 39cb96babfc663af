"""The loss against an independent implementation, step after step, and its parts by hand."""

import pytest
import torch

from likewise.diffusion.schedule import Schedule
from likewise.dreambooth.config import Config
from likewise.dreambooth.draw import draw
from likewise.dreambooth.learn import learn
from likewise.dreambooth.loss import loss
from likewise.dreambooth.trained import thaw
from oracles.dreambooth import Oracle

STEPS = 10
QUICK = [  # every part at least once; the whole table is slow
    ("lora", True, "toybox", "images"),
    ("lora", False, "sd1", "none"),
    ("full", True, "sd1", "images"),
    ("full", False, "toybox", "none"),
    ("lora", True, "sdxl", "images"),
]
TABLE = [
    pytest.param(*row, marks=() if row in QUICK else pytest.mark.slow)
    for row in (
        (train, text, family, prior)
        for train in ("lora", "full")
        for text in (False, True)
        for family in ("toybox", "sd1", "sd2", "sd2-v", "sdxl", "sdxl v_prediction")  # v, e, e, v, e, v
        for prior in ("images", "none")
    )
]


@pytest.mark.parametrize(("train", "text", "family", "prior"), TABLE)
def test_ten_steps_equal_the_oracle(load, folders, data_for, train, text, family, prior):
    rates = {"lr": 1e-3 if train == "lora" else 1e-4, "text_lr": 1e-4}
    config = Config(
        train=train, train_text=text, prior=prior, steps=STEPS, batch=2, alpha=4, rank=2, snr_gamma=5.0, **rates
    )
    backbone = load(family)
    data = data_for(backbone)
    with thaw(load(family), config, 0) as trained:
        oracle = Oracle(folders[family], config.model_dump(), {n: p.detach() for n, p in trained.named.items()})
    for step in learn(backbone, data, config, 0):
        batch = draw(data, config, 0, (step.index - 1) * 2, 1000)
        total, photos, classes = oracle.losses(batch)
        assert step.losses["loss"] == pytest.approx(total, abs=1e-6)
        assert step.losses["photos"] == pytest.approx(photos, abs=1e-6)
        assert step.losses.get("prior") == (None if classes is None else pytest.approx(classes, abs=1e-6))
        oracle.update(step.index)
    assert_same_weights(step.state(), oracle, rates["lr"])


def assert_same_weights(state, oracle, lr):
    """Weights differ by no more than a thousandth of a step, lr, on average.

    The unit is lr because AdamW divides by the gradient's own size: an error of rounding becomes a share of lr that
    grows as the gradient shrinks. Ten steps of SDXL's adapters at 1e-3 end 3e-7 apart on average in the worst tensor,
    whose gradients are a sixtieth of the largest. Where a gradient is nothing but rounding, so is its step: softmax
    cannot see a bias that all keys share, whose true gradient is 0.
    """
    sizes = {name: second.sqrt().max() for name, (_, second) in oracle.moments.items()}
    for name, parameter in oracle.trained.items():
        gap = (state.tensors[f"weights/{name}"] - parameter).abs()
        assert gap.mean() <= 1e-3 * lr or sizes[name] < 1e-6 * max(sizes.values()), name
        assert gap.max() <= lr / 2, name


def part(backbone, batch, rows, prompts):
    """Mean squared error of some rows, in a pass of their own."""
    t, clean, noise = batch.t[rows], batch.latents[rows], batch.noise[rows]
    output = backbone.predict(
        backbone.schedule.add_noise(clean, noise, t), t, backbone.encode_text([prompts[i] for i in rows])
    )
    return (output - backbone.schedule.target(clean, noise, t)).square().mean()


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_one_pass_over_both_halves_equals_two_passes(load, data_for, count):
    backbone = load()
    config = Config(batch=count, prior_weight=0.7)
    batch = draw(data_for(backbone), config, 0, 0, 1000)
    backbone.unet.requires_grad_(True)
    one = loss(backbone, batch, backbone.encode_text(batch.prompts), config)
    one["loss"].backward()
    gradients = [p.grad.clone() for p in backbone.unet.parameters()]
    backbone.unet.zero_grad()
    rows = range(2 * count)
    photos, prior = (part(backbone, batch, list(half), batch.prompts) for half in (rows[:count], rows[count:]))
    (photos + 0.7 * prior).backward()
    assert one["loss"].item() == pytest.approx((photos + 0.7 * prior).item(), abs=1e-6)
    for mine, p in zip(gradients, backbone.unet.parameters(), strict=True):
        assert (mine - p.grad).abs().max() <= 1e-6


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_prompts_and_latents_are_grouped_alike(load, data_for, count):
    backbone = load()
    batch = draw(data_for(backbone), Config(batch=count), 0, 0, 1000)
    assert set(batch.prompts[count:]) == {"a dog"} and all("zxq" in prompt for prompt in batch.prompts[:count])
    right = loss(backbone, batch, backbone.encode_text(batch.prompts), Config(batch=count))["loss"]
    swapped = [*batch.prompts[:-1], batch.prompts[0]]
    swapped[0] = batch.prompts[-1]
    wrong = loss(backbone, batch, backbone.encode_text(swapped), Config(batch=count))["loss"]
    assert right.item() != wrong.item()


@pytest.mark.parametrize("count", [1, 2, 3])
def test_each_half_is_weighted_by_its_own_timesteps(load, data_for, count):
    backbone = load("sd1")
    config = Config(batch=count, snr_gamma=5.0)
    batch = draw(data_for(backbone), config, 3, 0, 1000)
    text = backbone.encode_text(batch.prompts)
    found = loss(backbone, batch, text, config)
    noisy = backbone.schedule.add_noise(batch.latents, batch.noise, batch.t)
    errors = (backbone.predict(noisy, batch.t, text) - batch.noise).square().mean(dim=(1, 2, 3))
    weights = torch.tensor([closed_form(backbone.schedule, int(t), "epsilon") for t in batch.t])
    assert found["photos"].item() == pytest.approx((errors * weights)[:count].mean().item(), abs=1e-6)
    assert found["prior"].item() == pytest.approx((errors * weights)[count:].mean().item(), abs=1e-6)


def closed_form(schedule, t, kind):
    alpha = schedule.alphas_cumprod[t].item()
    snr = alpha / (1 - alpha)
    return min(snr, 5.0) / (snr if kind == "epsilon" else snr + 1)


@pytest.mark.parametrize("kind", ["epsilon", "v_prediction"])
def test_min_snr_weights_have_their_closed_form_and_stay_finite(kind):
    betas = torch.linspace(0.00085**0.5, 0.012**0.5, 1000) ** 2
    schedule = Schedule(torch.cumprod(1 - betas, 0), kind)
    for t in (0, 146, 147, 999):
        found = schedule.min_snr_weight(torch.tensor([t]), 5.0).item()
        assert found == pytest.approx(closed_form(schedule, t, kind), rel=1e-5)
    every = schedule.min_snr_weight(torch.arange(1000), 5.0)
    assert every.mean().item() == pytest.approx(0.917 if kind == "epsilon" else 0.294, abs=1e-3)
    dark = Schedule(torch.tensor([0.5, 0.0]), kind)
    assert torch.isfinite(dark.min_snr_weight(torch.tensor([0, 1]), 5.0)).all()
