"""A metric of likeness: pictures of any kind and size to unit rows, distances, probabilities, and a loss.

It is an `Encoder` too, so whatever compares pictures by rows, the verdict for one, can use it.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from likewise.checkpoint import hash_json, hash_tensors
from likewise.dreamsim.calibration import Calibration
from likewise.dreamsim.ensemble import Ensemble, apart
from likewise.dreamsim.inputs import Aspect, PictureLike, is_many, listed, resized, to_batch
from likewise.dreamsim.places import heat
from likewise.errors import NotCalibratedError, SettingError, ShapeError

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
BATCH = {"cpu": 1, "cuda": 64, "mps": 16}  # pictures a forward pass


class Metric:
    """How alike two pictures look: 0 is the same, larger is less alike, 2 the most.

    On the CPU every picture is computed alone, so that a row does not depend, to the bit, on its company; that costs
    nothing there. On a GPU rows of batches agree to about 1e-5.
    """

    def __init__(
        self,
        model: Ensemble,
        name: str,
        *,
        calibration: Calibration | None = None,
        aspect: Aspect = "squash",
        device: str | None = None,
        precision: str = "float32",
        about: Mapping[str, Any] | None = None,
    ) -> None:
        """aspect: how a picture becomes square; other than "squash" is another metric, with its own thresholds.

        precision: of the networks; rows and distances are float32 in any case. about: JSON that is saved with it, such
        as what it was tuned on.
        """
        if precision not in PRECISIONS:
            raise SettingError("precision", precision, f"one of {', '.join(PRECISIONS)} is needed")
        self.model, self.name, self.precision = model.eval(), name, precision
        self.aspect: Aspect = aspect
        self.about = dict(about or {})
        self.calibration = calibration or Calibration()
        self.device = torch.device(device or "cpu")
        self.model.to(self.device)

    @property
    def dimension(self) -> int:
        """Numbers a row."""
        return self.model.width

    @property
    def preprocessing(self) -> str:
        """What happens to a picture first, and to its row last."""
        side = self.model.pixels
        ends = "centred rows" if self.model.centre else "rows"
        return f"{self.aspect} {side}x{side} bicubic, rgb in [0, 1], {ends}, {self.precision}"

    @property
    def hash(self) -> str:
        """Equal for metrics whose rows may be compared: over weights, features, preprocessing and precision."""
        return self._hash

    @cached_property
    def _hash(self) -> str:
        features = [[branch.name, branch.feature, branch.pixels, branch.weight] for branch in self.model.branches]
        about = [features, self.model.balanced, self.preprocessing]
        return hash_json([hash_tensors(self.model.state_dict()), about])

    def embed(self, images: PictureLike | Sequence[PictureLike], *, batch: int | None = None) -> np.ndarray:
        """Unit rows (N, dimension), float32, of one picture or several of any kind and size.

        batch: pictures a forward pass; one on the CPU, where more is no faster.
        """
        pictures, count = listed(images), batch or BATCH.get(self.device.type, 1)
        rows = [self._rows(pictures[start : start + count]) for start in range(0, len(pictures), count)]
        return np.concatenate(rows) if rows else np.zeros((0, self.dimension), np.float32)

    def distance(self, first: Any, second: Any, *, clamp: bool = False) -> float | np.ndarray:
        """1 - cosine: a float for two pictures, an array (N,) where either is several; a single one meets each.

        clamp: cut rounding errors, which reach 1e-7, to [0, 2].
        """
        found = _apart(self.embed(first), self.embed(second))
        found = found.clip(0, 2) if clamp else found
        return found if is_many(first) or is_many(second) else float(found[0])

    def triplet(self, reference: Any, left: Any, right: Any) -> tuple[Any, Any]:
        """The distances from the reference to both candidates; each picture is computed once."""
        rows = self.embed([*listed(reference), *listed(left), *listed(right)])
        ends = np.cumsum([len(listed(part)) for part in (reference, left)])
        anchor, one, other = np.split(rows, ends)
        found = _apart(anchor, one), _apart(anchor, other)
        many = any(map(is_many, (reference, left, right)))
        return found if many else (float(found[0][0]), float(found[1][0]))

    def rank(self, reference: PictureLike, images: Sequence[PictureLike]) -> list[tuple[int, float]]:
        """(number, distance) of every picture, the most alike first; equal ones in their order."""
        found = _apart(self.embed(reference), self.embed(images))
        order = np.argsort(found, kind="stable")
        return [(int(place), float(found[place])) for place in order]

    def pairwise(self, images: Sequence[PictureLike]) -> np.ndarray:
        """All distances among N pictures, (N, N), from N embeddings; zero on the diagonal."""
        rows = self.embed(images).astype(np.float64)
        found = 1 - rows @ rows.T
        np.fill_diagonal(found, 0)
        return (found + found.T) / 2

    def loss(
        self, images: Float[Tensor, "batch 3 height width"], target: Tensor, mask: Tensor | None = None
    ) -> Float[Tensor, ""]:
        """The mean distance of a batch in [0, 1] to its target, differentiable in `images`; weights stay as they are.

        target: pictures (B, 3, H, W), or their rows (B, dimension), as `target` gives them. mask (B, 1, H, W) or
        (H, W) in [0, 1], with a target of pictures: only where it is 1 do the images count; the rest is the target's
        in both. Alone, the loss invites patterns that fool the networks and no eye: add a term on pixels.
        """
        if images.ndim != 4 or images.shape[1] != 3:
            raise ShapeError(f"a loss needs images (B, 3, H, W), got {tuple(images.shape)}")
        if mask is not None:
            if target.shape != images.shape:
                raise ShapeError(f"a mask needs a target of pictures {tuple(images.shape)}, got {tuple(target.shape)}")
            images = mask.to(images) * images + (1 - mask.to(images)) * target.to(images)
        rows = self.target(target) if target.ndim == 4 else target
        return apart(self._differentiable(images), rows).mean()

    @torch.no_grad()
    def target(self, images: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch width"]:
        """Rows of a batch in [0, 1] for `loss`, to be computed once for many steps."""
        return self._differentiable(images)

    @torch.no_grad()
    def map(self, first: PictureLike, second: PictureLike) -> np.ndarray:
        """Where two pictures differ: an array (h, w) whose sum is their distance. NoPlacesError for CLS features."""
        pair = [to_batch(one, self.model.pixels, self.aspect).to(self.device) for one in (first, second)]
        return heat(self.model, self.name, *pair).cpu().numpy()

    def preference(self, reference: Any, left: Any, right: Any) -> Any:
        """The share of people who would find `right` more like the reference than `left`, in [0, 1]."""
        if self.calibration.temperature is None:
            needed = "votes on triplets are needed; likewise dreamsim learn fits them too"
            raise NotCalibratedError(self.name, "choices", needed)
        found = self.calibration.right(*self.triplet(reference, left, right))
        return float(found) if np.ndim(found) == 0 else found

    def same_probability(self, first: Any, second: Any) -> Any:
        """The share of people who would take the second for the first, seen one after the other, in [0, 1]."""
        if self.calibration.same is None:
            needed = "judgements of 'same' or 'different' are needed; likewise dreamsim judge collects them"
            raise NotCalibratedError(self.name, "sameness", needed)
        found = self.calibration.same(self.distance(first, second))
        return float(found) if np.ndim(found) == 0 else found

    def _rows(self, pictures: Sequence[PictureLike]) -> np.ndarray:
        batch = torch.cat([to_batch(one, self.model.pixels, self.aspect) for one in pictures])
        with torch.no_grad():
            return self._forward(batch.to(self.device)).cpu().numpy()

    def _differentiable(self, images: Tensor) -> Tensor:
        return self._forward(resized(images.to(self.device), self.model.pixels, self.aspect))

    def _forward(self, images: Tensor) -> Tensor:
        if self.precision == "float32":
            return self.model(images)
        with torch.autocast(self.device.type, PRECISIONS[self.precision]):
            features = self.model.features(images)
        return self.model.rows(features.float())


def _apart(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """1 - cosine of unit rows, one of them broadcast if it is alone, in float64; the same in either order."""
    if len(first) != len(second) and 1 not in (len(first), len(second)):
        raise ShapeError(f"{len(first)} and {len(second)} pictures cannot be paired")
    return 1 - (first.astype(np.float64) * second.astype(np.float64)).sum(-1)
