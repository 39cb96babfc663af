"""LoRA files: read in any program's names, written in diffusers' layout, put on a model.

What is written says alpha = rank, with alpha / rank folded into `up`, so that a loader that honours alpha and one that
ignores it draw the same picture. What is read may say alpha in tensors (kohya, ComfyUI) or in the header (diffusers).
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
from likewise.diffusion.formats import lora_names
from likewise.diffusion.formats.lora_names import Place
from likewise.diffusion.formats.unet_names import Blocks
from likewise.diffusion.lora import TEXT_TARGETS, UNET_TARGETS, Lora, Pair, weight_of, window
from likewise.errors import BrokenFileError, ForeignLoraError, LoraCoverageWarning, LoraFileError

FILE = "pytorch_lora_weights.safetensors"
PARTS = {
    ".lora.down.weight": "down",
    ".lora.up.weight": "up",
    ".lora_linear_layer.down.weight": "down",
    ".lora_linear_layer.up.weight": "up",
}
# Adapters that add something else than up @ down; without these tensors they would be something else.
OTHER_KINDS = {
    "dora_scale": "DoRA", "lora_magnitude_vector": "DoRA", "hada_": "LoHa", "lokr_": "LoKr", "oft_": "OFT",
    "lora_mid": "LoCon with a middle tensor", ".a1.weight": "GLoRA", "on_input": "IA3",
}  # fmt: skip


@dataclass(frozen=True)
class Coverage:
    """What of a LoRA file a model could use: counts of tensors, and the names that fit no layer."""

    matched: int
    unmatched: tuple[str, ...]


@dataclass(frozen=True)
class LoraFile:
    """A LoRA file, read: (component, layer) -> down, up, scale; what else it holds; its header; whose names it is in.

    scale is alpha / rank.
    """

    pairs: dict[Place, tuple[Tensor, Tensor, float]]
    strange: tuple[str, ...]
    metadata: dict[str, str]
    scheme: str = "diffusers"

    def folded(self) -> dict[str, Tensor]:
        """All adapters by diffusers' names, alpha folded into `up`: what `pack` takes with alpha None."""
        tensors = {}
        for place, (down, up, scale) in sorted(self.pairs.items()):
            for part, value in (("down", down.float()), ("up", up.float() * scale)):
                name = lora_names.write(place, part, "diffusers", "", Blocks())
                assert name is not None, "diffusers has a name for every layer"
                tensors[name] = value.contiguous()
        return tensors


def components(backbone: Backbone) -> dict[str, nn.Module]:
    """The models that a LoRA may adapt, by the names that files use."""
    names = ["text_encoder", "text_encoder_2"]
    return {"unet": backbone.unet, **dict(zip(names, backbone.text_encoders, strict=False))}


def pack(tensors: Mapping[str, Tensor], alpha: float | None, info: Mapping[str, str] | None = None) -> bytes:
    """The bytes of a LoRA file.

    tensors: named as `Lora.parameters()` names them; alpha: not yet folded in, None if it is; info: strings for the
    header, such as the base model's hash. The same tensors give the same bytes: safetensors itself orders its header
    at random.
    """
    folded = fold(tensors, alpha)
    header = {**(info or {}), "format": "pt", **described(folded)}
    return canonical(save(folded, metadata=header))


def write(
    path: Path, tensors: Mapping[str, Tensor], alpha: float | None, info: Mapping[str, str] | None = None
) -> None:
    """Write a LoRA file, atomically; arguments as in `pack`."""
    checkpoint.write_bytes(path, pack(tensors, alpha, info))


def fold(tensors: Mapping[str, Tensor], alpha: float | None) -> dict[str, Tensor]:
    """The same adapters with alpha / rank multiplied into `up`, so that alpha = rank; float32 on the CPU, sorted."""
    return {name: _folded(name, tensors[name], alpha) for name in sorted(tensors)}


def canonical(data: bytes, metadata: Mapping[str, str] | None = None) -> bytes:
    """The same safetensors file with its metadata, or that given instead, in alphabetical order."""
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    own = header.pop("__metadata__", {})
    header = {"__metadata__": dict(sorted((own if metadata is None else metadata).items())), **header}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # tensors start on a multiple of 8 bytes
    return len(text).to_bytes(8, "little") + text + data[8 + size :]


def _folded(name: str, tensor: Tensor, alpha: float | None) -> Tensor:
    tensor = tensor.detach().float().cpu().contiguous()
    return tensor * (alpha / tensor.shape[1]) if alpha is not None and PARTS[_suffix(name)] == "up" else tensor


def _suffix(name: str) -> str:
    return next((suffix for suffix in PARTS if name.endswith(suffix)), "")


def described(tensors: Mapping[str, Tensor]) -> dict[str, str]:
    """The header string by which peft and diffusers know the adapters' ranks and alphas, alpha = rank everywhere."""
    return {"lora_adapter_metadata": json.dumps(_adapters(tensors), sort_keys=True)}


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
    known = (UNET_TARGETS if component == "unet" else TEXT_TARGETS)["attn+mlp+conv"]
    endings = {next((end for end in known if path.endswith(f".{end}")), path) for path in paths}
    return sorted(endings)


def _place(name: str) -> tuple[str, str]:
    """("unet", "down_blocks....to_q") of a tensor's name; a text tower's layers without `text_model.`."""
    component, _, path = name.removesuffix(_suffix(name)).partition(".")
    return component, path.removeprefix("text_model.") if component != "unet" else path


def read(path: str | Path, blocks: Blocks | None = None) -> LoraFile:
    """Read a LoRA file in diffusers', peft's, kohya's or ComfyUI's names; BrokenFileError if it is no safetensors file.

    blocks: how the base model's U-Net is built, which the original code's names depend on; SD's own by default. An
    alpha in tensors or in the header is honoured; without one, alpha = rank, as all programs assume. ForeignLoraError
    for adapters of another kind.
    """
    path = Path(path)
    path = path / FILE if path.is_dir() else path
    tensors, metadata = checkpoint.read_tensors(path)
    for mark, kind in OTHER_KINDS.items():
        if any(mark in name for name in tensors):
            raise ForeignLoraError(path, kind)
    try:
        return parse(tensors, metadata, blocks)
    except json.JSONDecodeError as error:
        raise BrokenFileError(path, f"its lora_adapter_metadata is not JSON ({error})") from error


def parse(
    tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None, blocks: Blocks | None = None
) -> LoraFile:
    """The adapters in a LoRA file's tensors and header."""
    metadata = dict(metadata or {})
    names = {name: lora_names.read(name, blocks or Blocks()) for name in tensors}
    parts: dict[Place, dict[str, Tensor]] = {}
    for name, found in names.items():
        if found is not None:
            parts.setdefault(found.place, {})[found.part] = tensors[name]
    declared = json.loads(metadata.get("lora_adapter_metadata", "{}"))
    declared = declared if isinstance(declared, dict) else {}
    pairs = {
        place: (part["down"], part["up"], _scale(place, part, declared))
        for place, part in parts.items()
        if _is_pair(part)
    }
    strange = tuple(name for name, found in sorted(names.items()) if found is None or found.place not in pairs)
    schemes = Counter(found.scheme for found in names.values() if found is not None)
    return LoraFile(pairs, strange, metadata, schemes.most_common(1)[0][0] if schemes else "unknown")


def _is_pair(part: Mapping[str, Tensor]) -> bool:
    """Whether these are two matrices or convolutions, and at most one number beside them."""
    if not {"down", "up"} <= part.keys() or min(part["down"].ndim, part["up"].ndim) < 2:
        return False
    return len(part["down"]) > 0 and ("alpha" not in part or part["alpha"].numel() == 1)


def _scale(place: Place, part: Mapping[str, Tensor], declared: Mapping[str, Any]) -> float:
    rank = len(part["down"])
    if "alpha" in part:
        return part["alpha"].item() / rank
    component, path = place
    special = declared.get(f"{component}.alpha_pattern") or {}
    alpha = special.get(path, declared.get(f"{component}.lora_alpha", rank))
    return alpha / (rank**0.5 if declared.get(f"{component}.use_rslora") else rank)  # arXiv:2312.03732


def load_into(backbone: Backbone, path: str | Path, strength: float = 1.0) -> tuple[list[Lora], Coverage]:
    """Put a LoRA file's adapters on a model; `remove()` each Lora to take them off.

    LoraFileError when no tensor fits; LoraCoverageWarning when some do not.
    """
    return attach(backbone, read(path, blocks_of(backbone)), path, strength)


def attach(backbone: Backbone, file: LoraFile, source: object, strength: float = 1.0) -> tuple[list[Lora], Coverage]:
    """`load_into` for adapters that are read already; source: what errors call them."""
    models = components(backbone)
    fitting: dict[str, dict[str, Pair]] = {}
    unmatched = list(file.strange)
    for place, (down, up, scale) in file.pairs.items():
        path = find(models, place, down, up)
        if path is None:
            unmatched.append(".".join(place))
        else:
            pair = _pair(models[place[0]].get_submodule(path), down, up, scale)
            fitting.setdefault(place[0], {})[path] = pair
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


def blocks_of(backbone: Backbone) -> Blocks:
    """How the backbone's U-Net is built; SD's own where it has no config."""
    config: Any = getattr(backbone.unet, "config", None)
    return Blocks() if config is None else Blocks.of(config)


def find(models: Mapping[str, nn.Module], place: Place, down: Tensor, up: Tensor) -> str | None:
    """The name under which a model holds the layer, if the shapes fit; CLIP towers may or may not say `text_model.`."""
    model = models.get(place[0])
    for path in (place[1], f"text_model.{place[1]}"):
        try:
            weight = weight_of(model, path) if model is not None else None
        except AttributeError:
            continue
        if weight is not None and weight.ndim > 1 and fits(weight, down, up):
            return path
    return None


def fits(weight: Tensor, down: Tensor, up: Tensor) -> bool:
    """Whether up(down(x)) has the weight's shape; a 1 x 1 kernel and none at all are the same."""
    kernels = [tuple(value.shape[2:]) or (1, 1) for value in (weight, down, up)]
    wide = (weight.shape[0], weight.shape[1]) == (up.shape[0], down.shape[1]) and up.shape[1] == down.shape[0]
    return wide and kernels[1] == kernels[0] and kernels[2] == (1, 1)


def _pair(layer: nn.Module, down: Tensor, up: Tensor, scale: float) -> Pair:
    """The adapter in the layer's own form: two matrices, or two convolutions of which the first moves as it does."""
    weight = weight_of(layer, "")
    ones = (1,) * (weight.ndim - 2)
    down = down.float().reshape(*down.shape[:2], *(weight.shape[2:] or ones))
    up = up.float().reshape(*up.shape[:2], *ones)
    return Pair(down.to(weight.device), up.to(weight.device), scale, **window(layer))
