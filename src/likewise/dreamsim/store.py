"""Features of every picture, computed once: what tuning reads again and again.

For a head the store holds the finished features; for adapters it holds the map before the first adapted layer, or,
where adapters start at the first, nothing, and pictures are read anew. It goes on where it was stopped.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor

from likewise import checkpoint
from likewise.dreamsim.branches import Branch
from likewise.dreamsim.ensemble import Ensemble
from likewise.dreamsim.inputs import Aspect, resized, to_batch

SHARD = 256  # pictures a file
Show = Callable[[int, int], None]


class Store:
    """Tensors of P pictures, by picture number: features of the ensemble, or one map a branch."""

    def __init__(
        self, ensemble: Ensemble, paths: Sequence[Path], *, aspect: Aspect = "squash", deep: bool = False
    ) -> None:
        """deep: keep the maps before the adapted layers, not the features behind them."""
        self.ensemble, self.paths, self.deep = ensemble, list(paths), deep
        self.aspect: Aspect = aspect
        self.kept: list[list[Tensor]] = []  # a picture, a branch

    def fill(self, folder: Path | None, key: str, show: Show | None = None) -> None:
        """Compute what is not there yet; with a folder, from and to files whose names start with `key`."""
        for start in range(0, len(self.paths), SHARD):
            path = folder / f"{key[:16]}-{'deep' if self.deep else 'flat'}-{start:08d}.safetensors" if folder else None
            self.kept += self._shard(start, path, show)

    def _shard(self, start: int, path: Path | None, show: Show | None) -> list[list[Tensor]]:
        paths = self.paths[start : start + SHARD]
        if path and path.is_file():
            tensors, _ = checkpoint.read_tensors(path)
            count = len(tensors) // len(paths)
            return [[tensors[f"{row}.{part}"] for part in range(count)] for row in range(len(paths))]
        made = []
        for row, picture in enumerate(paths):
            made.append(self._computed(picture))
            if show:
                show(start + row + 1, len(self.paths))
        if path:
            named = {f"{row}.{part}": one for row, parts in enumerate(made) for part, one in enumerate(parts)}
            checkpoint.write_tensors(path, named)
        return made

    @torch.no_grad()
    def _computed(self, path: Path) -> list[Tensor]:
        image = to_batch(path, self.ensemble.pixels, self.aspect)
        if not self.deep:
            return [self.ensemble.features(image)[0].clone()]
        return [
            branch.early(resized(image, branch.pixels))[0].clone() for branch in self.ensemble.branches if cut(branch)
        ]

    def features(self, numbers: Tensor) -> Tensor:
        """Features (n, D), or (n, 1 + patches, D), of these pictures; through `late` and what is adapted there."""
        if not self.deep:
            return torch.stack([self.kept[int(number)][0] for number in numbers])
        images = None
        parts, held = [], 0
        for branch in self.ensemble.branches:
            if cut(branch):
                middle = torch.stack([self.kept[int(number)][held] for number in numbers])
                held += 1
            else:
                images = self._read(numbers) if images is None else images
                middle = resized(images, branch.pixels)
            parts.append(branch.late(middle))
        return self.ensemble.joined(parts)

    def _read(self, numbers: Tensor) -> Tensor:
        return torch.cat([to_batch(self.paths[int(one)], self.ensemble.pixels, self.aspect) for one in numbers])


def cut(branch: Branch) -> bool:
    """Whether a branch has layers before its first adapted one, so that their result is worth keeping."""
    return type(branch).early is not Branch.early
