"""Photos that keep their shape: none is lost, each learns as it would alone, SDXL is told of the crop that was made."""

import pytest
import torch
from PIL import Image

from likewise import imageset
from likewise.diffusion import buckets
from likewise.dreambooth.config import Config
from likewise.dreambooth.data import prepare
from likewise.dreambooth.draw import draw
from likewise.dreambooth.learn import learn
from likewise.dreambooth.loss import loss
from likewise.errors import SquarePhotosWarning

SHAPES = {"a": (90, 40), "b": (64, 64), "c": (40, 90), "d": (64, 64)}


@pytest.fixture
def photos(tmp_path):
    """Four photos of noise: two square, one lying, one standing."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for name, size in SHAPES.items():
        Image.effect_noise(size, 90).convert("RGB").save(folder / f"{name}.png")
    return folder


def prepared(backbone, folder, **options):
    config = Config(steps=4, batch=4, rank=2, alpha=2, lr=1e-3, buckets=True, **{"prior": "none", **options})
    shots = imageset.load(folder).photos
    return config, prepare(
        backbone, shots, tuple(f"a zxq dog {one.path.stem}" for one in shots), config, "dog", class_images=shots[:2]
    )


def test_every_photo_comes_once_an_epoch_in_its_own_shape(load, photos):
    backbone = load("sd1")
    config, data = prepared(backbone, photos)
    among, down = buckets.of(backbone), backbone.facts.latent_downscale
    for first in (0, 4, 8):
        batch = draw(data, config, 0, first, 1000)
        assert sorted(batch.prompts) == [f"a zxq dog {name}" for name in SHAPES]
        for prompt, (high, wide) in zip(batch.prompts, batch.shapes.tolist(), strict=True):
            assert (wide * down, high * down) == buckets.nearest(SHAPES[prompt[-1]], among)


@pytest.mark.parametrize("family", ["toybox", "sdxl"])
@pytest.mark.parametrize("prior", ["none", "images", "teacher"])
def test_a_row_of_a_mixed_batch_learns_as_it_would_alone(load, photos, family, prior):
    backbone = load(family)
    config, data = prepared(backbone, photos, prior=prior)

    def teacher(noisy, t, sizes):
        return noisy * 0.5

    def losses(batch):
        text = backbone.encode_text(batch.prompts)
        return loss(backbone, batch, text, config, teacher if prior == "teacher" else None)

    batch = draw(data, config, 0, 0, 1000)
    together = losses(batch)
    alone = [losses(batch.rows(torch.tensor([row]))) for row in range(len(batch.prompts))]
    for name in together.keys() - {"loss"}:
        apart = [found[name] for found in alone if name in found]
        assert together[name].item() == pytest.approx(torch.stack(apart).mean().item(), abs=1e-6)


def test_sdxl_is_told_of_each_photos_own_crop(load, photos):
    backbone = load("sdxl")
    _, data = prepared(backbone, photos)
    among = buckets.of(backbone)
    for row, size in enumerate(SHAPES.values()):
        wide, high = buckets.nearest(size, among)
        height, width, top, left, *target = data.photos[0].sizes[row].tolist()
        assert (width, height) == size and target == [high, wide]
        scale = max(wide / size[0], high / size[1])
        assert (top, left) == (round((size[1] * scale - high) / 2), round((size[0] * scale - wide) / 2))


def test_a_run_with_buckets_learns_and_mirrors(load, photos):
    backbone = load("toybox")
    config, data = prepared(backbone, photos, flip=True, prior="images")
    steps = list(learn(backbone, data, config, 0))
    assert len(steps) == 4 and all(step.losses["grad_norm"] > 0 for step in steps)


def test_square_photos_make_buckets_an_option_without_effect(load, photos):
    for name in ("a", "c"):
        (photos / f"{name}.png").unlink()
    with pytest.warns(SquarePhotosWarning, match="Leave the option out"):
        prepared(load("toybox"), photos)
