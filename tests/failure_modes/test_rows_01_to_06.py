"""Rows 1 to 6 of the table of failure modes: pairs that come apart, weights, sizes, caches."""

from types import SimpleNamespace

import pytest
import torch

from likewise import diffusion, imageset
from likewise.diffusion.backbone import Moments
from likewise.diffusion.latents import LatentCache
from likewise.dreambooth.config import Config
from likewise.dreambooth.draw import Data, draw
from likewise.dreambooth.learn import learn
from likewise.textual_inversion import Config as WordConfig
from likewise.textual_inversion import Data as WordData
from likewise.textual_inversion.draw import draw as draw_word


def plain(count, seed, shape):
    """Latents without a spread, so that a sample's latents are its photo's, with sizes of their own."""
    rng = torch.Generator().manual_seed(seed)
    return Moments(torch.randn(shape, generator=rng), None, torch.randint(64, (count, 6), generator=rng).float())


@pytest.fixture
def data(sdxl):
    captions = ("a zxq dog", "a photo of a zxq dog", "a zxq dog in the snow")
    photos, classes = (plain(n, n, sdxl.facts.latent_shape(n)) for n in (3, 4))
    return Data((photos,), captions, "a dog", (classes,), hash="data")


@pytest.mark.parametrize("count", [1, 2, 3, 4])
@pytest.mark.parametrize("text", [False, True])
def test_row_01_prompts_latents_and_sizes_of_a_batch_stand_in_one_order(sdxl, data, monkeypatch, count, text):
    seen, config = [], Config(batch=count, steps=1, rank=2, alpha=2, lr=1e-3, train_text=text)
    told = {prompt: sdxl.encode_text([prompt]) for prompt in (*data.captions, data.class_prompt)}
    predict = sdxl.predict
    monkeypatch.setattr(sdxl, "predict", lambda *given: seen.append(given) or predict(*given))
    next(steps := learn(sdxl, data, config, 0))
    steps.close()
    (noisy, t, read), batch = seen[0], draw(data, config, 0, 0, 1000)
    for row, prompt in enumerate(batch.prompts):
        half = data.photos[0] if row < count else data.classes[0]
        assert ("zxq" in prompt) == (row < count)
        place = data.captions.index(prompt) if row < count else None
        shown = half.mean if place is None else half.mean[place : place + 1]
        clean = sdxl.schedule.add_noise(shown, batch.noise[row].expand_as(shown), t[row].expand(len(shown)))
        at = (clean - noisy[row]).flatten(1).abs().amax(1).argmin()
        assert torch.equal(clean[at], noisy[row])
        assert torch.equal(read.sizes[row], half.sizes[at if place is None else place])
        assert (read.embeds[row] - told[prompt].embeds[0]).abs().max() < 1e-5
        assert (read.pooled[row] - told[prompt].pooled[0]).abs().max() < 1e-5


def test_row_05_latents_and_captions_stay_together_through_shuffled_epochs(sdxl, data):
    orders = set()
    for epoch in range(4):
        batch = draw(data, Config(batch=3, prior="none"), 0, 3 * epoch, 1000)
        rows = [data.captions.index(prompt) for prompt in batch.prompts]
        assert torch.equal(batch.latents, data.photos[0].mean[rows]) and sorted(rows) == [0, 1, 2]
        orders.add(tuple(rows))
    assert len(orders) > 1
    word = WordData(data.photos, ("a <rob>",), ("one <rob>", None, "three <rob>"))
    for n in range(9):
        batch = draw_word(word, WordConfig(), 0, n, 1000)
        row = ["one <rob>", "a <rob>", "three <rob>"].index(batch.prompts[0])
        assert torch.equal(batch.latents[0], word.photos[0].mean[row])


def test_row_06_a_failure_while_caching_stops_at_once_and_what_is_kept_is_whole(folders, folder, tmp_path, monkeypatch):
    backbone, photos = diffusion.load(folders["sd1"]), imageset.load(folder).photos
    encode, calls = backbone.encode_images, []

    def full(images):
        calls.append(1)
        if len(calls) == 2:
            raise torch.OutOfMemoryError("no memory left")
        return encode(images)

    monkeypatch.setattr(backbone, "encode_images", full)
    with pytest.raises(torch.OutOfMemoryError):
        LatentCache(tmp_path / "cache", backbone).moments(photos)
    assert len(list((tmp_path / "cache").iterdir())) == 1
    again = LatentCache(tmp_path / "cache", backbone).moments(photos)
    assert len(calls) == 2 + 2  # the first photo's entry is used, the other two are encoded
    assert torch.equal(again.mean, LatentCache(None, backbone).moments(photos).mean)


def test_row_06_an_edited_caption_is_encoded_anew_and_the_others_are_not(folders, tmp_path, monkeypatch):
    from likewise.dreambooth.data import prepare

    backbone, asked = diffusion.load(folders["sd1"]), []
    encode = backbone.encode_text
    monkeypatch.setattr(backbone, "encode_text", lambda prompts: asked.extend(prompts) or encode(prompts))
    monkeypatch.setattr("likewise.dreambooth.data.views", lambda *_, **__: ())
    photo = SimpleNamespace(image_hash="one")
    for caption in ("a zxq dog", "a zxq dog", "the zxq dog"):
        prepare(backbone, [photo], (caption,), Config(prior="none"), "dog", cache=tmp_path / "cache")
    assert asked == ["a dog", "a zxq dog", "the zxq dog"]
