"""The DreamBooth objective: learn the photos, keep the class (arXiv:2208.12242, equation 2, in latent space).

L = mean_i w(t_i) ||f(z_ti, t_i, c_i) - target_i||^2  over the photos
  + lambda mean_j w(t_j) ||f(z_tj, t_j, c_class) - target_j||^2  over the prior, each mean over its own half.
The paper weighs by w_t in x-space; with w_t = SNR that is the plain noise error used here and by all ports to
Stable Diffusion. Both halves go through the network in one pass.
"""

from torch import Tensor

from likewise.diffusion.backbone import Backbone, Text
from likewise.dreambooth.config import Config
from likewise.tuning.objective import Teacher, errors
from likewise.tuning.samples import Batch


def loss(
    backbone: Backbone, batch: Batch, text: Text, config: Config, teacher: Teacher | None = None
) -> dict[str, Tensor]:
    """{"loss", "photos", "prior"} as scalars, "prior" only with one; backpropagate "loss".

    text: the batch's prompts, encoded, row by row; teacher: answers for the prior's half in place of the noise.
    """
    found = errors(backbone, batch, text, config.snr_gamma, teacher)
    photos = found[: batch.photos].mean()
    if len(found) == batch.photos:
        return {"loss": photos, "photos": photos}
    prior = found[batch.photos :].mean()
    return {"loss": photos + config.prior_weight * prior, "photos": photos, "prior": prior}
