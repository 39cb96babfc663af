"""UnrollMask: a second pass over the model's own guesses, so that training meets what decoding will meet.

Guesses fill the slots that were hidden, others keep the truth; slots are hidden anew, and the targets are the original
tokens. No gradient passes through the guessing. The procedure is our reading of the released mask shapes and of the
method's forerunner SUNDAE (arXiv:2112.06749); the paper's body was not at hand.
"""

import torch
from torch import Tensor

from likewise.magvlt.config import Config, Task
from likewise.magvlt.layout import Pair
from likewise.magvlt.masking import hide


def guess(logits: Tensor, rng: torch.Generator) -> Tensor:
    """One token a row of logits (N, K), drawn at temperature 1: the largest of logits plus Gumbel noise."""
    uniform = torch.rand(logits.shape, generator=rng).clamp_(min=torch.finfo(torch.float32).tiny)
    return (logits.cpu().float() - uniform.log().neg().log()).argmax(dim=-1)


def filled(shown: Pair, logits: dict[str, Tensor], rng: torch.Generator) -> Pair:
    """The pair with guesses in its hidden slots; what is hidden stays marked. On the CPU."""
    image, text = shown.image.clone(), shown.text.clone()
    if "image" in logits:
        image[shown.image_hidden] = guess(logits["image"], rng)
    if "text" in logits:
        text[shown.text_hidden] = guess(logits["text"], rng)
    return shown.with_(image=image, text=text)


def lightly(shown: Pair, config: Config) -> Tensor:
    """Row numbers of pairs of which at most `unroll_from` was hidden, by the larger share of the two modalities."""
    if config.unroll_from >= 1:
        return torch.arange(len(shown))
    image = shown.image_hidden.float().mean(1)
    text = shown.text_hidden.sum(1) / shown.length
    return (torch.maximum(image, text) <= config.unroll_from).nonzero()[:, 0]


def again(task: Task, shown: Pair, logits: dict[str, Tensor], config: Config, rng: torch.Generator) -> Pair:
    """What the second pass sees: guesses filled in, slots hidden anew, all or (subset) only those hidden before."""
    guessed = filled(shown, logits, rng)
    return hide(task, guessed, config, rng, within=guessed if config.unroll == "subset" else None)
