"""The stages that make drafts and captions: what they leave loads, and they go on where they stopped."""

from dataclasses import replace

import pytest
import torch

from likewise import checkpoint, magvlt, training
from likewise.errors import StageMismatchError, StageOrderError
from likewise.magvlt import data
from likewise.toybox import learn, vq
from likewise.toybox import magvlt as stages
from likewise.toybox.recipe import Recipe
from likewise.toybox.shop import Shop


def again(shop, **settings):
    recipe = Recipe.model_construct(**{**shop.recipe.model_dump(), **settings})
    return Shop(shop.folder, shop.world, recipe, shop.device, quiet=True)


def test_the_published_draft_model_loads_and_is_used(shop):
    drafter = magvlt.load(shop.folder / "weights" / "magvlt")
    (draft,) = drafter.draft("a 3d dog on the beach", candidates=2, seed=3)
    assert draft.image.size == (128, 128) and len(draft.codes) == 64 and draft.prompt == "a 3d dog on the beach"
    (caption,) = drafter.describe([shop.world.picture(0)[0]], candidates=2)
    assert isinstance(caption.text, str)


def test_the_quantiser_is_a_stock_vq_model_s_folder(shop):
    from diffusers.models.autoencoders.vq_model import VQModel

    stock = VQModel.from_pretrained(shop.folder / "weights" / "magvlt" / "vq", local_files_only=True)
    ours = stages.quantiser(shop)
    for name, value in ours.state_dict().items():
        assert torch.allclose(stock.state_dict()[name], value, atol=2e-3), name


def test_tokens_of_pictures_decode_as_the_two_stock_models_do(shop):
    tokens = magvlt.load(shop.folder / "weights" / "magvlt").pictures
    image = shop.pictures.images(slice(0, 2))
    codes = tokens.encode(image)
    assert codes.shape == (2, 64) and codes.max() < 16
    quantised = tokens.vq.quantize(tokens.vq.encode(tokens.latents(image)).latents)[0]
    latents = tokens.vq.decode(quantised, force_not_quantize=True).sample
    stock = (tokens.front.decode(latents / tokens.scale).sample / 2 + 0.5).clamp(0, 1)
    assert torch.allclose(tokens.decode(codes), stock, atol=1e-5)


def test_the_tokens_are_made_once_and_again_for_another_quantiser(shop, monkeypatch):
    path = shop.run_folder("vq") / stages.TOKENS
    before = path.stat().st_mtime_ns
    assert len(stages.pairs(shop)) == 16 and path.stat().st_mtime_ns == before
    monkeypatch.setattr(stages, "write", None)
    other = checkpoint.read_tensors(path)[1]["made_by"]
    assert data.read(path, stages.shape(shop), other).marks == stages.words(shop).marks


def test_complete_stages_are_not_run_again_and_longer_ones_go_on(shop, tmp_path, monkeypatch):
    import shutil

    folder = tmp_path / "world"
    shutil.copytree(shop.folder, folder)
    copy = replace(again(shop, vq_steps=3, magvlt_steps=3), folder=folder)
    learn.run(copy, tmp_path / "weights", "vq")
    learn.run(copy, tmp_path / "weights", "magvlt")
    assert copy.steps("vq") == 3 and copy.steps("magvlt") == 3
    monkeypatch.setattr(training, "run", None)  # calling it would fail
    for stage in ("vq", "magvlt"):
        learn.run(again(shop), shop.folder / "weights", stage)


def test_stretches_end_in_the_same_bits_as_one_run(shop, tmp_path):
    import shutil

    for name, minutes in (("stretched", 1e-9), ("whole", 0.0)):
        folder = tmp_path / name
        shutil.copytree(shop.folder, folder)
        for stage in ("vq", "magvlt"):
            shutil.rmtree(folder / "learn" / stage)
            for _ in range(3 if minutes else 1):
                made = replace(again(shop, vq_steps=3, magvlt_steps=3, minutes=minutes), folder=folder)
                learn.run(made, tmp_path / "weights", stage)
    ours, theirs = (replace(again(shop, magvlt_steps=3), folder=tmp_path / name) for name in ("stretched", "whole"))
    for stage in ("vq", "magvlt"):
        one, other = (made.state(stage).tensors for made in (ours, theirs))
        assert one.keys() == other.keys() and all(torch.equal(value, other[name]) for name, value in one.items())


def test_the_transformer_needs_the_tokens_and_they_an_autoencoder(shop, tmp_path):
    early = replace(again(shop), folder=tmp_path)
    (tmp_path / "pictures").symlink_to(shop.folder / "pictures")
    (tmp_path / "tokenizer").symlink_to(shop.folder / "tokenizer")
    with pytest.raises(StageOrderError, match="--stage autoencoder"):
        learn.run(early, tmp_path / "weights", "vq")
    with pytest.raises(StageOrderError, match="--stage vq"):
        learn.run(early, tmp_path / "weights", "magvlt")


def test_a_codebook_of_another_size_is_refused(shop):
    with pytest.raises(StageMismatchError, match="vq_codes was 16 and is 32"):
        learn.run(again(shop, vq_codes=32), shop.folder / "weights", "vq")


def test_the_codebook_follows_what_falls_to_its_codes_and_none_is_lost():
    """Three blobs, and eight codes of which most begin far away: every code ends in a blob."""
    model, config = vq.build(4, 8, (16, 32)), vq.Config(every=5, decay=0.8)
    book, rng = vq.Codebook(model, config), torch.Generator().manual_seed(0)
    centres = torch.randn(3, 16, generator=rng) * 5
    for index in range(1, 60):
        rows = centres[torch.randint(3, (200,), generator=rng)] + 0.1 * torch.randn(200, 16, generator=rng)
        if index == 2:
            book.rows[3:] = 100.0
            book.sums[3:] = 100.0
        book.follow(rows, vq.nearest(rows, book.rows), rng, index)
    distance = torch.cdist(book.rows, centres).min(1).values
    assert float(distance.max()) < 1 and len(torch.unique(vq.nearest(centres, book.rows))) == 3
