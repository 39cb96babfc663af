"""A drop-in for the authors' package: `dreamsim()` with its signature, a model and a preprocessing of the same kind.

Where the weights are not there it says which files are missing, as nothing is downloaded; "embedded" needs none.
"""

from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from jaxtyping import Float
from PIL import Image
from torch import Tensor, nn

from likewise.dreamsim import loading, released
from likewise.dreamsim.ensemble import Ensemble
from likewise.dreamsim.inputs import from_picture, resized, to_picture


class PerceptualModel(nn.Module):
    """Tensors in, tensors out, as the authors' model; pictures of another size are resized, not refused."""

    def __init__(self, ensemble: Ensemble, normalize_embeds: bool = True) -> None:
        super().__init__()
        self.ensemble, self.normalize_embeds = ensemble, normalize_embeds

    def embed(self, img: Float[Tensor, "batch 3 height width"]) -> Tensor:
        """Pictures in [0, 1] to (B, D), centred and of unit length if the model normalises; patches (B, 1 + P, D)."""
        features = self.ensemble.features(resized(img, self.ensemble.pixels))
        return self.ensemble.tokens(features) if self.normalize_embeds else self.ensemble.raw(features)

    def forward(self, img_a: Tensor, img_b: Tensor) -> Float[Tensor, " batch"]:
        """1 - cosine of both batches, (B,)."""
        first, second = self.embed(img_a), self.embed(img_b)
        if self.ensemble.patches:
            first, second = (torch.cat([one[:, 0], one[:, 1:].mean(1)], dim=-1) for one in (first, second))
        return 1 - F.cosine_similarity(first, second, dim=-1)


def dreamsim(
    pretrained: bool = True,
    device: str = "cuda",
    cache_dir: str | Path = "./models",
    normalize_embeds: bool = True,
    dreamsim_type: str = "ensemble",
    use_patch_model: bool = False,
) -> tuple[PerceptualModel, Callable[[Image.Image], Tensor]]:
    """(model, preprocess), as the authors' package has it.

    dreamsim_type: a release, read from cache_dir, or "embedded". pretrained=False: the backbones without adapters.
    preprocess: a PIL picture to (1, 3, 224, 224) in [0, 1]. Raises MissingWeightsError, UnknownNameError.
    """
    name = f"{dreamsim_type}_patch" if use_patch_model else dreamsim_type
    if name == loading.EMBEDDED:
        ensemble = loading.embedded()
    elif pretrained:
        ensemble = loading.load(name, weights=cache_dir).model
    else:
        ensemble = released.untuned(Path(cache_dir), released.parts(name))
    model = PerceptualModel(ensemble, normalize_embeds).eval().requires_grad_(False).to(device)
    return model, lambda picture: from_picture(to_picture(picture), ensemble.pixels)
