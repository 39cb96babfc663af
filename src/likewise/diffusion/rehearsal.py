"""A network run once without weights or numbers, on torch's meta device, to count the bytes that it would hold.

What autograd keeps for the backward pass is asked of autograd itself, so it follows from the configs whatever the
width, the resolution and the layers that learn. Two things are put in as a GPU would do them: attention keeps its
inputs, its output and one number a row, never the matrix of all pairs; and under autocast linear layers and
convolutions run in bfloat16, norms in float32.
"""

import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

_LOW = {F.linear, torch.conv2d, torch.matmul, torch.bmm, torch.baddbmm}  # bfloat16 under CUDA's autocast
_HIGH = {torch.group_norm, torch.layer_norm, F.group_norm, F.layer_norm, F.softmax}  # float32 under it
_RECOMPUTED = ("ResnetBlock2D", "BasicTransformerBlock")  # what diffusers' gradient checkpointing runs twice


@dataclass(frozen=True)
class Kept:
    """Bytes that one forward pass keeps for the backward pass.

    outside: beside the blocks that can be recomputed; inside: in all of those together; largest: in the largest of
    them; inputs: what recomputing them keeps instead; copies: of weights in another precision, whatever the batch.
    drawing: the most that a forward pass without gradients holds at a time.
    """

    outside: int
    inside: int
    largest: int
    inputs: int
    copies: int
    drawing: int

    def peak(self, rows: int, recomputing: bool) -> int:
        """The most that is alive at a time for a batch of `rows`.

        With recomputing, one block at a time holds its activations and as much again in gradients.
        """
        if recomputing:
            return self.copies + rows * (self.outside + self.inputs + 2 * self.largest)
        return self.copies + rows * (self.outside + self.inside + self.largest)


def kept(network: nn.Module, inputs: dict[str, Any], autocast: bool) -> Kept:
    """What a forward pass of a network on the meta device keeps; inputs: its arguments, for a batch of one."""
    count = _Count({value.untyped_storage()._cdata for value in network.parameters()})
    hooks = _watch(network, count)
    try:
        with _Gpu(autocast, count), torch.autograd.graph.saved_tensors_hooks(count.save, lambda value: value):
            output = network(**inputs, return_dict=False)  # held: what autograd keeps must not be freed and reused
    finally:
        for hook in hooks:
            hook.remove()
    del output
    with torch.no_grad(), live() as meter, _Gpu(False, count):
        network(**inputs, return_dict=False)
    largest = max(count.blocks, default=0)
    return Kept(count.outside, sum(count.blocks), largest, count.inputs, count.copies, meter.most)


class _Count:
    """Bytes of the storages that were saved, by place."""

    def __init__(self, weights: set[int]) -> None:
        self.seen, self.casts = set(weights), set[int]()
        self.outside = self.inputs = self.copies = 0
        self.blocks: list[int] = []
        self.depth = 0

    def save(self, value: Tensor) -> Tensor:
        storage = value.untyped_storage()
        if storage._cdata not in self.seen:
            self.seen.add(storage._cdata)
            if storage._cdata in self.casts:
                self.copies += storage.nbytes()
            elif self.depth:
                self.blocks[-1] += storage.nbytes()
            else:
                self.outside += storage.nbytes()
        return value


def _watch(network: nn.Module, count: _Count) -> list[Any]:
    def enter(_module: nn.Module, inputs: tuple, named: dict[str, Any]) -> None:
        if count.depth == 0:
            count.blocks.append(0)
            first = next(value for value in (*inputs, *named.values()) if isinstance(value, Tensor))
            count.inputs += first.untyped_storage().nbytes()
        count.depth += 1

    def leave(_module: nn.Module, _inputs: tuple, _output: Any) -> None:
        count.depth -= 1

    hooks = []
    for module in network.modules():
        if type(module).__name__ in _RECOMPUTED:
            hooks.append(module.register_forward_pre_hook(enter, with_kwargs=True))
            hooks.append(module.register_forward_hook(leave))
    return hooks


class _Gpu(TorchFunctionMode):
    """Attention without its matrix, and CUDA's autocast rules, for tensors on the meta device."""

    def __init__(self, autocast: bool, count: _Count) -> None:
        super().__init__()
        self._autocast, self._count, self._held = autocast, count, list[Tensor]()

    def __torch_function__(self, function: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        kwargs = kwargs or {}
        if function is F.scaled_dot_product_attention:
            names = ("query", "key", "value")
            query, key, value = (args + tuple(kwargs[name] for name in names[len(args) :]))[:3]
            return _Attention.apply(*(self._low(one) for one in (query, key, value)))
        if self._autocast and function in _LOW:
            args = tuple(self._low(one) for one in args)
        elif self._autocast and function in _HIGH:
            args = tuple(one.float() if isinstance(one, Tensor) else one for one in args)
        return function(*args, **kwargs)

    def _low(self, value: Any) -> Any:
        if not self._autocast or not isinstance(value, Tensor) or value.dtype != torch.float32:
            return value
        low = value.to(torch.bfloat16)
        if isinstance(value, nn.Parameter):
            self._count.casts.add(low.untyped_storage()._cdata)
            self._held.append(low)  # a freed storage's number could be given to another
        return low


class _Attention(torch.autograd.Function):
    """The shapes of fused attention: it keeps query, key, value, output and the logarithm of each row's sum."""

    @staticmethod
    def forward(context: Any, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        output = query.new_empty((*query.shape[:-1], value.shape[-1]))
        context.save_for_backward(query, key, value, output, query.new_empty(query.shape[:-1], dtype=torch.float32))
        return output

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, ...]:
        raise AssertionError("a rehearsal has no backward pass")


@contextmanager
def live() -> Iterator["Live"]:
    """Inside this scope every new tensor's bytes are counted while it lives; `most` is their peak."""
    with (meter := Live()):
        yield meter


class Live(TorchDispatchMode):
    """Bytes of the storages that operations made and that are alive."""

    def __init__(self) -> None:
        """Nothing is alive yet."""
        super().__init__()
        self.now = self.most = 0
        self._held: dict[int, weakref.ref] = {}

    def __torch_dispatch__(self, function: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        """Run the operation and count what it made."""
        given = {one.untyped_storage()._cdata for one in args if isinstance(one, Tensor)}
        result = function(*args, **(kwargs or {}))
        for value in result if isinstance(result, tuple | list) else (result,):
            if isinstance(value, Tensor) and value.untyped_storage()._cdata not in given:  # not a view of a weight
                self._add(value.untyped_storage())
        return result

    def _add(self, storage: Any) -> None:
        number, size = storage._cdata, storage.nbytes()
        if number in self._held:
            return

        def freed(_reference: weakref.ref) -> None:
            self.now -= size
            del self._held[number]

        self._held[number] = weakref.ref(storage, freed)
        self.now += size
        self.most = max(self.most, self.now)
