"""The device that was asked for, or an error; the fastest, or a sentence that says why not."""

import re
from contextlib import nullcontext

import pytest
import torch

from likewise import devices
from likewise.errors import DeviceError


@pytest.fixture
def machine(monkeypatch):
    """Pretend to be a machine: machine(cuda=True, bf16=False, mps=False, flags={"amx_bf16"})."""

    def pretend(cuda=False, bf16=True, mps=False, flags=()):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
        monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "Test Card")
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: bf16)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: dict.fromkeys(flags, True), raising=False)

    precision = torch.get_float32_matmul_precision()
    yield pretend
    torch.set_float32_matmul_precision(precision)


@pytest.mark.parametrize(
    ("here", "kind", "dtype", "note"),
    [
        ({"cuda": True}, "cuda", torch.bfloat16, r"Test Card.*bfloat16.*TF32"),
        ({"cuda": True, "bf16": False}, "cuda", torch.float32, "no bfloat16"),
        ({"mps": True}, "mps", torch.float32, "float32"),
        ({"flags": {"amx_bf16"}}, "cpu", torch.bfloat16, "AMX_BF16"),
        ({"flags": {"avx512_bf16"}}, "cpu", torch.bfloat16, "AVX512_BF16"),
        ({"flags": {"avx2", "avx512_f"}}, "cpu", torch.float32, "slower"),
    ],
)
def test_the_fastest_device_is_taken_and_explained(machine, here, kind, dtype, note):
    machine(**here)
    chosen = devices.choose()
    assert (chosen.kind, chosen.dtype) == (kind, dtype)
    assert re.search(note, chosen.note)


def test_cuda_turns_tf32_on(machine):
    torch.set_float32_matmul_precision("highest")
    machine(cuda=True)
    devices.choose("cuda")
    assert torch.get_float32_matmul_precision() == "high"


def test_cpu_can_be_asked_for_beside_a_card(machine):
    machine(cuda=True)
    assert devices.choose("cpu").kind == "cpu"


def test_an_absent_card_is_not_replaced(machine):
    machine()
    with pytest.raises(DeviceError, match=r"'cuda'.*none here.*\n.*has: cpu"):
        devices.choose("cuda")


@pytest.mark.parametrize("name", ["gpu", "", "CPU", "cuda:1"])
def test_an_unknown_name_is_an_error(machine, name):
    machine(cuda=True)
    with pytest.raises(DeviceError, match=r"cuda, cpu"):
        devices.choose(name)


def test_torch_that_cannot_tell_gets_float32(machine, monkeypatch):
    machine()
    monkeypatch.delattr(torch.cpu, "get_capabilities")
    assert devices.choose("cpu").dtype == torch.float32


def test_autocast_computes_in_the_dtype():
    with devices.Device("cpu", torch.bfloat16, "").autocast():
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.bfloat16


def test_float32_needs_no_autocast():
    assert isinstance(devices.Device("cpu", torch.float32, "").autocast(), nullcontext)
