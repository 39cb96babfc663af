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
    """{"loss", "photos", "prior"} as scalars, without the half that the batch lacks; backpropagate "loss".

    text: the batch's prompts, encoded, row by row; teacher: answers for the prior's half in place of the noise. The
    losses of a batch's two halves, one after the other, add up to the loss of the batch.
    """
    found = errors(backbone, batch, text, config.snr_gamma, teacher)
    halves = {"photos": found[: batch.photos], "prior": found[batch.photos :]}
    means = {name: half.mean() for name, half in halves.items() if len(half)}
    weights = {"photos": 1.0, "prior": config.prior_weight}
    return {"loss": sum((weights[name] * mean for name, mean in means.items()), found.new_zeros(())), **means}
