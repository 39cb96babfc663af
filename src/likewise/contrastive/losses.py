"""The symmetric contrastive loss of images and texts (CLIP, arXiv:2103.00020, figure 3)."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from likewise.errors import ShapeError


def clip_loss(
    images: Float[Tensor, "pairs dim"], texts: Float[Tensor, "pairs dim"], scale: Float[Tensor, ""]
) -> Float[Tensor, ""]:
    """Mean cross-entropy of finding each image's text among the batch's, and each text's image.

    Row i of both belongs together; rows have unit length; `scale` is the inverse temperature.
    """
    if images.shape != texts.shape or images.ndim != 2 or len(images) < 2:
        raise ShapeError(
            f"two (B, D) batches with B >= 2 are needed, got {tuple(images.shape)} and {tuple(texts.shape)}"
        )
    logits = scale * images @ texts.T
    target = torch.arange(len(logits), device=logits.device)
    return (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2
