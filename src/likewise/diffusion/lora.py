"""Low-rank adapters: W x + (alpha / rank) up(down(x)) beside layers that stay frozen (LoRA, arXiv:2106.09685).

An adapter is a forward hook and two float32 parameters, so the model keeps its classes, its parameter names and its
weights bit for bit; `remove()` leaves no trace. As in the paper `up` starts at zero, so step 0 is the base model.
"""

import contextlib
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from likewise import seeds
from likewise.errors import LoraTargetError

Choice = Literal["attn", "attn+mlp", "attn+mlp+conv"]
Start = Literal["kaiming", "gaussian"]

_ATTENTION = ("to_q", "to_k", "to_v", "to_out.0")
_MLP = (*_ATTENTION, "ff.net.0.proj", "ff.net.2", "proj_in", "proj_out")
_TEXT = ("q_proj", "k_proj", "v_proj", "out_proj")
UNET_TARGETS: dict[str, tuple[str, ...]] = {
    "attn": _ATTENTION,
    "attn+mlp": _MLP,
    "attn+mlp+conv": (*_MLP, "conv1", "conv2", "conv_shortcut", "conv"),  # of residual blocks and of resizing
}
TEXT_TARGETS: dict[str, tuple[str, ...]] = {
    "attn": _TEXT,
    "attn+mlp": (*_TEXT, "fc1", "fc2"),
    "attn+mlp+conv": (*_TEXT, "fc1", "fc2"),  # text towers have no convolutions
}


def targets_for(component: str, choice: Choice) -> tuple[str, ...]:
    """Endings of the layer names that `choice` adapts in "unet", "text_encoder" or "text_encoder_2"."""
    return (UNET_TARGETS if component == "unet" else TEXT_TARGETS)[choice]


class Pair(nn.Module):
    """One adapter, x -> scale * up(down(x)).

    down: (rank, in) or (rank, in, h, w); up: (out, rank) or (out, rank, 1, 1); both float32.
    """

    def __init__(self, down: Tensor, up: Tensor, scale: float, **window: Any) -> None:
        """Both tensors become parameters as they are; window: stride, padding and dilation of a convolution."""
        super().__init__()
        self.down, self.up, self.scale, self.window = nn.Parameter(down), nn.Parameter(up), scale, window

    @property
    def rank(self) -> int:
        """Rows of `down`."""
        return self.down.shape[0]

    def entering(self, x: Tensor) -> Tensor:
        """What `down` reads of the adapted layer's input: all of it."""
        return x

    def forward(self, x: Tensor, strength: float = 1.0) -> Tensor:
        """strength * scale * up(down(x)); x: the adapted layer's input; the result has the shape of its output."""
        if x.is_meta or not torch.is_autocast_enabled(x.device.type):  # which casts by itself, and once
            x = x.to(self.down.dtype)
        x, by = self.entering(x), strength * self.scale
        if self.down.ndim == 2:
            low = F.linear(x, self.down)
            return F.linear(low if by == 1 else low * by, self.up)  # scaled where it has `rank` channels only
        low = F.conv2d(x, self.down, **self.window)
        return F.conv2d(low if by == 1 else low * by, self.up)

    def onto(self, output: Tensor, x: Tensor, strength: float) -> Tensor:
        """output + strength * self(x), in output's dtype; one call without passes between, where all is one dtype."""
        if self.down.ndim > 2 or not output.dtype == x.dtype == self.down.dtype:  # autocast's output is another too
            return (output + self(x, strength)).to(output.dtype)
        low = F.linear(self.entering(x), self.down).flatten(0, -2)
        added = torch.addmm(output.flatten(0, -2), low, self.up.t(), alpha=strength * self.scale)
        return added.view_as(output)

    def delta(self) -> Tensor:
        """What the adapter adds to the layer's weight, float32, in the weight's shape."""
        return (self.up.flatten(1) @ self.down.flatten(1) * self.scale).reshape(
            *self.up.shape[:1], *self.down.shape[1:]
        )


class Lora:
    """Adapters on one model, alive until `remove()` or `merge()`.

    component: the model's name in files ("unet", "text_encoder", "text_encoder_2"); pairs: layer name -> Pair;
    strength: 1 as trained, 0 without effect.
    """

    def __init__(self, component: str, module: nn.Module, pairs: Mapping[str, Pair], targets: Iterable[str] = ()):
        """Hook every pair onto the layer of its name."""
        self.component, self.module, self.pairs, self.targets = component, module, dict(pairs), tuple(targets)
        self.strength, self.enabled = 1.0, True
        self._hooks = [
            module.get_submodule(path).register_forward_hook(self._add(pair)) for path, pair in pairs.items()
        ]

    def _add(self, pair: Pair):
        def hook(_layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
            return pair.onto(output, inputs[0], self.strength) if self.enabled else output

        return hook

    def parameters(self) -> dict[str, nn.Parameter]:
        """The trainable tensors, named as in a LoRA file: "unet.<layer>.lora.down.weight"."""
        return {
            file_key(self.component, path, part): getattr(pair, part)
            for path, pair in self.pairs.items()
            for part in ("down", "up")
        }

    @contextlib.contextmanager
    def disabled(self) -> Iterator[None]:
        """Inside this scope the model is the base model."""
        before, self.enabled = self.enabled, False
        try:
            yield
        finally:
            self.enabled = before

    def remove(self) -> None:
        """Take the adapters off; the model is what it was before."""
        for hook in self._hooks:
            hook.remove()
        self._hooks = []

    @torch.no_grad()
    def merge(self) -> None:
        """Add the adapters to the weights for good, in float32, and take the hooks off."""
        for path, pair in self.pairs.items():
            weight = weight_of(self.module, path)
            weight.copy_(weight.float() + self.strength * pair.delta())
        self.remove()


def weight_of(module: nn.Module, path: str) -> Tensor:
    """The weight of the layer of that name; AttributeError if there is none."""
    weight = module.get_submodule(path).weight
    assert isinstance(weight, Tensor), f"{path} is no single layer"
    return weight


def file_key(component: str, path: str, part: str) -> str:
    """The name of one tensor in a LoRA file; part is "down" or "up".

    Text towers always get the `text_model.` form: transformers 5.6 dropped it from CLIPTextModel, but older diffusers,
    ComfyUI and A1111 match no other, and current diffusers reads both.
    """
    if component == "unet":
        return f"unet.{path}.lora.{part}.weight"
    return f"{component}.text_model.{path.removeprefix('text_model.')}.lora_linear_layer.{part}.weight"


def inject(
    module: nn.Module,
    component: str,
    *,
    rank: int,
    alpha: float,
    targets: Iterable[str],
    seed: int,
    start: Start = "kaiming",
) -> Lora:
    """Adapters of `rank` on every linear layer and convolution of `module` whose name ends in a target.

    An adapted convolution is one of its kernel to `rank` channels, then one of 1 x 1. Each `down` starts from a stream
    named by its layer, so neither order nor other adapters change it: "kaiming" is peft's default,
    U(-1/sqrt(in), 1/sqrt(in)); "gaussian" is normal with standard deviation 1/rank. LoraTargetError when nothing
    matches.
    """
    targets = tuple(targets)
    layers = [path for path, layer in module.named_modules() if _matches(path, targets) and _fits(layer)]
    if not layers:
        raise LoraTargetError(component, targets, _endings(module))
    pairs = {
        path: _fresh(module.get_submodule(path), rank, alpha / rank, start, seeds.stream(seed, "lora", component, path))
        for path in layers
    }
    return Lora(component, module, pairs, targets)


def _matches(path: str, targets: tuple[str, ...]) -> bool:
    return any(path == target or path.endswith(f".{target}") for target in targets)


def _fits(layer: nn.Module) -> bool:
    return isinstance(layer, nn.Linear) or (isinstance(layer, nn.Conv2d) and layer.groups == 1)


def _endings(module: nn.Module) -> list[str]:
    """The last parts of the names of the layers that could be adapted, for the error message."""
    return sorted({path.rpartition(".")[2] for path, layer in module.named_modules() if path and _fits(layer)})


def window(layer: nn.Module) -> dict[str, Any]:
    """How a convolution moves over its input, for Pair; nothing for a linear layer."""
    return {name: getattr(layer, name) for name in ("stride", "padding", "dilation") if isinstance(layer, nn.Conv2d)}


def _fresh(layer: nn.Module, rank: int, scale: float, start: Start, stream: torch.Generator) -> Pair:
    weight = weight_of(layer, "")
    out, width, *kernel = weight.shape
    down = torch.empty(rank, width, *kernel)
    if start == "gaussian":
        nn.init.normal_(down, std=1 / rank, generator=stream)
    else:
        nn.init.kaiming_uniform_(down, a=math.sqrt(5), generator=stream)
    up = torch.zeros(out, rank, *(1 for _ in kernel), device=weight.device)
    return Pair(down.to(weight.device), up, scale, **window(layer))
