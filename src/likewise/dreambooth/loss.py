"""The DreamBooth objective: learn the photos, keep the class (arXiv:2208.12242, equation 2, in latent space).

L = mean_i w(t_i) ||f(z_ti, t_i, c_i) - target_i||^2  over the photos
  + lambda mean_j w(t_j) ||f(z_tj, t_j, c_class) - target_j||^2  over the prior, each mean over its own half.
The paper weighs by w_t in x-space; with w_t = SNR that is the plain noise error used here and by all ports to
Stable Diffusion. Both halves go through the network in one pass.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from likewise.diffusion.backbone import Backbone, Text
from likewise.dreambooth.config import Config
from likewise.dreambooth.draw import Batch

Teacher = Callable[[Tensor, Tensor], Tensor]  # noisy (B, C, h, w), t (B,) -> the base model's output, no gradient


def loss(
    backbone: Backbone, batch: Batch, text: Text, config: Config, teacher: Teacher | None = None
) -> dict[str, Tensor]:
    """{"loss", "photos", "prior"} as scalars, "prior" only with one; backpropagate "loss".

    text: the batch's prompts, encoded, row by row; teacher: answers for the prior's half in place of the noise.
    """
    schedule, count = backbone.schedule, batch.photos
    noisy = schedule.add_noise(batch.latents, batch.noise, batch.t)
    target = schedule.target(batch.latents, batch.noise, batch.t)
    if teacher is not None:
        target = torch.cat([target[:count], teacher(noisy[count:], batch.t[count:])])
    output = backbone.predict(noisy, batch.t, text)
    errors = (output.float() - target.float()).square().mean(dim=(1, 2, 3))  # (R,)
    if config.snr_gamma is not None:
        errors = errors * schedule.min_snr_weight(batch.t, config.snr_gamma)
    photos = errors[:count].mean()
    if len(errors) == count:
        return {"loss": photos, "photos": photos}
    prior = errors[count:].mean()
    return {"loss": photos + config.prior_weight * prior, "photos": photos, "prior": prior}
