"""A model read from a folder is the model that diffusers reads, with its facts taken from its configs."""

import torch
from diffusers import AutoencoderKL, AutoencoderTiny, UNet2DConditionModel

from likewise import diffusion
from likewise.diffusion import saving, tiny
from likewise.diffusion.backbone import Backbone


def test_facts_come_from_the_configs(toybox, sd1):
    assert (toybox.facts.family, toybox.facts.prediction_type, toybox.facts.image_size) == (
        "toybox",
        "v_prediction",
        128,
    )
    assert (sd1.facts.family, sd1.facts.prediction_type, sd1.facts.image_size) == ("sd1", "epsilon", 32)
    assert (toybox.facts.latent_downscale, sd1.facts.latent_downscale) == (8, 2)
    assert sd1.facts.scaling_factor == 0.18215
    assert toybox.facts.latent_shape(3) == (3, 4, 16, 16)
    assert isinstance(toybox, Backbone)


def test_modules_arrive_frozen_quiet_and_in_float32(backbone):
    for module in (backbone.unet, backbone.vae, *backbone.text_encoders):
        assert not module.training
        assert {(p.dtype, p.requires_grad, p.is_meta) for p in module.parameters()} == {(torch.float32, False, False)}
        assert not any(buffer.is_meta for buffer in module.buffers())


def test_the_networks_are_those_that_diffusers_loads(backbone, folders, rng):
    folder = folders[backbone.facts.family]
    unet = UNet2DConditionModel.from_pretrained(folder / "unet").eval()
    noisy = torch.randn(backbone.facts.latent_shape(2), generator=rng)
    t, text = torch.tensor([5, 900]), backbone.encode_text(["a dog", "a cat"])
    whole = torch.tensor([[32.0, 32, 0, 0, 32, 32]] * 2)
    added = {"text_embeds": text.pooled, "time_ids": whole} if backbone.facts.sized else None
    with torch.no_grad():
        expected = unet(noisy, t, text.embeds, added_cond_kwargs=added).sample
        assert torch.equal(backbone.predict(noisy, t, text), expected)


def test_latents_are_scaled_as_the_config_says(toybox, sd1, folders, rng):
    pictures = torch.rand(2, 3, 32, 32, generator=rng)
    with torch.no_grad():
        stock = AutoencoderKL.from_pretrained(folders["sd1"] / "vae").eval()
        spread = stock.encode(pictures * 2 - 1).latent_dist
        moments = sd1.encode_images(pictures)
        noise = torch.randn(spread.mean.shape, generator=rng)
        expected = 0.18215 * (spread.mean + spread.std * noise)
        assert torch.allclose(moments.sample(noise), expected, atol=1e-5)
        decoded = (stock.decode(moments.mean / 0.18215).sample / 2 + 0.5).clamp(0, 1)
        assert torch.allclose(sd1.decode_latents(moments.mean), decoded, atol=1e-5)
        plain = AutoencoderTiny.from_pretrained(folders["toybox"] / "vae").eval()
        assert torch.equal(toybox.encode_images(pictures).mean, plain.encode(pictures * 2 - 1).latents)
        assert toybox.encode_images(pictures).logvar is None


def test_means_and_deviations_of_latents_are_undone(folders, tmp_path, rng):
    import json

    folder = saving.save(diffusion.load(folders["sd1"]), tmp_path / "model")
    path = folder / "vae/config.json"
    shifts = {"latents_mean": [1.0, 2.0, 3.0, 4.0], "latents_std": [2.0, 2.0, 4.0, 4.0]}
    path.write_text(json.dumps({**json.loads(path.read_text()), **shifts}))
    plain, shifted = diffusion.load(folders["sd1"]), diffusion.load(folder)
    pictures = torch.rand(1, 3, 32, 32, generator=rng)
    raw = plain.encode_images(pictures).mean / 0.18215
    mean, std = (torch.tensor(shifts[key]).view(1, 4, 1, 1) for key in ("latents_mean", "latents_std"))
    moments = shifted.encode_images(pictures)
    assert torch.allclose(moments.mean, (raw - mean) * 0.18215 / std, atol=1e-5)
    assert torch.allclose(shifted.decode_latents(moments.mean), plain.decode_latents(raw * 0.18215), atol=1e-5)


def test_loading_draws_no_random_numbers(folders):
    before = torch.get_rng_state()
    diffusion.load(folders["toybox"])
    assert torch.equal(before, torch.get_rng_state())


def test_the_hash_follows_the_weights(folders, toybox, sd1, tmp_path):
    assert toybox.hash == diffusion.load(folders["toybox"]).hash != sd1.hash
    assert diffusion.load(tiny.pipeline(tmp_path / "other", seed=1)).hash != toybox.hash
    assert diffusion.load(tiny.pipeline(tmp_path / "same", seed=0)).hash == toybox.hash


def test_a_saved_model_is_read_back_by_us_and_by_stock_diffusers(folders, tmp_path):
    from diffusers import StableDiffusionPipeline

    dtype = torch.float16
    backbone = diffusion.load(folders["sd1"])
    with torch.no_grad():
        for parameter in backbone.unet.parameters():
            parameter += 0.01
    folder = saving.save(backbone, tmp_path / "model", dtype)
    again = diffusion.load(folder)
    stock = StableDiffusionPipeline.from_pretrained(folder, safety_checker=None)
    for ours, theirs, name in [
        (backbone.unet, stock.unet, "unet"),
        (backbone.text_encoders[0], stock.text_encoder, "text"),
        (backbone.vae, stock.vae, "vae"),
    ]:
        stored = {key: value.to(dtype).float() for key, value in ours.state_dict().items()}
        mine = (again.unet if name == "unet" else again.vae if name == "vae" else again.text_encoders[0]).state_dict()
        assert all(torch.equal(mine[key], value) and mine[key].dtype == torch.float32 for key, value in stored.items())
        assert all(torch.equal(theirs.state_dict()[key].float(), value) for key, value in stored.items())


def test_a_saved_text_encoder_has_the_names_that_older_readers_match(folders, toybox, tmp_path):
    from safetensors import safe_open

    folder = saving.save(toybox, tmp_path / "model")
    with safe_open(folder / "text_encoder/model.safetensors", "pt") as file:
        assert all(name.startswith("text_model.") for name in file.keys())  # noqa: SIM118
