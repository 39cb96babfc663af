import numpy as np
import pytest
import torch
from PIL import Image

from images.pictures import noise
from likewise import images
from likewise.errors import ImageBatchError


def test_every_8_bit_value_survives_the_round_trip():
    values = np.arange(256 * 3, dtype=np.uint16).reshape(16, 16, 3).astype(np.uint8)
    batch = images.to_tensor([Image.fromarray(values), noise(size=(16, 16))])
    assert batch.dtype == torch.float32 and batch.shape == (2, 3, 16, 16)
    assert batch.min() == 0 and batch.max() == 1
    assert np.array_equal(np.asarray(images.to_pil(batch)[0]), values)


def test_channels_and_rows_are_in_their_places():
    image = Image.new("RGB", (4, 2))
    image.putpixel((3, 1), (255, 0, 51))
    assert images.to_tensor([image])[0, :, 1, 3].tolist() == pytest.approx([1.0, 0.0, 0.2])


def test_half_precision_and_gradients_are_taken_along():
    batch = images.to_tensor([noise()]).half().requires_grad_()
    assert np.array_equal(np.asarray(images.to_pil(batch)[0]), np.asarray(noise()))


def test_values_beyond_the_range_are_clipped():
    assert images.to_pil(torch.tensor([-3.0, 0.5, 9.0]).view(1, 3, 1, 1))[0].getpixel((0, 0)) == (0, 128, 255)


def test_nan_is_an_error_that_names_the_pictures():
    batch = torch.zeros(3, 3, 2, 2)
    batch[1, 0, 0, 0] = float("nan")
    with pytest.raises(ImageBatchError, match=r"NaN or infinity in pictures \[1\]"):
        images.to_pil(batch)


def test_what_is_no_batch_is_refused_with_what_was_found():
    with pytest.raises(ImageBatchError, match="32x24 RGB, 8x8 RGB"):
        images.to_tensor([noise(), noise(size=(8, 8))])
    with pytest.raises(ImageBatchError, match="8x8 L"):
        images.to_tensor([Image.new("L", (8, 8))])
    with pytest.raises(ImageBatchError, match="no size at all"):
        images.to_tensor([])
    with pytest.raises(ImageBatchError, match=r"\(3, 4, 4\)"):
        images.to_pil(torch.zeros(3, 4, 4))
