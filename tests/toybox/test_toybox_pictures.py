"""Shards of pictures: drawn once, gone on with, and never of two worlds."""

import pytest
import torch
from toybox_made import small_world

from likewise.errors import BrokenFileError
from likewise.images import to_tensor
from likewise.toybox import pictures


@pytest.fixture(autouse=True)
def _small_shards(monkeypatch):
    monkeypatch.setattr(pictures, "SHARD", 3)


def draw(folder, count, seed=3):
    told = list(pictures.draw(small_world(seed), count, folder))
    return told, {path.name: path.stat().st_mtime_ns for path in sorted(folder.glob("*.safetensors"))}


def test_what_is_read_is_what_the_world_shows(tmp_path, world):
    assert draw(tmp_path, 5)[0] == [3, 5]
    read = pictures.read(tmp_path)
    shown = [world.picture(index) for index in range(5)]
    assert read.captions == [caption for _, caption in shown] and len(read) == 5
    assert torch.equal(read.images(slice(None)), to_tensor([image for image, _ in shown]))
    assert read.images(torch.tensor([4, 1])).shape == (2, 3, 128, 128)
    assert torch.equal(read.coverage, torch.stack([torch.from_numpy(world.coverage(index)) for index in range(5)]))


def test_a_lost_shard_is_drawn_again_and_the_others_stay(tmp_path):
    _, first = draw(tmp_path, 6)
    whole = pictures.read(tmp_path)
    (tmp_path / "0000003.safetensors").unlink()
    _, second = draw(tmp_path, 6)
    assert first.keys() == second.keys() and first["0000000.safetensors"] == second["0000000.safetensors"]
    assert torch.equal(pictures.read(tmp_path).bytes, whole.bytes)


def test_a_larger_number_fills_the_last_shard_up(tmp_path):
    _, first = draw(tmp_path, 4)
    _, second = draw(tmp_path, 8)
    assert first["0000000.safetensors"] == second["0000000.safetensors"]
    drawn_at_once = tmp_path / "other"
    draw(drawn_at_once, 8)
    assert torch.equal(pictures.read(tmp_path).bytes, pictures.read(drawn_at_once).bytes)
    assert len(pictures.read(tmp_path, 5)) == 5


def test_shards_of_another_world_are_drawn_anew(tmp_path):
    draw(tmp_path, 6, seed=3)
    one = pictures.read(tmp_path)
    draw(tmp_path, 3, seed=4)
    other = pictures.read(tmp_path)
    assert len(other) == 3 and not torch.equal(one.bytes[:3], other.bytes)


def test_a_damaged_shard_names_the_remedy(tmp_path):
    draw(tmp_path, 3)
    (tmp_path / "0000000.safetensors").write_bytes(b"short")
    with pytest.raises(BrokenFileError, match="drawn anew"):
        draw(tmp_path, 3)
    with pytest.raises(BrokenFileError, match="drawn anew"):
        pictures.read(tmp_path)
