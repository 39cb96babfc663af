"""The autoregressive twin: the same blocks and layouts in causal order, one token after the other, with a cache.

It is what masked decoding is compared with. Written text ends at its end mark, so it needs no length.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Int
from torch import Tensor

from likewise.magvlt.blocks import Past
from likewise.magvlt.config import Config, Task
from likewise.magvlt.layout import Pair, attention, pair, places
from likewise.magvlt.model import Transformer
from likewise.magvlt.reveal import tokens


def loss(model: Transformer, task: Task, shown: Pair, config: Config) -> Tensor:
    """Mean cross-entropy of each next token of the part that the task asks for: the picture (t2i) or the text (i2t)."""
    assert task != "it2it", "in causal order there is nothing to fill in"
    x, at = model.embed(task, shown), places(task, model.shape, shown.text.shape[1])
    order = torch.ones(at.total, at.total, dtype=torch.bool, device=x.device).tril()
    padded = attention("t2i", model.shape, shown) if task == "t2i" else None
    for block in model.blocks:
        x, _ = block(x, order if padded is None else order & padded)
    part = at.image if task == "t2i" else at.text
    hidden = x[:, part.start - 1 : part.stop - 1]
    if task == "t2i":
        logits, target = model.image_logits(hidden).flatten(0, 1), shown.image.flatten()
    else:
        logits, target = model.text_logits(hidden)[shown.written], shown.text[shown.written]
    return F.cross_entropy(logits.float(), target, label_smoothing=config.smoothing)


@torch.no_grad()
def draw(
    model: Transformer,
    text: Int[Tensor, "batch words"],
    length: Int[Tensor, " batch"],
    generators: Sequence[torch.Generator],
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
) -> Int[Tensor, "batch slots"]:
    """Pictures of texts of one length, as many passes as a picture has tokens."""
    assert int(length.min()) == int(length.max()), "a batch has prompts of one length"
    none = torch.zeros(len(text), 0, dtype=torch.long)
    bare = pair(none, text, length).trimmed().to(model.device)
    x, past = _begin(model, model.embed("t2i", bare))
    found: list[Tensor] = []
    for place in range(model.shape.image_slots):
        found.append(_next(model.image_logits(x), generators, temperature, top_k))
        if place < model.shape.image_slots - 1:
            row = model.tok_emb(found[-1].to(x.device)) + model.pos_emb_img.pos_embed[place]
            x, past = _one(model, row, past)
    return torch.stack(found, 1)


@torch.no_grad()
def write(
    model: Transformer,
    image: Int[Tensor, "batch slots"],
    end: int,
    generators: Sequence[torch.Generator],
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
) -> Int[Tensor, "batch words"]:
    """Texts about pictures, until all have ended; what follows an end mark is padding."""
    none = torch.zeros(len(image), 0, dtype=torch.long)
    bare = pair(image, none, torch.zeros(len(image), dtype=torch.long)).to(model.device)
    x, past = _begin(model, model.embed("i2t", bare))
    text = torch.full((len(image), model.shape.text_length), end)
    ended = torch.zeros(len(image), dtype=torch.bool)
    for place in range(model.shape.text_length):
        word = _next(model.text_logits(x), generators, temperature, top_k)
        text[:, place] = torch.where(ended, end, word)
        ended |= word == end
        if bool(ended.all()) or place == model.shape.text_length - 1:
            break
        row = model.tok_emb(text[:, place].to(x.device) + model.shape.image_codes) + model.pos_emb_txt.pos_embed[place]
        x, past = _one(model, row, past)
    return text


def _begin(model: Transformer, x: Tensor) -> tuple[Tensor, list[Past]]:
    kept = []
    for block in model.blocks:
        x, past = block(x, causal=True)
        kept.append(past)
    return x[:, -1], kept


def _one(model: Transformer, row: Tensor, before: list[Past]) -> tuple[Tensor, list[Past]]:
    """One more slot (B, D) after the cache: its output, and the cache with it."""
    x, kept = row[:, None], []
    for block, past in zip(model.blocks, before, strict=True):
        x, new = block(x, past=past)
        kept.append(new)
    return x[:, 0], kept


def _next(logits: Tensor, generators: Sequence[torch.Generator], temperature: float, top_k: int | None) -> Tensor:
    uniform = torch.stack([torch.rand((), generator=one) for one in generators])
    best, ids = (logits.float().cpu() / temperature).topk(top_k or logits.shape[1], dim=1)
    return ids.gather(1, tokens(best, uniform)[0][:, None])[:, 0]
