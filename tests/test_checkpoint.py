"""A saved folder proves itself, and a damaged one names the file."""

import json
import os
import shutil

import pytest
import safetensors.torch
import torch
from safetensors import SafetensorError

from likewise import checkpoint
from likewise.errors import BrokenCheckpointError, BrokenFileError, FullDiskError, UnsafeNameError


@pytest.fixture
def tensors(rng):
    shared = torch.randn(4, 6, generator=rng)
    return {
        "a": shared,
        "again": shared,
        "part": shared[1:3],
        "turned": shared.T,
        "half": shared.to(torch.bfloat16),
        "count": torch.tensor(7),
        "flags": torch.tensor([True, False]),
        "empty": torch.zeros(0, 3),
        "trained": torch.ones(2, requires_grad=True),
    }


@pytest.fixture
def saved(tmp_path, tensors):
    folder = tmp_path / "000010"
    checkpoint.save_state(folder, tensors, {"step": 10, "name": "été", "nested": {"x": [1, 2.5, None]}})
    return folder


def test_hashes_are_sha256(tmp_path):
    abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    (tmp_path / "a").write_bytes(b"abc")
    assert checkpoint.hash_bytes(b"abc") == checkpoint.hash_file(tmp_path / "a") == abc


def test_hash_of_json_ignores_the_order_of_keys():
    assert checkpoint.hash_json({"a": 1, "b": [1, 2]}) == checkpoint.hash_json({"b": [1, 2], "a": 1})
    assert checkpoint.hash_json([1, 2]) != checkpoint.hash_json([2, 1])
    assert checkpoint.hash_json({"a": 1}) != checkpoint.hash_json({"a": "1"})


def test_hash_of_tensors_sees_names_types_shapes_and_values_and_not_order_or_layout():
    ones = torch.ones(2, 3)
    same = checkpoint.hash_tensors({"a": ones, "b": torch.zeros(1)})
    assert same == checkpoint.hash_tensors({"b": torch.zeros(1), "a": torch.ones(3, 2).T})
    others = [
        {"b": ones},
        {"a": ones.reshape(3, 2)},
        {"a": ones.to(torch.int32)},
        {"a": ones * 2},
        {"a": ones.double()},
    ]
    hashes = [checkpoint.hash_tensors(other) for other in [{"a": ones}, *others]]
    assert len(set(hashes)) == len(hashes)


def test_json_comes_back_the_same(tmp_path):
    value = {"z": 1, "a": ["é", "\udcff", None, 1e-300], "n": {"k": True}}
    checkpoint.write_json(tmp_path / "a.json", value)
    assert checkpoint.read_json(tmp_path / "a.json") == value
    assert list(checkpoint.read_json(tmp_path / "a.json")) == ["z", "a", "n"]
    assert "é" in (tmp_path / "a.json").read_text("utf-8")


def test_json_has_no_nan(tmp_path):
    with pytest.raises(ValueError):
        checkpoint.write_json(tmp_path / "a.json", [float("nan")])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", [b"{", b"\xff\xfe\xfa", b"[" * 100_000, None])
def test_broken_json_is_named(tmp_path, text):
    if text is not None:
        (tmp_path / "a.json").write_bytes(text)
    with pytest.raises(BrokenFileError, match=r"a\.json cannot be read"):
        checkpoint.read_json(tmp_path / "a.json")


def test_tensors_come_back_bit_for_bit(tmp_path, tensors):
    checkpoint.write_tensors(tmp_path / "a.safetensors", tensors, {"format": "pt"})
    back, metadata = checkpoint.read_tensors(tmp_path / "a.safetensors")
    assert metadata == {"format": "pt"}
    assert {name: tensor.dtype for name, tensor in back.items()} == {n: t.dtype for n, t in tensors.items()}
    assert all(torch.equal(back[name], tensors[name]) for name in tensors)


def test_no_tensors_are_tensors_too(tmp_path):
    checkpoint.write_tensors(tmp_path / "a.safetensors", {})
    assert checkpoint.read_tensors(tmp_path / "a.safetensors") == ({}, {})


def test_what_was_read_does_not_hang_on_the_file(tmp_path):
    path = tmp_path / "a.safetensors"
    checkpoint.write_tensors(path, {"a": torch.ones(1000)})
    back = checkpoint.read_tensors(path)[0]["a"]
    path.write_bytes(bytes(path.stat().st_size))
    assert back.sum() == 1000


@pytest.mark.parametrize("keep", [0, 7, -3])
def test_a_broken_tensor_file_is_named(tmp_path, tensors, keep):
    path = tmp_path / "a.safetensors"
    checkpoint.write_tensors(path, tensors)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(BrokenFileError, match=r"a\.safetensors cannot be read"):
        checkpoint.read_tensors(path)


def test_tensor_files_are_as_readable_as_others(saved):
    assert len({path.stat().st_mode for path in saved.iterdir()}) == 1


def test_a_state_comes_back_the_same(saved, tensors):
    back, data = checkpoint.load_state(saved)
    assert checkpoint.hash_tensors(back) == checkpoint.hash_tensors(tensors)
    assert data == {"step": 10, "name": "été", "nested": {"x": [1, 2.5, None]}}
    assert sorted(path.name for path in saved.iterdir()) == ["manifest.json", "state.json", "state.safetensors"]


def test_saving_twice_gives_the_same_bytes(saved, tmp_path, tensors):
    before = {path.name: path.read_bytes() for path in saved.iterdir()}
    checkpoint.save_state(saved, tensors, checkpoint.load_state(saved)[1])
    assert {path.name: path.read_bytes() for path in saved.iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["000010"]


@pytest.mark.parametrize("name", ["state.json", "state.safetensors"])
@pytest.mark.parametrize("damage", ["missing", "cut", "one bit"])
def test_damage_is_named(saved, name, damage):
    path = saved / name
    data = bytearray(path.read_bytes())
    path.unlink()
    if damage == "cut":
        path.write_bytes(data[:-1])
    elif damage == "one bit":
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
    with pytest.raises(BrokenCheckpointError, match=f"000010/{name} .*(missing|damaged)"):
        checkpoint.load_state(saved)


@pytest.mark.parametrize("text", [None, "", "[]", '{"format": 2, "files": {}}', '{"format": 1}'])
def test_a_broken_manifest_is_named(saved, text):
    (saved / "manifest.json").unlink()
    if text is not None:
        (saved / "manifest.json").write_text(text)
    with pytest.raises(BrokenCheckpointError, match=r"manifest\.json"):
        checkpoint.load_state(saved)


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "sub/../../secret", ""])
def test_a_manifest_reaches_no_file_outside_its_folder(saved, name):
    listed = json.loads((saved / "manifest.json").read_text())
    listed["files"][name] = {"sha256": "0"}
    (saved / "manifest.json").write_text(json.dumps(listed))
    with pytest.raises(UnsafeNameError, match="manifest"):
        checkpoint.load_state(saved)


def test_a_folder_with_only_a_manifest_is_no_state(tmp_path):
    checkpoint.write_manifest(tmp_path)
    with pytest.raises(BrokenCheckpointError, match=r"state\.safetensors"):
        checkpoint.load_state(tmp_path)


def test_manifests_cover_folders_in_folders_and_not_what_systems_drop_there(tmp_path):
    (tmp_path / "unet").mkdir()
    (tmp_path / "unet" / "weights").write_text("x")
    (tmp_path / ".DS_Store").write_text("x")
    checkpoint.write_manifest(tmp_path)
    assert list(json.loads((tmp_path / "manifest.json").read_text())["files"]) == ["unet/weights"]
    (tmp_path / ".DS_Store").write_text("y")
    checkpoint.verify(tmp_path)
    (tmp_path / "unet" / "weights").write_text("y")
    with pytest.raises(BrokenCheckpointError, match="unet/weights"):
        checkpoint.verify(tmp_path)


def test_a_full_disk_leaves_the_earlier_state(saved, tensors, monkeypatch):
    def full(*_):
        raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")

    monkeypatch.setattr(safetensors.torch, "save_file", full)
    with pytest.raises(FullDiskError, match=r"000010 could not be written: No space left on device"):
        checkpoint.save_state(saved, tensors, {"step": 11})
    assert checkpoint.load_state(saved)[1]["step"] == 10
    assert [path.name for path in saved.parent.iterdir()] == ["000010"]


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt" or os.getuid() != 0, reason="mounting a small disk needs root")
def test_a_really_full_disk_leaves_the_earlier_state(tmp_path):
    import subprocess

    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(tmp_path)], check=False).returncode:
        pytest.skip("cannot mount here")
    try:
        checkpoint.save_state(tmp_path / "000001", {"a": torch.ones(2000)}, {"step": 1})
        with pytest.raises(FullDiskError):
            checkpoint.save_state(tmp_path / "000001", {"a": torch.ones(20_000)}, {"step": 2})
        assert checkpoint.load_state(tmp_path / "000001")[1] == {"step": 1}
        assert shutil.disk_usage(tmp_path).free > 40_000
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


def test_an_error_that_is_no_refusal_of_the_system_stays_a_bug(tmp_path, monkeypatch):
    def odd(*_):
        raise SafetensorError("something else")

    monkeypatch.setattr(safetensors.torch, "save_file", odd)
    with pytest.raises(SafetensorError):
        checkpoint.write_tensors(tmp_path / "a", {})
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def several(tmp_path):
    for step in (4, 20, 100, 1_000_000):
        checkpoint.save_state(checkpoint.numbered(tmp_path, step), {}, {"step": step})
    (tmp_path / "000200").mkdir()  # no manifest: incomplete
    (tmp_path / "notes").mkdir()
    (tmp_path / "000300").write_text("a file")
    return tmp_path


def test_the_latest_is_the_newest_complete_one(several):
    assert checkpoint.latest(several) == several / "1000000"
    assert [path.name for path in checkpoint.checkpoints(several)] == ["000004", "000020", "000100", "1000000"]


def test_an_absent_or_empty_folder_has_no_latest(tmp_path):
    assert checkpoint.latest(tmp_path) is None
    assert checkpoint.latest(tmp_path / "absent") is None


def test_pruning_keeps_the_newest(several):
    checkpoint.prune(several, keep=2)
    assert [path.name for path in checkpoint.checkpoints(several)] == ["000100", "1000000"]
    assert (several / "000200").exists() and (several / "notes").exists()


def test_pruning_keeps_at_least_one(several):
    with pytest.raises(ValueError, match="at least 1, got 0"):
        checkpoint.prune(several, keep=0)
