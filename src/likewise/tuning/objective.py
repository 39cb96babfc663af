"""What a step of every method here lowers: the denoising error of a batch, row by row, given its prompts' encodings."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from likewise.diffusion import ragged
from likewise.diffusion.backbone import Backbone, Text
from likewise.tuning.samples import Batch

# noisy (B, C, h, w), t (B,), sizes (B, 6) or None -> the base model's output, no gradient
Teacher = Callable[[Tensor, Tensor, Tensor | None], Tensor]


def read(encode: Callable[[Sequence[str]], Text], prompts: Sequence[str]) -> Text:
    """The encodings of a batch's prompts, row by row: each prompt goes through `encode` once, however often it stands.

    encode: prompts that differ -> their encodings, row by row.
    """
    unique = tuple(dict.fromkeys(prompts))
    return encode(unique)[[unique.index(prompt) for prompt in prompts]]


def errors(
    backbone: Backbone, batch: Batch, text: Text, snr_gamma: float | None = None, teacher: Teacher | None = None
) -> Tensor:
    """w(t_i) ||f(z_ti, t_i, c_i) - target_i||^2 for each row, (R,) float32, means over each row's elements.

    text: the batch's prompts, encoded, row by row. w is 1, or min-SNR's weight (arXiv:2303.09556) with `snr_gamma`.
    teacher: answers for the rows after the photos in place of the noise. Rows of several shapes go through the network
    shape by shape.
    """
    if batch.shapes is None:
        return _errors(backbone, batch, text, snr_gamma, teacher)
    groups = ragged.alike(batch.shapes)
    found = [_errors(backbone, batch.rows(rows), text[rows], snr_gamma, teacher) for rows in groups]
    return torch.cat(found)[torch.cat(groups).argsort()]


def _errors(backbone: Backbone, batch: Batch, text: Text, snr_gamma: float | None, teacher: Teacher | None) -> Tensor:
    schedule, count = backbone.schedule, batch.photos
    noisy = schedule.add_noise(batch.latents, batch.noise, batch.t)
    target = schedule.target(batch.latents, batch.noise, batch.t)
    if teacher is not None and count < len(target):
        sizes = None if batch.sizes is None else batch.sizes[count:]
        target = torch.cat([target[:count], teacher(noisy[count:], batch.t[count:], sizes)])
    output = backbone.predict(noisy, batch.t, text.sized(batch.sizes))
    found = (output.float() - target.float()).square().mean(dim=(1, 2, 3))
    return found if snr_gamma is None else found * schedule.min_snr_weight(batch.t, snr_gamma)
