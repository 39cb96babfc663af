"""LoRA files in diffusers' layout, which stock `load_lora_weights` reads with every key matched.

alpha / rank is folded into `up` and the header declares alpha = rank, so that a loader that honours alpha and one that
ignores it draw the same picture.
"""

import json
import warnings
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import save
from torch import Tensor, nn

from likewise import checkpoint
from likewise.diffusion.backbone import Backbone
from likewise.diffusion.lora import TEXT_TARGETS, UNET_TARGETS, Lora, Pair, weight_of
from likewise.errors import LoraCoverageWarning, LoraFileError

FILE = "pytorch_lora_weights.safetensors"
PARTS = {
    ".lora.down.weight": "down",
    ".lora.up.weight": "up",
    ".lora_linear_layer.down.weight": "down",
    ".lora_linear_layer.up.weight": "up",
    ".lora_A.weight": "down",
    ".lora_B.weight": "up",
}


@dataclass(frozen=True)
class Coverage:
    """What of a LoRA file a model could use: counts of tensors, and the names that fit no layer."""

    matched: int
    unmatched: tuple[str, ...]


@dataclass(frozen=True)
class LoraFile:
    """A LoRA file, read: (component, layer) -> down, up, scale; what else it holds; its header."""

    pairs: dict[tuple[str, str], tuple[Tensor, Tensor, float]]
    strange: tuple[str, ...]
    metadata: dict[str, str]


def components(backbone: Backbone) -> dict[str, nn.Module]:
    """The models that a LoRA may adapt, by the names that files use."""
    names = ["text_encoder", "text_encoder_2"]
    return {"unet": backbone.unet, **dict(zip(names, backbone.text_encoders, strict=False))}


def pack(tensors: Mapping[str, Tensor], alpha: float, info: Mapping[str, str] | None = None) -> bytes:
    """The bytes of a LoRA file.

    tensors: named as `Lora.parameters()` names them, alpha not yet folded in; info: strings for the header, such as
    the base model's hash. The same tensors give the same bytes: safetensors itself orders its header at random.
    """
    folded = fold(tensors, alpha)
    header = {**(info or {}), "format": "pt", "lora_adapter_metadata": json.dumps(_adapters(folded), sort_keys=True)}
    return canonical(save(folded, metadata=header))


def write(path: Path, tensors: Mapping[str, Tensor], alpha: float, info: Mapping[str, str] | None = None) -> None:
    """Write a LoRA file, atomically; arguments as in `pack`."""
    checkpoint.write_bytes(path, pack(tensors, alpha, info))


def fold(tensors: Mapping[str, Tensor], alpha: float) -> dict[str, Tensor]:
    """The same adapters with alpha / rank multiplied into `up`, so that alpha = rank; float32 on the CPU, sorted."""
    return {name: _folded(name, tensors[name], alpha) for name in sorted(tensors)}


def canonical(data: bytes) -> bytes:
    """The same safetensors file with its metadata in alphabetical order."""
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    header = {"__metadata__": dict(sorted(header.pop("__metadata__", {}).items())), **header}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # tensors start on a multiple of 8 bytes
    return len(text).to_bytes(8, "little") + text + data[8 + size :]


def _folded(name: str, tensor: Tensor, alpha: float) -> Tensor:
    tensor = tensor.detach().float().cpu().contiguous()
    return tensor * (alpha / tensor.shape[1]) if PARTS[_suffix(name)] == "up" else tensor


def _suffix(name: str) -> str:
    return next((suffix for suffix in PARTS if name.endswith(suffix)), "")


def _adapters(tensors: Mapping[str, Tensor]) -> dict[str, object]:
    """peft's description of the adapters, each entry prefixed by its component, alpha = rank everywhere."""
    ranks: dict[str, dict[str, int]] = {}
    for name, tensor in tensors.items():
        if PARTS[_suffix(name)] == "down":
            component, path = _place(name)
            ranks.setdefault(component, {})[path] = tensor.shape[0]
    described: dict[str, object] = {}
    for component, paths in ranks.items():
        usual = Counter(paths.values()).most_common(1)[0][0]
        others = {path: rank for path, rank in paths.items() if rank != usual}
        entry = {
            "r": usual,
            "lora_alpha": usual,
            "rank_pattern": others,
            "alpha_pattern": others,
            "target_modules": _targets(component, paths),
        }
        described |= {f"{component}.{key}": value for key, value in entry.items()}
    return described


def _targets(component: str, paths: Mapping[str, int]) -> list[str]:
    """The endings by which peft finds the layers again."""
    known = (UNET_TARGETS if component == "unet" else TEXT_TARGETS)["attn+mlp"]
    endings = {next((end for end in known if path.endswith(f".{end}")), path) for path in paths}
    return sorted(endings)


def _place(name: str) -> tuple[str, str]:
    """("unet", "down_blocks....to_q") of a tensor's name; a text tower's layers without `text_model.`."""
    component, _, path = name.removesuffix(_suffix(name)).partition(".")
    return component, path.removeprefix("text_model.") if component != "unet" else path


def read(path: str | Path) -> LoraFile:
    """Read a LoRA file in diffusers' or peft's names; BrokenFileError if it is no safetensors file.

    The alpha that other tools leave in the header is honoured; without one, alpha = rank, as diffusers assumes.
    """
    path = Path(path)
    path = path / FILE if path.is_dir() else path
    return parse(*checkpoint.read_tensors(path))


def parse(tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None) -> LoraFile:
    """The adapters in a LoRA file's tensors and header."""
    metadata = dict(metadata or {})
    halves: dict[tuple[str, str], dict[str, Tensor]] = {}
    for name in tensors:
        if _suffix(name):
            halves.setdefault(_place(name), {})[PARTS[_suffix(name)]] = tensors[name]
    alphas = json.loads(metadata.get("lora_adapter_metadata", "{}"))
    pairs = {
        place: (half["down"], half["up"], _scale(place, half["down"].shape[0], alphas))
        for place, half in halves.items()
        if len(half) == 2
    }
    strange = tuple(name for name in sorted(tensors) if not _suffix(name) or _place(name) not in pairs)
    return LoraFile(pairs, strange, metadata)


def _scale(place: tuple[str, str], rank: int, alphas: Mapping[str, Any]) -> float:
    component, path = place
    special = alphas.get(f"{component}.alpha_pattern", {})
    return special.get(path, alphas.get(f"{component}.lora_alpha", rank)) / rank


def load_into(backbone: Backbone, path: str | Path, strength: float = 1.0) -> tuple[list[Lora], Coverage]:
    """Put a LoRA file's adapters on a model; `remove()` each Lora to take them off.

    LoraFileError when no tensor fits; LoraCoverageWarning when some do not.
    """
    return attach(backbone, read(path), path, strength)


def attach(backbone: Backbone, file: LoraFile, source: object, strength: float = 1.0) -> tuple[list[Lora], Coverage]:
    """`load_into` for adapters that are read already; source: what errors call them."""
    models = components(backbone)
    fitting: dict[str, dict[str, Pair]] = {}
    unmatched = list(file.strange)
    for (component, layer), (down, up, scale) in file.pairs.items():
        found = _find(models.get(component), layer, down, up)
        if found is None:
            unmatched.append(f"{component}.{layer}")
        else:
            device = weight_of(models[component], found).device
            fitting.setdefault(component, {})[found] = Pair(down.float().to(device), up.float().to(device), scale)
    matched = 2 * sum(map(len, fitting.values()))
    if not matched:
        found = f"none of its {len(unmatched)} entries fits a layer of {backbone.name}"
        raise LoraFileError(source, found, "Load it on the base model that it was trained on.")
    if unmatched:
        warnings.warn(LoraCoverageWarning(source, unmatched, matched), stacklevel=3)
    loras = [Lora(component, models[component], pairs) for component, pairs in fitting.items()]
    for lora in loras:
        lora.strength = strength
    return loras, Coverage(matched, tuple(unmatched))


def _find(model: nn.Module | None, layer: str, down: Tensor, up: Tensor) -> str | None:
    """The name under which `model` holds `layer`, if the shapes fit; CLIP towers may or may not say `text_model.`."""
    for path in (layer, f"text_model.{layer}"):
        try:
            weight = weight_of(model, path) if model is not None else None
        except AttributeError:
            continue
        if weight is not None and weight.shape[:2] == (up.shape[0], down.shape[1]):
            return path
    return None
