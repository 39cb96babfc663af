import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from likewise import encoders
from likewise.encoders import loading
from likewise.errors import EncoderFolderError, EncoderMissingError, MixedEncodersError, UnknownNameError
from likewise.metrics import cosine


class Stub:
    """An encoder that knows nothing: every picture is the same row."""

    name, preprocessing, dimension = "stub", "none", 4

    def __init__(self, digest="stub"):
        self.hash = digest

    def embed(self, images):
        return np.tile(np.array([[1, 0, 0, 0]], np.float32), (len(images), 1))


class TextStub(Stub):
    def embed_texts(self, texts):
        return self.embed(texts)


def test_a_folder_loads_like_the_name_whose_layout_it_has():
    by_name = encoders.load("efficientnet-lite0")
    by_folder = encoders.load(loading.WEIGHTS / "efficientnet_lite0")
    assert isinstance(by_name, encoders.Encoder) and not isinstance(by_name, encoders.TextEncoder)
    assert by_folder.hash == by_name.hash


def test_protocols_tell_what_can_read_texts():
    assert isinstance(Stub(), encoders.Encoder) and not isinstance(Stub(), encoders.TextEncoder)
    assert isinstance(TextStub(), encoders.TextEncoder)


def test_rows_carry_their_encoder_and_do_not_mix():
    first, second = (encoders.embed(Stub(name), [Image.new("RGB", (4, 4))]) for name in "ab")
    with pytest.raises(MixedEncodersError, match="one encoder"):
        cosine(first, second)
    assert cosine(first, encoders.embed_texts(TextStub("a"), ["x"])).item() == 1.0


def test_a_wrong_name_gets_the_nearest():
    with pytest.raises(UnknownNameError, match="'efficientnet-lite0'"):
        encoders.load("efficientnet-lite")


def test_missing_weights_say_how_to_get_them(monkeypatch, tmp_path):
    monkeypatch.setattr(loading, "WEIGHTS", tmp_path)
    with pytest.raises(EncoderMissingError, match="likewise toybox learn"):
        encoders.load("toybox")


def test_a_folder_without_an_encoder_is_named(tmp_path):
    with pytest.raises(EncoderFolderError, match=r"towers\.safetensors"):
        encoders.load(tmp_path)


def test_towers_are_looked_up_only_when_asked_for(monkeypatch, tmp_path):
    (tmp_path / "towers.safetensors").touch()
    asked = []
    monkeypatch.setattr(loading, "_resolve", lambda reference: lambda folder, device: asked.append((reference, folder)))
    encoders.load(tmp_path)
    assert asked == [("likewise.encoders.toybox:load", tmp_path)]


def test_importing_the_package_loads_no_torch():
    code = "import sys, likewise.encoders, likewise.metrics; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
