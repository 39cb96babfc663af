"""Pictures depend on seed and settings alone, and are those of stock diffusers."""

import json
import shutil

import pytest
import torch

from likewise import diffusion
from likewise.diffusion import guidance, sampling, solvers
from likewise.diffusion.backbone import Text
from likewise.errors import NonFiniteLatentsError, SettingError


def draw(backbone, seeds, prompt="a photo of a dog", **settings):
    texts = (backbone.encode_text([one]) for one in (prompt, ""))
    settings = {"steps": 3, **settings}
    return sampling.last(sampling.generate(backbone, *texts, noise=sampling.noise(backbone, seeds), **settings)).images


@pytest.mark.filterwarnings("ignore")
def test_stock_diffusers_draws_the_same_picture_from_the_same_latents(backbone, folders):
    from diffusers import DiffusionPipeline

    more = {} if backbone.facts.sized else {"safety_checker": None}
    pipe = DiffusionPipeline.from_pretrained(folders[backbone.facts.family], **more)
    pipe.set_progress_bar_config(disable=True)
    noise, prompts = sampling.noise(backbone, [0, 1]), ["a photo of a dog"] * 2
    for scale in (1.0, 5.0):
        settings = {"num_inference_steps": 5, "guidance_scale": scale, "output_type": "pt"}
        theirs = pipe(prompts, latents=noise, **settings).images
        ours = draw(backbone, [0, 1], steps=5, guidance=scale)
        assert (ours - theirs).abs().max() <= 2 / 255
        assert ours.std() > 0.05  # pictures, not two grey squares


@pytest.mark.filterwarnings("ignore")
def test_a_model_whose_last_step_is_pure_noise_is_drawn_as_in_stock(folders, tmp_path):
    """Zero terminal SNR (arXiv:2305.08891): v-prediction, and the first step drawn is the last of the schedule."""
    from diffusers import StableDiffusionPipeline

    folder = shutil.copytree(folders["sd2-v"], tmp_path / "model")
    path = folder / "scheduler/scheduler_config.json"
    zero = {"_class_name": "DDIMScheduler", "rescale_betas_zero_snr": True, "clip_sample": False}
    path.write_text(json.dumps({**json.loads(path.read_text()), **zero}))
    index = folder / "model_index.json"
    index.write_text(index.read_text().replace("DPMSolverMultistepScheduler", "DDIMScheduler"))
    backbone = diffusion.load(folder)
    assert backbone.schedule.alphas_cumprod[-1] == 0
    assert solvers.build(backbone.scheduler_config, "ddim", 4).timesteps[0] == 999
    pipe = StableDiffusionPipeline.from_pretrained(folder)
    pipe.set_progress_bar_config(disable=True)
    settings = {"num_inference_steps": 4, "guidance_scale": 5.0, "output_type": "pt"}
    theirs = pipe(["a photo of a dog"], latents=sampling.noise(backbone, [0]), **settings).images
    assert (draw(backbone, [0], steps=4, scheduler="ddim") - theirs).abs().max() <= 2 / 255
    for name in solvers.SOLVERS:
        assert torch.isfinite(draw(backbone, [0], steps=3, scheduler=name)).all()


@pytest.mark.parametrize(("scheduler", "scale"), [(name, 5.0) for name in sorted(solvers.SOLVERS)] + [("ddim", 1.0)])
def test_a_picture_alone_or_in_any_batch_has_the_same_bits(sd1, scheduler, scale):
    settings = {"scheduler": scheduler, "guidance": scale, "steps": 2}
    together = draw(sd1, [3, 4, 5, 6, 7], **settings)
    assert torch.equal(draw(sd1, [7, 4], **settings), together[[4, 1]])
    assert torch.equal(draw(sd1, [5], **settings), together[[2]])
    assert not torch.equal(together[0], together[1])


@pytest.mark.parametrize("scale", [1.0, 5.0])
@pytest.mark.parametrize("count", [1, 4, 5, 9])
def test_the_network_is_only_ever_called_in_one_shape(sd1, monkeypatch, scale, count):
    shapes, predict = [], sd1.predict
    monkeypatch.setattr(
        sd1, "predict", lambda x, t, text: shapes.append((len(x), len(t), len(text))) or predict(x, t, text)
    )
    assert len(draw(sd1, list(range(count)), guidance=scale, steps=1)) == count
    assert set(shapes) == {(guidance.ROWS,) * 3}
    assert len(shapes) == -(-count // (guidance.ROWS // 2 if scale > 1 else guidance.ROWS))


def test_guidance_is_the_formula(sd1, rng):
    noisy = torch.randn(sd1.facts.latent_shape(3), generator=rng)
    text, free = sd1.encode_text(["a dog", "a cat", "a toy"]), sd1.encode_text([""])
    t = torch.tensor(500)
    with torch.no_grad():
        bound = sd1.predict(noisy, t.expand(3), text)
        loose = sd1.predict(noisy, t.expand(3), free[[0, 0, 0]])
        expected = loose + 7 * (bound - loose)
        assert torch.allclose(guidance.predict(sd1, noisy, t, text, free, scale=7.0), expected, atol=1e-4)
        assert torch.allclose(guidance.predict(sd1, noisy, t, text, free, scale=1.0), bound, atol=1e-5)
        assert torch.allclose(guidance.predict(sd1, noisy, t, text, None, scale=7.0), bound, atol=1e-5)


def test_steps_come_one_by_one_and_only_the_last_has_images(sd1):
    text = sd1.encode_text(["a dog"])
    steps = sampling.generate(sd1, text, text, noise=sampling.noise(sd1, [0]), steps=4)
    seen = [(one.step, one.images is None) for one in steps]
    assert seen == [(1, True), (2, True), (3, True), (4, False)]


def test_a_generation_leaves_gradients_as_the_caller_has_them(sd1):
    text = sd1.encode_text(["a dog"])
    for _ in sampling.generate(sd1, text, text, noise=sampling.noise(sd1, [0]), steps=2):
        assert torch.is_grad_enabled()


class Silent:
    """A model that always answers zero: samplers can be tested at any length."""

    facts, scheduler_config, device = None, {}, torch.device("cpu")

    def __init__(self, backbone):
        self.scheduler_config = backbone.scheduler_config

    def predict(self, noisy, t, text):
        return torch.zeros_like(noisy)

    def decode_latents(self, latents):
        return latents[:, :3]


@pytest.mark.parametrize(
    ("scheduler", "steps"), [(name, steps) for name in sorted(solvers.SOLVERS) for steps in (1, 2)] + [("ddim", 1000)]
)
def test_any_number_of_steps_from_1_to_1000_ends_finite(toybox, scheduler, steps, rng):
    text = Text(torch.zeros(1, 1, 1))
    made = sampling.generate(
        Silent(toybox), text, text, noise=torch.randn(1, 4, 2, 2, generator=rng), steps=steps, scheduler=scheduler
    )
    final = sampling.last(made)
    assert final.step == steps
    assert torch.isfinite(final.images).all()


@pytest.mark.parametrize(("settings", "message"), [
    ({"steps": 0}, "steps is 0; it must be 1 to 1000"),
    ({"steps": 1001}, "1 to 1000"),
    ({"scheduler": "dpm"}, r"scheduler is 'dpm'.*dpmsolver\+\+, ddim, euler, unipc"),
])  # fmt: skip
def test_impossible_settings_are_refused(sd1, settings, message):
    with pytest.raises(SettingError, match=message):
        draw(sd1, [0], **settings)


def test_the_first_value_that_is_not_finite_stops_it(folders):
    broken = diffusion.load(folders["sd1"])
    broken.unet.conv_out.bias.data[0] = float("inf")
    with pytest.raises(NonFiniteLatentsError, match="step 1 of 3"):
        draw(broken, [0])


def test_another_sampler_keeps_the_models_noise_levels(backbone):
    for name in solvers.SOLVERS:
        solver = solvers.build(backbone.scheduler_config, name, 5)
        assert torch.allclose(solver.alphas_cumprod, backbone.schedule.alphas_cumprod, atol=1e-6)
        assert solver.config.prediction_type == backbone.facts.prediction_type
        assert solver.timesteps[0] >= 990  # sampling starts at the noisy end
