"""How wrong the network is about noised latents: the denoising error that every method here lowers, row by row."""

from collections.abc import Callable

import torch
from torch import Tensor

from likewise.diffusion.backbone import Backbone, Text
from likewise.tuning.samples import Batch

# noisy (B, C, h, w), t (B,), sizes (B, 6) or None -> the base model's output, no gradient
Teacher = Callable[[Tensor, Tensor, Tensor | None], Tensor]


def errors(
    backbone: Backbone, batch: Batch, text: Text, snr_gamma: float | None = None, teacher: Teacher | None = None
) -> Tensor:
    """w(t_i) ||f(z_ti, t_i, c_i) - target_i||^2 for each row, (R,) float32, means over each row's elements.

    text: the batch's prompts, encoded, row by row. w is 1, or min-SNR's weight (arXiv:2303.09556) with `snr_gamma`.
    teacher: answers for the rows after the photos in place of the noise.
    """
    schedule, count = backbone.schedule, batch.photos
    noisy = schedule.add_noise(batch.latents, batch.noise, batch.t)
    target = schedule.target(batch.latents, batch.noise, batch.t)
    if teacher is not None and count < len(target):
        sizes = None if batch.sizes is None else batch.sizes[count:]
        target = torch.cat([target[:count], teacher(noisy[count:], batch.t[count:], sizes)])
    output = backbone.predict(noisy, batch.t, text.sized(batch.sizes))
    found = (output.float() - target.float()).square().mean(dim=(1, 2, 3))
    return found if snr_gamma is None else found * schedule.min_snr_weight(batch.t, snr_gamma)
