import numpy as np
import pytest
import torch
from made_metrics import pictures
from PIL import Image

from likewise.dreamsim.inputs import from_picture, resized, to_batch
from likewise.errors import ImageBatchError, ImageFileError

PX = 24


def test_a_picture_becomes_what_pillow_makes_of_it():
    (one,) = pictures(1)
    expected = np.asarray(one.resize((PX, PX), Image.Resampling.BICUBIC)).transpose(2, 0, 1) / np.float32(255)
    assert np.array_equal(to_batch(one, PX)[0].numpy(), expected.astype(np.float32))
    assert torch.equal(to_batch(np.asarray(one), PX), to_batch(one, PX))


def test_a_file_is_read_upright(tmp_path):
    (one,) = pictures(1)
    exif = Image.Exif()
    exif[0x0112] = 6  # lies on its side
    one.save(tmp_path / "side.png", exif=exif)
    turned = to_batch(tmp_path / "side.png", PX)
    assert torch.equal(turned, to_batch(one.transpose(Image.Transpose.ROTATE_270), PX))
    assert torch.equal(turned, to_batch(Image.open(tmp_path / "side.png"), PX))
    with pytest.raises(ImageFileError, match="no such file"):
        to_batch(tmp_path / "absent.png", PX)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "I;16"])
def test_every_mode_becomes_colours(mode):
    (one,) = pictures(1)
    if mode == "I;16":
        deep = np.asarray(one.convert("L")).astype(np.uint16) * 257
        found, expected = to_batch(Image.fromarray(deep), PX), to_batch(one.convert("L"), PX)
        assert (found - expected).abs().max() <= 1 / 255
        return
    found = to_batch(one.convert(mode), PX)
    assert found.shape == (1, 3, PX, PX) and found.min() >= 0 and found.max() <= 1 and found.std() > 0.05


def test_transparency_lies_on_white():
    clear = Image.new("RGBA", (8, 8), (255, 0, 0, 0))
    assert torch.equal(to_batch(clear, PX), torch.ones(1, 3, PX, PX))
    values = torch.cat([torch.zeros(3, 8, 8), torch.full((1, 8, 8), 0.25)])
    assert to_batch(values, PX) == pytest.approx(torch.full((1, 3, PX, PX), 0.75))


def test_a_picture_one_pixel_wide_is_taken():
    assert to_batch(Image.new("RGB", (1, 50), "red"), PX)[0, 0].min() == 1
    assert to_batch(torch.rand(3, 50, 1), PX).shape == (1, 3, PX, PX)


def test_tensors_come_within_two_hundredths_of_pillow():
    for one in pictures(3, size=90):
        values = torch.from_numpy(np.array(one)).permute(2, 0, 1) / 255
        assert (to_batch(values, PX) - to_batch(one, PX)).abs().max() <= 0.02
        floats = np.asarray(one, dtype=np.float32) / 255
        assert torch.allclose(to_batch(floats, PX), to_batch(values, PX), atol=1e-6)


def test_gradients_pass_through_the_resize(rng):
    values = torch.rand(1, 3, 40, 30, generator=rng).requires_grad_()
    resized(values, PX).sum().backward()
    assert values.grad.abs().min() > 0


@pytest.mark.parametrize("aspect", ["pad", "crop"])
def test_pad_keeps_the_ratio_and_crop_the_middle_in_both_paths(aspect):
    wide = Image.new("RGB", (60, 20), "black")
    wide.paste("red", (20, 0, 40, 20))
    found = from_picture(wide, 30, aspect)
    again = to_batch(torch.from_numpy(np.array(wide)).permute(2, 0, 1) / 255, 30, aspect)
    assert (found - again).abs().max() <= 0.02
    if aspect == "crop":
        assert torch.equal(found[0, 0], torch.ones(30, 30)) and found[0, 1].max() == 0
    else:
        assert found[0, :, :8].min() == 1 and found[0, 1, 12:18, 2:8].max() == 0


@pytest.mark.parametrize(
    "value",
    [
        3, "text\0.png", np.zeros((4, 4, 5), np.uint8), np.zeros((0, 4, 3), np.uint8), torch.zeros(4, 4),
        torch.zeros(5, 4, 4), torch.full((3, 4, 4), 2.0), torch.full((3, 4, 4), float("nan")),
        np.zeros((4, 4), complex), np.full((4, 4, 3), 7.0),
    ],
)  # fmt: skip
def test_what_is_no_picture_is_told(value):
    with pytest.raises((ImageBatchError, ImageFileError)):
        to_batch(value, PX)
