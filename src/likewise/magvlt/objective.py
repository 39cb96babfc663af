"""The loss on hidden slots, each over its own modality's vocabulary, and the loss on a caption's length."""

import torch
import torch.nn.functional as F
from torch import Tensor

from likewise.magvlt.config import Config, Task
from likewise.magvlt.layout import Pair, Special
from likewise.magvlt.model import Hidden, Transformer


def masked(
    model: Transformer, hidden: Hidden, shown: Pair, config: Config, truth: Pair | None = None
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Mean cross-entropy a modality, over its hidden slots; and the logits of those slots, detached, by modality.

    truth: what stands in the slots, where it is not what `shown` holds (UnrollMask shows guesses). Logits are made for
    hidden slots and their modality's vocabulary only.
    """
    truth = truth or shown
    losses, logits = {}, {}
    for name, rows, where, target, read in (
        ("image", hidden.image, shown.image_hidden, truth.image, model.image_logits),
        ("text", hidden.text, shown.text_hidden, truth.text, model.text_logits),
    ):
        if not bool(where.any()):
            continue
        found = read(rows[where]).float()
        losses[name] = F.cross_entropy(found, target[where], label_smoothing=config.smoothing)
        logits[name] = found.detach()
    return losses, logits


def length(model: Transformer, task: Task, pair: Pair, hidden: Hidden) -> Tensor:
    """Cross-entropy of the caption's length, read at BOT.

    In an open sequence the picture's slots see the text, and BOT sees them: after two blocks BOT can count the text.
    So it is asked in a pass without text, unless the sequence is closed or the model is as official weights are.
    """
    shape = model.shape
    told = shape.length_mode == "reference" or (shape.prefix_mode == "closed" and task == "i2t")
    bot = hidden.bot if told else alone(model, pair)
    return F.cross_entropy(model.length_logits(bot).float(), pair.length - 1)


def alone(model: Transformer, pair: Pair) -> Tensor:
    """BOT's output (B, D) in a sequence without any text."""
    bare = pair.with_(text=pair.text[:, :0], text_hidden=pair.text_hidden[:, :0], length=pair.length * 0)
    return model("i2t", bare).bot


def total(losses: dict[str, Tensor], config: Config) -> Tensor:
    """The weighted sum of the terms of one pass."""
    weights = {"image": config.image_weight, "text": config.text_weight, "length": config.length_weight}
    return torch.stack([weights[name] * value for name, value in losses.items()]).sum()


def plain(pair: Pair) -> Pair:
    """The pair with nothing hidden and no half chosen."""
    shown = (torch.zeros_like(pair.image_hidden), torch.zeros_like(pair.text_hidden))
    return pair.with_(image_hidden=shown[0], text_hidden=shown[1], half=torch.full_like(pair.half, int(Special.BOG)))
