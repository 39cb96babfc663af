"""Which device computes, in which precision, and an honest sentence about why."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch

from likewise.errors import DeviceError

KINDS = ("cuda", "mps", "cpu")  # fastest first


@dataclass(frozen=True)
class Device:
    """A device as torch names it, the dtype to compute in under autocast, and why these were chosen."""

    kind: str  # "cuda", "mps" or "cpu"
    dtype: torch.dtype  # float32 means no autocast; weights that are trained stay float32 in any case
    note: str  # one sentence for people and for the run's record

    def autocast(self) -> AbstractContextManager[object]:
        """A scope that computes in `dtype`; it does nothing in float32."""
        return nullcontext() if self.dtype == torch.float32 else torch.autocast(self.kind, self.dtype)


def choose(name: str | None = None) -> Device:
    """The device called `name`, or the fastest one here. Raises DeviceError rather than take another than asked."""
    present = _present()
    if name is None:
        name = present[0]
    if name not in KINDS:
        hint = "to pick one of several GPUs, set CUDA_VISIBLE_DEVICES" if name.startswith("cuda:") else "no such device"
        raise DeviceError(name, present, hint)
    if name not in present:
        raise DeviceError(name, present, "torch finds none here")
    return {"cuda": _cuda, "mps": _mps, "cpu": _cpu}[name]()


def _present() -> list[str]:
    found = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    return [kind for kind in KINDS if found[kind]]


def _cuda() -> Device:
    torch.set_float32_matmul_precision("high")  # TF32 for what autocast leaves in float32; convolutions use it anyway
    card = torch.cuda.get_device_name()
    if torch.cuda.is_bf16_supported(including_emulation=False):
        return Device("cuda", torch.bfloat16, f"cuda ({card}): bfloat16 autocast, the rest in TF32")
    return Device("cuda", torch.float32, f"cuda ({card}): float32, as this card has no bfloat16 of its own")


def _mps() -> Device:
    return Device("mps", torch.float32, "mps: float32, the precision in which all of our operations are known to work")


def _cpu() -> Device:
    # Older torch cannot tell what the processor has; float32 is then the safe answer: emulated bfloat16 is far slower.
    has = getattr(torch.cpu, "get_capabilities", dict)()
    native = [flag for flag in ("amx_bf16", "avx512_bf16") if has.get(flag)]
    if native:
        return Device("cpu", torch.bfloat16, f"cpu: bfloat16 autocast, which this processor has ({native[0].upper()})")
    why = "this processor has no bfloat16 of its own (AMX_BF16, AVX512_BF16), and emulating it would be slower"
    return Device("cpu", torch.float32, f"cpu: float32, as {why}")
