"""A LoRA in the names of another program, and what a file of any of them holds."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from likewise.diffusion import lora_formats
from likewise.diffusion.formats import lora_names, skeleton
from likewise.diffusion.formats.lora_names import Place, Scheme
from likewise.diffusion.formats.skeleton import Skeleton
from likewise.diffusion.formats.unet_names import Blocks
from likewise.diffusion.lora_formats import LoraFile
from likewise.errors import ForeignLayoutError


@dataclass(frozen=True)
class Layer:
    """One adapter of a file: where it belongs, its rank, its alpha, and the norm of what it adds to the weight."""

    place: Place
    rank: int
    alpha: float
    norm: float


@dataclass(frozen=True)
class Report:
    """What of a file fits a base model. matched: (component, layer) of the model; unmatched: name -> reason."""

    base: str
    matched: tuple[Place, ...]
    unmatched: dict[str, str]

    def as_json(self) -> dict[str, Any]:
        """Counts by part, and everything that fits nothing."""
        counts = Counter(component for component, _ in self.matched)
        return {"base": self.base, "matched": len(self.matched), "by_part": dict(counts), "unmatched": self.unmatched}


def rename(
    file: LoraFile, scheme: Scheme, family: str, blocks: Blocks, dtype: torch.dtype = torch.float32
) -> dict[str, Tensor]:
    """The file's tensors in a scheme's names, alpha folded into `up` and, where the scheme has it, written as the rank.

    Of several ranks all become the largest, by rows of zeros: diffusers 0.42 drops the alphas of a kohya file that
    differ from the usual one, and older ones those of its own files, so that only one rank is right everywhere. family
    and blocks: of the base model. ForeignLayoutError for a layer that the scheme cannot name.
    """
    tensors: dict[str, Tensor] = {}
    rank = max(len(down) for down, _, _ in file.pairs.values())
    for place, (down, up, scale) in sorted(file.pairs.items()):
        wide = {"down": _padded(down.float(), 0, rank), "up": _padded(up.float() * scale, 1, rank)}
        parts = wide | {"alpha": torch.tensor(float(rank))}
        for part, value in parts.items():
            name = lora_names.write(place, part, scheme, family, blocks)
            if name is not None:
                tensors[name] = value.to(dtype).contiguous()
            elif scheme != "diffusers":
                raise ForeignLayoutError(f"The layer {'.'.join(place)}", f"{scheme} has no name for it")
    return tensors


def _padded(value: Tensor, dim: int, rank: int) -> Tensor:
    shape = list(value.shape)
    shape[dim] = rank - shape[dim]
    return torch.cat([value, value.new_zeros(shape)], dim)


def layers(file: LoraFile) -> list[Layer]:
    """Every adapter of a file, in order. norm: Frobenius, of scale * up @ down, without making that product."""
    found = []
    for place, (down, up, scale) in sorted(file.pairs.items()):
        rows, columns = down.float().flatten(1), up.float().flatten(1)
        squared = ((columns.T @ columns) * (rows @ rows.T)).sum().clamp(min=0)
        found.append(Layer(place, len(rows), round(scale * len(rows), 6), abs(scale) * squared.sqrt().item()))
    return found


def summary(file: LoraFile) -> dict[str, Any]:
    """Scheme, parts, ranks, alphas and norms of a file, as JSON."""
    found = layers(file)
    finite = _finite(file)
    norms = torch.tensor([one.norm for one in found if finite] or [0.0])
    endings = Counter(_ending(one.place[1]) for one in found)
    return {
        "scheme": file.scheme,
        "layers": len(found),
        "parts": dict(Counter(one.place[0] for one in found)),
        "targets": dict(sorted(endings.items())),
        "ranks": {str(rank): count for rank, count in sorted(Counter(one.rank for one in found).items())},
        "alphas": {f"{alpha:g}": count for alpha, count in sorted(Counter(one.alpha for one in found).items())},
        "norm": {"median": norms.median().item(), "largest": norms.max().item(), "finite": finite},
        "unread": list(file.strange),
    }


def report(file: LoraFile, base: Skeleton) -> Report:
    """Which of the file's adapters fit which layers of a base model, and why the others do not."""
    matched: list[Place] = []
    unmatched = {name: "no name of a LoRA's tensor, or half of a pair" for name in file.strange}
    for place, (down, up, _) in file.pairs.items():
        path = lora_formats.find(base.adaptable, place, down, up)
        if path is None:
            unmatched[".".join(place)] = _reason(base.adaptable.get(place[0]), place, down, up)
        else:
            matched.append((place[0], path))
    return Report(base.name, tuple(sorted(matched)), unmatched)


def guess(file: LoraFile) -> skeleton.Known | None:
    """The published family that the shapes of cross-attention point to; None if they are of none, or of two."""
    read_text = ("attn2.to_k", "attn2.to_v")
    widths = {down.shape[1] for (_, path), (down, _, _) in file.pairs.items() if path.endswith(read_text)}
    return skeleton.family_by_width(widths.pop()) if len(widths) == 1 else None


def family(file: LoraFile) -> str:
    """The family by shapes, on which names in other programs depend; "toybox" where nothing published fits."""
    return guess(file) or ("sdxl" if any(part == "text_encoder_2" for part, _ in file.pairs) else "toybox")


def _ending(path: str) -> str:
    words = path.split(".")
    return ".".join(words[-2:]) if words[-1].isdigit() else words[-1]


def _finite(file: LoraFile) -> bool:
    return all(bool(torch.isfinite(value).all()) for down, up, _ in file.pairs.values() for value in (down, up))


def _reason(model: nn.Module | None, place: Place, down: Tensor, up: Tensor) -> str:
    if model is None:
        return f"the base model has no {place[0]}"
    named = dict(model.named_modules())
    layer = named.get(place[1]) or named.get(f"text_model.{place[1]}")
    weight = getattr(layer, "weight", None)
    if weight is None:
        return "the base model has no such layer"
    return f"its shapes {tuple(down.shape)} and {tuple(up.shape)} do not fit the layer's {tuple(weight.shape)}"
