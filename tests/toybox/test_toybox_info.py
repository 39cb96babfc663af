"""What `toybox info` says, with weights, without, and with a report about others."""

import json
import shutil

import pytest

from likewise.diffusion import loading
from likewise.errors import BrokenFileError, ToyboxMissingError
from likewise.toybox import info as informing
from likewise.toybox.info import info


@pytest.fixture
def weights(shop, tmp_path, monkeypatch):
    folder = tmp_path / "weights"
    shutil.copytree(shop.folder / "weights", folder)
    for module in (loading, informing):
        monkeypatch.setattr(module, "toybox_folder", lambda: folder / "toybox")
    return folder


def test_without_weights_it_says_how_to_make_them(tmp_path, monkeypatch):
    monkeypatch.setattr(loading, "toybox_folder", lambda: tmp_path)
    with pytest.raises(ToyboxMissingError, match=r"likewise toybox build.*likewise toybox learn"):
        info()


def test_it_measures_every_part(weights, shop):
    found = info()
    assert found["folder"] == str(weights / "toybox") and found["towers"] == str(weights / "towers")
    expected = sum(parameter.numel() for parameter in shop.unet().parameters())
    assert found["parts"]["unet"]["parameters"] == expected
    assert found["parts"].keys() == {
        "unet", "autoencoder", "text tower", "image tower", "draft model", "image tokens",
    }  # fmt: skip
    assert found["megabytes"] == pytest.approx(sum(one["megabytes"] for one in found["parts"].values()), abs=0.1)
    assert len(found["hash"]) == 64 and found["facts"]["prediction_type"] == "v_prediction"
    json.dumps(found)


def test_quality_is_null_until_it_was_measured_on_these_very_weights(weights):
    assert info()["quality"] is None and "toybox evaluate" in info()["note"]
    report = {"model": "0" * 64, "frechet": 1.5}
    (weights / "toybox_quality.json").write_text(json.dumps(report))
    assert info()["quality"] is None and "other weights" in info()["note"]
    report["model"] = info()["hash"]
    (weights / "toybox_quality.json").write_text(json.dumps(report))
    assert info()["quality"] == report


def test_missing_towers_are_named(weights):
    shutil.rmtree(weights / "towers")
    with pytest.raises(BrokenFileError, match="towers are missing"):
        info()
