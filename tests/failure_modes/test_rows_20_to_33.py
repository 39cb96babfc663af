"""Rows of the table of failure modes about precision, small states and memory that no other test is about."""

import weakref

import pytest
import torch

from likewise import devices, diffusion, images, imageset, settings
from likewise.diffusion.backbone import Moments
from likewise.diffusion.latents import LatentCache
from likewise.dreambooth.config import Config
from likewise.errors import BadSettingError
from likewise.textual_inversion import Config as WordConfig
from likewise.textual_inversion import Data, start, vectors
from likewise.textual_inversion.learn import learn
from likewise.training import run
from likewise.tuning.memory import weights


def word_data(backbone, photos=3):
    rng = torch.Generator().manual_seed(0)
    shape = backbone.facts.latent_shape(photos)
    sizes = torch.full((photos, 6), 32.0) if backbone.facts.sized else None
    moments = Moments(torch.randn(shape, generator=rng), None, sizes)
    return Data((moments,), ("a <rob>",), (None,) * photos, {"<rob>": start(backbone, "robot", 1, 0)}, "data")


@pytest.fixture(scope="module")
def half(folders):
    """A tiny SDXL whose weights that do not learn are held in half the bytes."""
    return diffusion.load(folders["sdxl"], "bfloat16")


def test_row_20_the_autoencoder_of_sdxl_is_float32_whatever_the_rest_is(half):
    assert {p.dtype for p in half.unet.parameters()} == {torch.bfloat16}
    assert {p.dtype for p in half.vae.parameters()} == {torch.float32}


@pytest.mark.parametrize("native", [True, False])
def test_row_22_nothing_is_ever_computed_in_float16_whose_attention_overflows(monkeypatch, native):
    with pytest.raises(BadSettingError, match="precision"):
        settings.build(Config, {"precision": "float16"}, "teach")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "a card")
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: native)
    monkeypatch.setattr(torch, "set_float32_matmul_precision", lambda _: None)
    assert devices.choose("cuda").dtype == (torch.bfloat16 if native else torch.float32)


def test_row_27_a_word_for_sdxl_learns_in_float32_beside_half_weights_from_batches_that_do_not_divide_the_photos(half):
    data = word_data(half)
    config = WordConfig(steps=2, batch=2, lr=0.1)  # three photos, two a step
    *_, step = learn(half, data, config, 0)
    learned = vectors(weights(step.state()))["<rob>"]
    assert {value.dtype for value in step.state().tensors.values()} == {torch.float32}
    assert all((rows != first).any() for rows, first in zip(learned, data.words["<rob>"], strict=True))


def test_row_28_a_checkpoint_of_a_word_is_a_few_kilobytes(sd1, tmp_path):
    data, config = word_data(sd1), WordConfig(steps=1, lr=0.5)
    run(learn(sd1, data, config, 0), folder=tmp_path, total=1, save_every=1, quiet=True)
    files = [path for path in (tmp_path / "checkpoints").rglob("*") if path.is_file()]
    assert 0 < sum(path.stat().st_size for path in files) < 20_000


@pytest.mark.parametrize(("text", "value"), [("False", False), ("false", False), ("no", False), ("True", True)])
def test_row_31_false_on_the_command_line_is_false(text, value):
    assert settings.of(Config)["flip"].parse(text) is value


def test_row_33_one_decoded_photo_is_in_memory_at_a_time(sd1, folder, monkeypatch):
    alive, most, read = [], [], images.read

    def watched(path):
        picture = read(path)
        alive.append(weakref.ref(picture))
        most.append(sum(one() is not None for one in alive))
        return picture

    photos = imageset.load(folder).photos
    monkeypatch.setattr(images, "read", watched)
    LatentCache(None, sd1).moments(photos)
    assert most == [1, 1, 1]
    assert not any(isinstance(value, torch.Tensor) or hasattr(value, "tobytes") for value in vars(photos[0]).values())
