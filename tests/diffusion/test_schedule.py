"""The noise schedule equals diffusers' and the published formulas."""

import pytest
import torch
from diffusers.schedulers.scheduling_ddpm import DDPMScheduler

from likewise.diffusion import schedule
from likewise.errors import ModelFolderError

STABLE = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
CONFIGS = [
    STABLE,
    {"beta_schedule": "linear"},
    {"beta_schedule": "squaredcos_cap_v2"},
    {"trained_betas": [0.1, 0.2, 0.3], "num_train_timesteps": 3},
    {**STABLE, "rescale_betas_zero_snr": True, "prediction_type": "v_prediction"},
]


def stable(prediction="epsilon", **more):
    return schedule.from_config({**STABLE, "prediction_type": prediction, **more})


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.get("beta_schedule", "trained"))
def test_the_noise_levels_are_those_of_diffusers(config):
    theirs = DDPMScheduler(**config).alphas_cumprod
    assert torch.allclose(schedule.from_config(config).alphas_cumprod, theirs, atol=1e-7)


@pytest.mark.parametrize("prediction", schedule.PREDICTIONS)
def test_noise_and_targets_are_those_of_diffusers(prediction, rng):
    x0, noise = torch.randn(2, 4, 3, 8, 8, generator=rng)
    t = torch.tensor([0, 146, 500, 999])
    ours, theirs = stable(prediction), DDPMScheduler(**STABLE, prediction_type=prediction)
    noisy = ours.add_noise(x0, noise, t)
    assert torch.allclose(noisy, theirs.add_noise(x0, noise, t), atol=1e-6)
    expected = {"epsilon": noise, "sample": x0, "v_prediction": theirs.get_velocity(x0, noise, t)}[prediction]
    assert torch.allclose(ours.target(x0, noise, t), expected, atol=1e-6)


@pytest.mark.parametrize("prediction", schedule.PREDICTIONS)
def test_a_perfect_answer_gives_back_the_picture_and_the_noise(prediction, rng):
    x0, noise = torch.randn(2, 3, 4, 2, 2, generator=rng, dtype=torch.float64)
    t, ours = torch.tensor([1, 400, 998]), stable(prediction)
    noisy, target = ours.add_noise(x0, noise, t), ours.target(x0, noise, t)
    assert torch.allclose(ours.to_x0(target, noisy, t), x0, atol=1e-6)
    assert torch.allclose(ours.to_noise(target, noisy, t), noise, atol=1e-6)


@pytest.mark.parametrize("t", [0, 146, 147, 999])
def test_min_snr_weights_equal_the_formula_worked_in_plain_python(t):
    product = 1.0
    for i in range(t + 1):
        root = 0.00085**0.5 + (0.012**0.5 - 0.00085**0.5) * i / 999
        product *= 1 - root**2
    snr = product / (1 - product)
    at = torch.tensor([t])
    assert stable("epsilon").min_snr_weight(at, 5.0).item() == pytest.approx(min(snr, 5) / snr, rel=1e-4)
    assert stable("v_prediction").min_snr_weight(at, 5.0).item() == pytest.approx(min(snr, 5) / (snr + 1), rel=1e-4)
    assert stable("sample").min_snr_weight(at, 5.0).item() == pytest.approx(min(snr, 5), rel=1e-4)


def test_mean_weights_of_stable_diffusion_are_the_known_ones_and_only_early_steps_change():
    t = torch.arange(1000)
    weights = stable("epsilon").min_snr_weight(t, 5.0)
    assert weights.mean().item() == pytest.approx(0.917, abs=1e-3)
    assert (weights < 1).nonzero().max().item() == 146
    assert stable("v_prediction").min_snr_weight(t, 5.0).mean().item() == pytest.approx(0.294, abs=1e-3)


def test_weights_are_finite_where_no_signal_is_left():
    zero = stable("v_prediction", rescale_betas_zero_snr=True)
    last = torch.tensor([999])
    assert zero.snr(last).item() == 0
    assert zero.min_snr_weight(last).item() == 0
    assert schedule.Schedule(zero.alphas_cumprod, "epsilon").min_snr_weight(last).item() == 1


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"prediction_type": "flow_prediction"}, "flow_prediction.*epsilon, v_prediction"),
        ({"beta_schedule": "sigmoid"}, "sigmoid.*scaled_linear"),
        ({"rescale_betas_zero_snr": True}, "pure noise.*epsilon"),
    ],
)
def test_a_schedule_that_would_be_guessed_is_refused(config, message):
    with pytest.raises(ModelFolderError, match=message):
        schedule.from_config(config)
