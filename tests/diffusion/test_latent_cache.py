"""A cached latent belongs to the bytes of one picture, and is what encoding it anew would give."""

from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from PIL import Image

from likewise import checkpoint, diffusion, images
from likewise.diffusion.latents import LatentCache, TextCache
from likewise.errors import BrokenFileError, NonFiniteLatentsError


@dataclass(frozen=True)
class Photo:
    path: Path

    @property
    def image_hash(self):
        return checkpoint.hash_file(self.path)


@pytest.fixture
def photos(tmp_path):
    made = []
    for index in range(3):
        values = torch.rand(1, 3, 40, 50, generator=torch.Generator().manual_seed(index))
        images.to_pil(values)[0].save(tmp_path / f"{index}.png")
        made.append(Photo(tmp_path / f"{index}.png"))
    return made


@pytest.fixture
def counted(sd1, monkeypatch):
    calls, encode = [], sd1.encode_images
    monkeypatch.setattr(sd1, "encode_images", lambda batch: calls.append(len(batch)) or encode(batch))
    return calls


def test_cached_moments_equal_encoding_anew_bit_for_bit(backbone, photos, tmp_path):
    size = backbone.facts.image_size
    cached = LatentCache(tmp_path / "cache", backbone)
    first = cached.moments(photos)
    again = LatentCache(tmp_path / "cache", backbone).moments(photos)
    with torch.no_grad():
        framed = [images.to_tensor([images.cover(images.read(photo.path), size)]) for photo in photos]
        direct = [backbone.encode_images(one) for one in framed]
    assert torch.equal(first.mean, torch.cat([one.mean for one in direct]))
    assert torch.equal(first.mean, again.mean)
    if backbone.facts.family != "toybox":
        assert torch.equal(again.logvar, torch.cat([one.logvar for one in direct]))
        noise = torch.randn(first.mean.shape, generator=torch.Generator().manual_seed(0))
        assert not torch.equal(again.sample(noise), again.mean)  # every step may draw another sample
    else:
        assert again.logvar is None


def test_pairing_survives_any_order(sd1, photos, tmp_path):
    cache = LatentCache(tmp_path / "cache", sd1)
    straight = cache.moments(photos).mean
    for order in ([2, 0, 1], [1, 1, 0], [2, 1, 0]):
        assert torch.equal(cache.moments([photos[index] for index in order]).mean, straight[order])


def test_only_an_edited_picture_is_encoded_again(sd1, photos, tmp_path, counted):
    before = LatentCache(tmp_path / "cache", sd1).moments(photos).mean
    Image.new("RGB", (40, 40), "red").save(photos[1].path)
    counted.clear()
    after = LatentCache(tmp_path / "cache", sd1).moments(photos).mean
    assert counted == [1]
    assert [torch.equal(a, b) for a, b in zip(before, after, strict=True)] == [True, False, True]


def test_size_mirroring_and_weights_are_part_of_the_key(folders, sd1, photos):
    cache = LatentCache(None, sd1)
    other = diffusion.load(folders["sd1"])
    other.vae.encoder.conv_in.weight.data += 0.1
    keys = {
        cache.key(photos[0], 32),
        cache.key(photos[0], 64),
        cache.key(photos[0], 32, mirrored=True),
        LatentCache(None, other).key(photos[0], 32),
        cache.key(photos[1], 32),
    }
    assert len(keys) == 5
    plain, mirrored = cache.moments(photos[:1]).mean, cache.moments(photos[:1], mirrored=True).mean
    assert not torch.equal(plain, mirrored)


def test_latents_that_are_not_finite_name_their_file_and_are_not_kept(folders, photos, tmp_path):
    broken = diffusion.load(folders["sd1"])
    broken.vae.encoder.conv_out.weight.data[:] = float("nan")
    with pytest.raises(NonFiniteLatentsError, match=r"0\.png"):
        LatentCache(tmp_path / "cache", broken).moments(photos)
    assert not list(tmp_path.glob("cache/*"))


def test_a_damaged_entry_is_never_used(sd1, photos, tmp_path):
    LatentCache(tmp_path / "cache", sd1).moments(photos[:1])
    entry = next((tmp_path / "cache").glob("*.safetensors"))
    entry.write_bytes(entry.read_bytes()[:-5])
    with pytest.raises(BrokenFileError, match=entry.name):
        LatentCache(tmp_path / "cache", sd1).moments(photos[:1])


def test_cached_prompts_equal_encoding_anew_and_belong_to_their_weights(folders, toybox, tmp_path):
    prompts = ["a dog", "a photo of a cat", "a dog"]
    with torch.no_grad():
        direct = torch.cat([toybox.encode_text([prompt]).embeds for prompt in prompts])
    cache = TextCache(tmp_path / "texts", toybox)
    assert torch.equal(cache.encode(prompts).embeds, direct)
    assert len(list((tmp_path / "texts").iterdir())) == 2
    assert torch.equal(TextCache(tmp_path / "texts", toybox).encode(prompts).embeds, direct)
    other = diffusion.load(folders["toybox"])
    other.text_encoders[0].final_layer_norm.bias.data += 1
    assert not torch.equal(TextCache(tmp_path / "texts", other).encode(prompts).embeds, direct)
