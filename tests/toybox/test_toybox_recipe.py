"""The whole recipe at the smallest sizes: what comes out is what likewise and stock diffusers load."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from toybox_made import changed, taef2, weights

from likewise import checkpoint, diffusion, encoders, training
from likewise.diffusion import sampling
from likewise.errors import (
    BadSettingError,
    EmbeddedMismatchError,
    StageMismatchError,
    StageOrderError,
    ToyboxMissingError,
)
from likewise.settings import build
from likewise.toybox import embedded, latents, learn, pictures
from likewise.toybox import shop as shops
from likewise.toybox.recipe import Recipe
from likewise.toybox.shop import Shop


def again(shop, folder=None, **settings):
    """The shop opened anew, with other settings, in its own folder or in a copy."""
    recipe = type(shop.recipe).model_construct(**{**shop.recipe.model_dump(), **settings})
    made = Shop(shop.folder, shop.world, recipe, shop.device, quiet=True)
    if folder:
        shutil.copytree(shop.folder, folder)
        made = replace(made, folder=folder)
    return made


@pytest.fixture(scope="module")
def backbone(shop):
    return diffusion.load(shop.folder / "weights" / "toybox")


def test_likewise_loads_the_pipeline_and_knows_it_as_toybox(backbone):
    facts = backbone.facts
    assert (facts.family, facts.prediction_type, facts.image_size) == ("toybox", "v_prediction", 128)
    assert (facts.latent_channels, facts.latent_downscale, facts.text_length) == (4, 8, 32)


def test_stock_diffusers_draws_the_same_picture_from_the_same_latents(shop, backbone):
    from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion import StableDiffusionPipeline

    folder = shop.folder / "weights" / "toybox"
    stock = StableDiffusionPipeline.from_pretrained(folder, local_files_only=True, safety_checker=None)
    stock.set_progress_bar_config(disable=True)
    noise = sampling.noise(backbone, [7])
    prompt, settings = "a 3d dog on the beach", {"num_inference_steps": 2, "guidance_scale": 3.0}
    theirs = stock(prompt, latents=noise, output_type="np", **settings).images[0]
    text, empty = backbone.encode_text([prompt]), backbone.encode_text([""])
    ours = sampling.last(sampling.generate(backbone, text, empty, noise=noise, steps=2, guidance=3.0)).images[0]
    assert np.abs(ours.permute(1, 2, 0).numpy() - theirs).max() <= 2 / 255


def test_the_towers_load_beside_the_pipeline(shop):
    towers = encoders.load(shop.folder / "weights" / "towers")
    rows = towers.embed_texts(["a 3d dog on the beach"])
    trained = shop.towers()
    ids = torch.tensor([shop.tokenizer("a 3d dog on the beach", padding="max_length", max_length=32).input_ids])
    with torch.no_grad():
        assert np.allclose(rows, trained.embed_texts(ids).numpy(), atol=2e-2)  # shipped in half precision


def test_latents_are_shipped_with_unit_spread(shop, backbone):
    latents = backbone.encode_images(shop.pictures.images(slice(0, 8))).mean
    assert latents.std().item() == pytest.approx(1, rel=0.1)


def test_a_complete_recipe_is_not_run_again(shop, monkeypatch):
    monkeypatch.setattr(training, "run", None)  # calling it would fail
    for stage in ("pictures", "tokenizer", "towers", "autoencoder", "unet"):
        learn.run(again(shop), shop.folder / "weights", stage)


def test_more_steps_go_on_where_the_stage_stopped(shop, tmp_path):
    longer = again(shop, tmp_path / "longer", tower_steps=3)
    before = shop.weights("towers")
    learn.run(longer, tmp_path / "weights", "towers")
    assert longer.steps("towers") == 3 and shop.steps("towers") == 2
    assert any(not torch.equal(value, longer.weights("towers")[name]) for name, value in before.items())


def test_other_settings_are_refused_before_anything_is_touched(shop):
    shards = {path: path.stat().st_mtime_ns for path in (shop.folder / "pictures").iterdir()}
    with pytest.raises(StageMismatchError, match=r"(?s)'towers' was begun.*seed was 0 and is 1.*remove .*towers"):
        learn.run(again(shop, seed=1), shop.folder / "weights")
    with pytest.raises(StageMismatchError, match=r"'unet'.*unet_lr was"):
        learn.run(again(shop, unet_lr=1e-5), shop.folder / "weights", "unet")
    assert {path: path.stat().st_mtime_ns for path in (shop.folder / "pictures").iterdir()} == shards


@pytest.mark.parametrize(
    ("stage", "needed"), [("towers", "pictures"), ("autoencoder", "pictures"), ("unet", "autoencoder")]
)
def test_a_stage_before_its_time_names_the_one_it_needs(shop, tmp_path, stage, needed):
    early = replace(again(shop), folder=tmp_path)
    with pytest.raises(StageOrderError, match=f"--stage {needed}"):
        learn.run(early, tmp_path / "weights", stage)


def test_the_pretrained_front_is_kept_when_the_decoder_was_not_begun(shop, tmp_path, monkeypatch):
    """A run killed between the front's end and the decoder's first checkpoint goes on with the learned front."""
    given = tmp_path / "taef2"
    given.mkdir()
    taef2(given)
    whole = replace(again(shop, tmp_path / "world"), taef2=given)
    shutil.rmtree(whole.run_folder("decoder"))
    learn.run(whole, tmp_path / "weights", "autoencoder")
    first = whole.weights("decoder")
    shutil.rmtree(whole.run_folder("decoder"))
    monkeypatch.setattr(learn.decoder, "Teacher", None)  # its features are not asked for again
    learn.run(replace(whole), tmp_path / "weights", "autoencoder")
    second = replace(whole).weights("decoder")
    assert all(torch.equal(value, second[name]) for name, value in first.items())


def test_pictures_are_encoded_once_and_again_for_another_encoder(shop, monkeypatch):
    vae, path = shop.vae(), shop.folder / "learn" / latents.FILE
    kept = path.read_bytes()
    found = latents.latents(shop, vae.encoder)
    assert found.dtype == torch.float16 and found.shape == (16, 4, 16, 16) and path.read_bytes() == kept
    direct = vae.encoder(shop.pictures.images(slice(3, 5)) * 2 - 1)
    assert torch.allclose(found[3:5].float(), direct, atol=2e-3)
    other = replace(shop.pictures, captions=[*shop.pictures.captions[:-1], "another world"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(vars(shop), "pictures", other)
        assert torch.equal(latents.latents(shop, vae.encoder), found) and path.read_bytes() != kept
    path.write_bytes(kept)
    monkeypatch.setattr(latents, "ROWS", 5)  # of 16: parts of unequal size
    with torch.no_grad():
        next(iter(vae.encoder.parameters())).mul_(2)
    try:
        assert not torch.equal(latents.latents(shop, vae.encoder), found) and path.read_bytes() != kept
    finally:
        path.write_bytes(kept)


def test_the_encoder_is_fitted_once(shop, tmp_path, monkeypatch):
    copy = again(shop, tmp_path / "world", decoder_steps=3)
    before = checkpoint.hash_file(copy.encoder)
    monkeypatch.setattr(learn.autoencoder, "fit_encoder", None)
    learn.run(copy, tmp_path / "weights", "autoencoder")
    assert checkpoint.hash_file(copy.encoder) == before and copy.steps("decoder") == 3


def test_the_last_pictures_are_never_trained_on(shop):
    assert shop.trained_on == len(shop.pictures) - shops.HELD == 10
    assert len(list((shop.folder / "pictures").glob("*.safetensors"))) == 16 // pictures.SHARD


# Starting from what is embedded


@pytest.fixture
def as_embedded(shop, monkeypatch):
    monkeypatch.setattr(embedded, "WEIGHTS", shop.folder / "weights")


@pytest.mark.usefixtures("as_embedded")
def test_training_can_start_from_the_embedded_weights(shop):
    start = again(shop, start="embedded")
    for found, trained in (
        (start.unet(False), shop.unet()),
        (start.vae(False), shop.vae()),
        (start.towers(False), shop.towers()),
    ):
        rounded = {name: value.half().float() for name, value in weights(trained).items() if value.is_floating_point()}
        before = weights(found) | rounded
        assert changed(before, found) == set()


@pytest.mark.usefixtures("as_embedded")
@pytest.mark.parametrize(
    ("part", "settings", "file"),
    [
        ("unet", {"widths": (32, 64)}, "toybox/unet/"),
        ("unet", {"widths": (32, 32, 32)}, "toybox/unet/"),
        ("vae", {"channels": 6}, "toybox/vae/"),
        ("towers", {"text_layers": 2}, "toybox/text_encoder/"),
        ("towers", {"image_widths": (8, 24)}, "towers/towers"),
    ],
)
def test_sizes_other_than_the_embedded_are_refused(shop, part, settings, file):
    other = again(shop, start="embedded", **settings)
    with pytest.raises(EmbeddedMismatchError, match=rf"{file}.*does not fit(?s:.*)--start scratch"):
        getattr(other, part)(trained=False)


def test_starting_from_nothing_embedded_names_the_remedy(shop, tmp_path, monkeypatch):
    monkeypatch.setattr(embedded, "WEIGHTS", tmp_path)
    with pytest.raises(ToyboxMissingError, match=r"toybox build.*toybox learn"):
        again(shop, start="embedded").unet(trained=False)


@pytest.mark.parametrize(
    ("settings", "needed"),
    [
        ({"widths": (64, 100)}, "multiple of 32"),
        ({"image_widths": ()}, "at least one width"),
        ({"text_width": 100}, "multiple of 48"),
        ({"concepts": 5}, "60"),
    ],
)
def test_sizes_that_no_network_can_have_are_refused_at_once(settings, needed):
    with pytest.raises(BadSettingError, match=rf"{next(iter(settings))}.*{needed}"):
        build(Recipe, settings)
