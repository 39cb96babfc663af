"""Learned words in the files that programs keep them in: diffusers, A1111, kohya and ComfyUI.

| file | holds |
| learned_embeds.safetensors, .bin | {placeholder: (n, d)}, one file a text encoder |
| A1111, kohya, ComfyUI .safetensors | {"emb_params": (n, d)}, or {"clip_l": (n, 768), "clip_g": (n, 1280)} for SDXL |
| A1111 .pt, and the .pt of the paper's authors | {"string_to_param": {"*": (n, d)}, "name": ...} |
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from likewise import checkpoint
from likewise.diffusion.formats import inert
from likewise.errors import WordFileError

PICKLED = (".pt", ".bin", ".ckpt", ".pth")
PAIR = ("clip_l", "clip_g")


@dataclass(frozen=True)
class WordFile:
    """A learned word, read.

    rows: (n, d) float32, one tensor a text encoder of the file; token: what the file calls it, or None; layout:
    "diffusers", "a1111", "sdxl" or "a1111-pt"; metadata: the header's strings.
    """

    rows: tuple[Tensor, ...]
    token: str | None
    layout: str
    metadata: dict[str, str]

    @property
    def widths(self) -> tuple[int, ...]:
        """d of each text encoder."""
        return tuple(one.shape[1] for one in self.rows)

    @property
    def count(self) -> int:
        """n, the vectors a word takes in a prompt."""
        return len(self.rows[0])


def read(path: Path) -> WordFile:
    """Read a file of any of these layouts. WordFileError says what else it holds."""
    if path.suffix.lower() in PICKLED:
        held, metadata = inert.read(path), {}
    else:
        held, metadata = checkpoint.read_tensors(path)
    if not isinstance(held, dict):
        raise WordFileError(path, f"it holds a {type(held).__name__}")
    rows, token, layout = _sort(path, held)
    return WordFile(tuple(_checked(path, one) for one in rows), token, layout, metadata)


def is_word(tensors: Mapping[str, Any]) -> bool:
    """Whether a safetensors file's tensors are a learned word, not adapters or a model."""
    return 0 < len(tensors) <= 2 and all(isinstance(one, Tensor) and one.ndim <= 2 for one in tensors.values())


def _sort(path: Path, held: Mapping[str, Any]) -> tuple[list[Any], str | None, str]:
    if "string_to_param" in held:
        vectors = held["string_to_param"]
        if not isinstance(vectors, dict) or len(vectors) != 1:
            raise WordFileError(path, "its string_to_param does not hold one word")
        token = held.get("name")
        return list(vectors.values()), token if isinstance(token, str) else None, "a1111-pt"
    if set(PAIR) & held.keys():
        missing = [name for name in PAIR if name not in held]
        if missing or len(held) != 2:
            raise WordFileError(path, f"it holds {', '.join(map(str, held))}, and clip_l and clip_g are needed")
        return [held[name] for name in PAIR], None, "sdxl"
    if "emb_params" in held:
        return [held["emb_params"]], None, "a1111"
    if len(held) != 1:
        raise WordFileError(path, f"it holds {len(held)} entries")
    token = next(iter(held))
    return [held[token]], str(token), "diffusers"


def _checked(path: Path, rows: Any) -> Tensor:
    if not isinstance(rows, Tensor) or not rows.is_floating_point() or rows.ndim not in (1, 2) or not rows.numel():
        raise WordFileError(path, "what it holds is no vector and no rows of vectors")
    rows = rows.float()
    if not torch.isfinite(rows).all():
        raise WordFileError(path, "it holds numbers that are not finite")
    return rows.reshape(-1, rows.shape[-1]).clone()


def order(files: Sequence[WordFile], widths: Sequence[int]) -> tuple[Tensor, ...] | None:
    """The rows of one word, one tensor a text encoder of these widths, out of one file or several; None if none fit."""
    rows = [one for file in files for one in file.rows]
    by_width = {one.shape[1]: one for one in rows}
    if len(rows) != len(widths) or len(by_width) != len(rows) or set(by_width) != set(widths):
        return None
    found = tuple(by_width[width] for width in widths)
    return found if len({len(one) for one in found}) == 1 else None


def for_diffusers(placeholder: str, rows: Sequence[Tensor]) -> dict[str, dict[str, Tensor]]:
    """File name -> tensors, one file a text encoder, as stock `load_textual_inversion` takes them."""
    names = ("learned_embeds.safetensors", "learned_embeds_2.safetensors")
    return {name: {placeholder: one} for name, one in zip(names, rows, strict=False)}


def for_others(rows: Sequence[Tensor]) -> dict[str, Tensor]:
    """The tensors of the one file that A1111, ComfyUI and kohya's tools read; they call it by the file's name."""
    return {"emb_params": rows[0]} if len(rows) == 1 else dict(zip(PAIR, rows, strict=True))
