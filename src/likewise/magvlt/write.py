"""Write text about pictures, whole or in part: all words are guessed at once, then the doubtful ones again.

First the number of words is predicted; then in T steps fewer and fewer of them are hidden and guessed anew, mostly
those that were least sure. Unlike in drawing, what was written may still change.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from likewise.magvlt.config import Writing
from likewise.magvlt.layout import Pair, pair
from likewise.magvlt.model import Transformer
from likewise.magvlt.objective import alone
from likewise.magvlt.reader import Reader
from likewise.magvlt.reveal import gumbel, highest, to_hide, tokens
from likewise.magvlt.rows import every, in_rows

EXPOSED = 16  # text slots that official weights are shown, hidden, when they are asked for a length


@dataclass(frozen=True)
class Page:
    """A batch of texts on the way: ids (B, T), and the log-probability (B, T) at which each word was last chosen."""

    text: Tensor
    scores: Tensor

    @property
    def score(self) -> Tensor:
        """(B,) the sum of the words' log-probabilities."""
        return self.scores.sum(1)


@torch.no_grad()
def lengths(model: Transformer, image: Int[Tensor, "batch slots"], end: int) -> Int[Tensor, " batch"]:
    """The likeliest number of tokens of each picture's caption, its end mark included."""
    reference = model.shape.length_mode == "reference"
    count = min(EXPOSED, model.shape.text_length) if reference else 1
    text = torch.full((len(image), count), end)
    shown = pair(image.cpu(), text, torch.full((len(image),), count))
    if reference:
        shown = shown.with_(text_hidden=torch.ones_like(shown.text_hidden))

    def read(part: Pair) -> Tensor:
        ready = part.to(model.device)
        return model.length_logits(model("i2t", ready).bot if reference else alone(model, ready))

    return in_rows(shown, every(len(shown)), read).argmax(1) + 1


def steps(
    model: Transformer,
    image: Int[Tensor, "batch slots"],
    text: Int[Tensor, "batch words"],
    length: Int[Tensor, " batch"],
    generators: Sequence[torch.Generator],
    how: Writing,
    *,
    blank: Bool[Tensor, "batch words"] | None = None,
    seen: bool = True,
) -> Iterator[Page]:
    """Yield the page after each step.

    blank: only these slots are written (infilling); without it, all of a text. seen: false if there is no picture: all
    its slots are hidden then.
    """
    text, columns = text.clone().cpu(), torch.arange(text.shape[1])
    mine = columns < length[:, None] if blank is None else blank
    scores, count, reader = torch.zeros(text.shape), mine.sum(1), Reader(model, image.cpu(), seen)
    for step in range(how.steps):
        uniform = torch.stack([torch.rand(2, text.shape[1], generator=one) for one in generators])
        doubt = -scores if how.greedy or how.again == "lowest" else -scores + gumbel(uniform[:, 1])
        hidden = highest(doubt, mine, to_hide(how.steps, step, count))
        found, logs = _chosen(reader.logits(text, length, hidden), uniform[:, 0][hidden], how)
        text, scores = text.clone(), scores.clone()
        text[hidden], scores[hidden] = found, logs
        yield Page(text, scores)


def _chosen(logits: Tensor, uniform: Tensor, how: Writing) -> tuple[Tensor, Tensor]:
    """Words (n,) and their log-probabilities among the top_k, tempered."""
    best, ids = (logits / how.temperature).topk(min(how.top_k, logits.shape[1]), dim=1)
    if how.greedy:
        place, probability = torch.zeros(len(ids), dtype=torch.long), best.softmax(1)[:, 0]
    else:
        place, probability = tokens(best, uniform)
    return ids.gather(1, place[:, None])[:, 0], probability.clamp(min=torch.finfo(torch.float32).tiny).log()


def last(pages: Iterator[Page]) -> Page:
    """The finished page."""
    page = None
    for page in pages:  # noqa: B007 - only the last counts
        pass
    assert page is not None
    return page
