"""Aspect-ratio buckets: the list of kohya's sd-scripts, and the nearest to a photo."""

import pytest

from likewise.diffusion import buckets


def test_the_list_at_512_is_the_specifications():
    found = buckets.frames(512, 64)
    lying = [(832, 256), (896, 256), (960, 256), (1024, 256), (704, 320), (768, 320), (640, 384), (576, 448)]
    assert found == sorted([(512, 512), *lying, *((height, width) for width, height in lying)])


@pytest.mark.parametrize(("side", "step"), [(512, 64), (768, 64), (1024, 64), (128, 32), (64, 16)])
def test_no_bucket_is_larger_than_the_native_area_or_off_the_grid(side, step):
    for width, height in buckets.frames(side, step):
        assert width * height <= side * side and width % step == height % step == 0
        assert side // 2 <= min(width, height) and max(width, height) <= 2 * side
        assert (height, width) in buckets.frames(side, step)


@pytest.mark.parametrize(
    ("size", "expected"),
    [((900, 900), (512, 512)), ((3000, 1000), (832, 256)), ((1000, 3000), (256, 832)), ((600, 1000), (384, 640))],
)
def test_a_photo_goes_to_the_bucket_of_its_shape(size, expected):
    assert buckets.nearest(size, buckets.frames(512, 64)) == expected


def test_a_models_step_is_what_its_network_halves_without_remainder(backbone):
    step = backbone.facts.latent_downscale * 2 ** (len(backbone.unet.config.block_out_channels) - 1)
    assert all(side % step == 0 for frame in buckets.of(backbone) for side in frame)
