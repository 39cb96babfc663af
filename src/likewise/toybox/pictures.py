"""The training pictures: drawn once from the world, kept as shards of bytes with their captions, read as one array."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from likewise import checkpoint
from likewise.errors import BrokenFileError
from likewise.toybox.world import CELL, PX, World

SHARD = 1000
FORMAT = 2  # shards of format 1 lack coverage


@dataclass(frozen=True)
class Pictures:
    """All drawn pictures: bytes (N, 3, 128, 128), N captions, and what their subjects cover, bytes (N, 16, 16)."""

    bytes: Tensor
    captions: list[str]
    coverage: Tensor

    def __len__(self) -> int:
        return len(self.captions)

    @cached_property
    def hash(self) -> str:
        """Of captions and coverage, which no two worlds share: what was made of other pictures must be made anew."""
        return checkpoint.hash_json([self.captions, checkpoint.hash_tensors({"coverage": self.coverage})])

    def images(self, rows: Tensor | slice) -> Tensor:
        """The chosen pictures as float32 (B, 3, H, W) in [0, 1]."""
        return self.bytes[rows].float() / 255


def draw(world: World, count: int, folder: Path) -> Iterator[int]:
    """Yield the number of pictures there are, shard after shard, until `folder` holds `count`.

    It goes on where it stopped. Shards belong to one world: its description is stored beside them, and another
    world's are drawn anew.
    """
    facts = {
        "format": FORMAT,
        "seed": world.seed,
        "concepts": [c.name for c in world.concepts],
        "photos": len(world.photos or ()),
    }
    mark = folder / "world.json"
    if not mark.exists() or checkpoint.read_json(mark) != facts:
        for old in folder.glob("*.safetensors"):
            old.unlink()
        folder.mkdir(parents=True, exist_ok=True)
        checkpoint.write_json(mark, facts)
    for start in range(0, count, SHARD):
        path = folder / f"{start:07d}.safetensors"
        end = min(start + SHARD, count)
        if not path.exists() or len(_captions(path)) < end - start:
            _draw_shard(world, range(start, end), path)
        yield end


def _draw_shard(world: World, indices: range, path: Path) -> None:
    drawn = [world.picture(i) for i in indices]
    pixels = np.stack([np.asarray(image) for image, _ in drawn]).transpose(0, 3, 1, 2)
    coverage = np.stack([world.coverage(i) for i in indices])
    metadata = {"captions": json.dumps([caption for _, caption in drawn])}
    tensors = {"images": torch.from_numpy(np.ascontiguousarray(pixels)), "coverage": torch.from_numpy(coverage)}
    checkpoint.write_tensors(path, tensors, metadata)


def _captions(path: Path) -> list[str]:
    try:
        with safe_open(path, "pt") as shard:
            return json.loads(shard.metadata()["captions"])
    except SafetensorError as error:
        raise BrokenFileError(path, str(error), "Remove it and run the same again: it will be drawn anew.") from error


def read(folder: Path, count: int | None = None) -> Pictures:
    """The pictures in `folder`, the first `count` of them."""
    side = PX // CELL
    pixels, coverage = [torch.empty(0, 3, PX, PX).byte()], [torch.empty(0, side, side).byte()]
    captions: list[str] = []
    for path in sorted(folder.glob("*.safetensors")):
        captions += _captions(path)
        with safe_open(path, "pt") as shard:
            pixels.append(shard.get_tensor("images"))
            coverage.append(shard.get_tensor("coverage"))
        if count is not None and len(captions) >= count:
            break
    return Pictures(torch.cat(pixels)[:count], captions[:count], torch.cat(coverage)[:count])
