from pathlib import Path

import pytest
from made_metrics import metric, pictures
from PIL import Image

from likewise import dreamsim, seeds
from likewise.dreamsim import export
from likewise.errors import NothingToExportError
from likewise.toybox import scenes

pytest.importorskip("onnx", reason="onnx is not installed")
pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
SPRITES = Path(__file__).parents[1] / "toybox" / "sprites"
LIMITS = {"float32": (1e-4, 1.0, 0.0), "float16": (5e-3, 0.99, 0.05), "int8": (1.0, 0.98, 0.015)}


def near(model, path, precision, some):
    found = export.parity(model, export.export(model, path, precision), some)
    most, least, flips = LIMITS[precision]
    assert found["largest"] <= most and found["spearman"] >= least and found["flips"] <= flips, found
    assert found["batch"] <= 1e-5 if precision == "float32" else found["batch"] <= 5e-3
    return found


@pytest.mark.parametrize("precision", ["float32", "float16"])
def test_an_exported_transformer_gives_the_same_distances(tmp_path, precision):
    near(metric(), tmp_path / "m.onnx", precision, pictures(6))


def test_eight_bits_keep_the_order_and_are_smaller(tmp_path, monkeypatch):
    monkeypatch.setattr(export, "LARGE", 1024)  # a network this small has no large weights
    model = metric()
    small = export.parity(model, export.export(model, tmp_path / "8.onnx", "int8"), pictures(6))
    whole = export.export(model, tmp_path / "32.onnx")
    assert small["spearman"] >= 0.9 and small["bytes"] < 0.6 * whole.stat().st_size


def test_the_file_says_what_made_it(tmp_path):
    import onnx

    model = metric()
    told = onnx.load(export.export(model, tmp_path / "m.onnx")).metadata_props
    assert {one.key: one.value for one in told}["likewise.hash"] == model.hash


def test_a_comparison_needs_three_pictures(tmp_path):
    with pytest.raises(NothingToExportError, match="at least three"):
        export.parity(metric(), tmp_path / "m.onnx", pictures(2))


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["float32", "float16", "int8"])
def test_the_embedded_metric_exports_within_its_limits(tmp_path, precision):
    """On pictures of things."""
    near(dreamsim.load(), tmp_path / "m.onnx", precision, things())


def things():
    """The sprites, each before a ground of its own."""
    sprites = [Image.open(path).convert("RGBA") for path in sorted(SPRITES.glob("*/*.png"))]
    grounds, made = list(scenes.BACKGROUNDS), []
    for number, sprite in enumerate(sprites):
        ground = scenes.draw(grounds[number % len(grounds)], seeds.numpy_stream(number, "ground"), 160)
        sprite.thumbnail((100, 100))
        ground.paste(sprite, (30, 40), sprite)
        made.append(ground)
    return made
