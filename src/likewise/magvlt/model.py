"""MAGVLT's transformer (Kim et al., CVPR 2023): one stack of blocks for pictures and text, softmax by modality.

Layout, tables and names follow the authors' released code (github.com/kakaobrain/magvlt, MIT), so that official
weights load by key. One trap is kept for their sake: a hidden slot gets, beside its modality's position, the special
table's row of the same number.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from likewise.magvlt.blocks import Block, Past
from likewise.magvlt.config import Config, Shape, Task
from likewise.magvlt.layout import Pair, Special, attention, places


@dataclass(frozen=True)
class Hidden:
    """The last block's output, by segment: image (B, I, D), text (B, T, D), and BOT's slot (B, D)."""

    image: Tensor
    text: Tensor
    bot: Tensor


class Table(nn.Module):
    """A learned row a position."""

    def __init__(self, length: int, width: int) -> None:
        super().__init__()
        self.pos_embed = nn.Parameter(torch.empty(length, width))

    def forward(self, count: int) -> Float[Tensor, "count width"]:
        """The first rows."""
        return self.pos_embed[:count]


class Head(nn.Module):
    """What stands before the product with the token table: linear, GELU, norm."""

    def __init__(self, width: int, vocabulary: int) -> None:
        super().__init__()
        self.linear, self.ln = nn.Linear(width, width), nn.LayerNorm(width)
        self.output_bias = nn.Parameter(torch.zeros(vocabulary))

    def forward(self, hidden: Tensor) -> Tensor:
        """(..., D) to (..., D)."""
        return self.ln(F.gelu(self.linear(hidden)))


class Transformer(nn.Module):
    """Tokens of pictures and text, some hidden, to what stands in the hidden slots."""

    def __init__(self, shape: Shape) -> None:
        """Random weights of torch's global generator: make it within seeds.initialising."""
        super().__init__()
        self.shape, vocabulary = shape, shape.image_codes + shape.text_codes
        self.tok_emb = nn.Embedding(vocabulary, shape.width)
        self.tok_emb_spc = nn.Embedding(shape.special, shape.width)
        blocks = nn.ModuleList(Block(shape.width, shape.heads) for _ in range(shape.layers))
        self.blocks = cast(Sequence[Block], blocks)  # seen as what it holds
        self.lm_layer = Head(shape.width, vocabulary)
        self.pos_emb_img = Table(shape.image_slots, shape.width)
        self.pos_emb_txt = Table(shape.text_length, shape.width)
        self.pos_emb_spc = Table(shape.image_slots + shape.text_length + 4, shape.width)
        self.length_predictor = nn.Linear(shape.width, shape.text_length, bias=False)
        self.embedding_dropout = nn.Dropout(0.0)
        self.lowered = False
        self.apply(_initialised)

    def drop(self, config: Config) -> None:
        """Dropout as a training asks for it; in eval mode there is none."""
        self.embedding_dropout.p = config.embedding_dropout
        for block in self.blocks:
            block.dropout.p, block.attn.dropout = config.residual_dropout, config.attention_dropout

    def lower(self) -> "Transformer":
        """Keep and multiply the blocks' matrices in bfloat16 from now on, to decode and not to train.

        Sums, norms, softmax and the product with the token table stay in float32: rounded to bfloat16, the likeliest
        tokens of a large vocabulary are often equal.
        """
        for block in self.blocks:
            for part in block.modules():
                if isinstance(part, nn.Linear):
                    part.to(torch.bfloat16)
        self.lowered = True
        return self.requires_grad_(False)

    def scope(self) -> AbstractContextManager[object]:
        """In which the blocks compute: float32, or bfloat16 once they are lowered."""
        return torch.autocast(self.device.type, torch.bfloat16) if self.lowered else nullcontext()

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.tok_emb.weight.device

    def forward(self, task: Task, pair: Pair) -> Hidden:
        """A whole pass. Text columns may be fewer than text_length: padding that all rows have is worth dropping."""
        x = self.embed(task, pair)
        mask = attention(task, self.shape, pair)
        with self.scope():
            for block in self.blocks:
                x, _ = block(x, mask)
        at = places(task, self.shape, pair.text.shape[1])
        return Hidden(x[:, at.image], x[:, at.text], x[:, at.bot])

    def embed(self, task: Task, pair: Pair) -> Float[Tensor, "batch slots width"]:
        """The sequence as the first block reads it."""
        image, text = self.embed_image(pair.image, pair.image_hidden), self.embed_text(pair.text, pair.text_hidden)
        one = torch.ones_like(pair.half)
        if task == "t2i":
            parts = (one * Special.BOC, one * Special.BOT, text, pair.half, one * Special.BOI, image)
        else:
            parts = (one * Special.BOC, one * Special.BOI, image, pair.half, one * Special.BOT, text)
        specials = iter(self.pos_emb_spc(4))
        rows = [p if p.ndim == 3 else (self.tok_emb_spc(p) + next(specials))[:, None] for p in parts]
        return self.embedding_dropout(torch.cat(rows, dim=1))

    def embed_image(self, codes: Tensor, hidden: Tensor) -> Tensor:
        """(B, I) codes to (B, I, D)."""
        return self._slots(self.tok_emb(codes), hidden, Special.MASK_IMAGE) + self.pos_emb_img(codes.shape[1])

    def embed_text(self, ids: Tensor, hidden: Tensor) -> Tensor:
        """(B, T) ids to (B, T, D)."""
        shown = self.tok_emb(ids + self.shape.image_codes)
        return self._slots(shown, hidden, Special.MASK_TEXT) + self.pos_emb_txt(ids.shape[1])

    def _slots(self, shown: Tensor, hidden: Tensor, mask: Special) -> Tensor:
        veiled = self.tok_emb_spc.weight[mask] + self.pos_emb_spc(shown.shape[1])
        return torch.where(hidden[..., None], veiled, shown)

    def image_logits(self, hidden: Float[Tensor, "*slots width"]) -> Float[Tensor, "*slots codes"]:
        """Over the image codebook alone. Give the slots that are asked for and no others: the product is dear."""
        return self._logits(hidden, slice(0, self.shape.image_codes))

    def text_logits(self, hidden: Float[Tensor, "*slots width"]) -> Float[Tensor, "*slots codes"]:
        """Over the text vocabulary alone."""
        return self._logits(hidden, slice(self.shape.image_codes, None))

    def _logits(self, hidden: Tensor, rows: slice) -> Tensor:
        return F.linear(self.lm_layer(hidden), self.tok_emb.weight[rows], self.lm_layer.output_bias[rows])

    def length_logits(self, bot: Float[Tensor, "batch width"]) -> Float[Tensor, "batch lengths"]:
        """Over lengths: class n - 1 is a text of n tokens, its end mark included."""
        return self.length_predictor(bot)

    def prefix(self, pair: Pair) -> tuple[list[Past], Tensor]:
        """Keys and values of everything before the text, by block, and BOT's output (B, D): for a closed prefix."""
        assert self.shape.prefix_mode == "closed", "an open prefix changes with the text"
        bare = pair.with_(text=pair.text[:, :0], text_hidden=pair.text_hidden[:, :0], length=pair.length * 0)
        x, kept = self.embed("i2t", bare), []
        with self.scope():
            for block in self.blocks:
                x, past = block(x)
                kept.append(past)
        return kept, x[:, -1]

    def after(
        self, prefix: list[Past], text: Tensor, hidden: Tensor, written: Tensor
    ) -> Float[Tensor, "batch text width"]:
        """The text slots alone (B, T, D), after a prefix of one row or as many."""
        x = self.embed_text(text, hidden)
        mask = None
        if not bool(written.all()):
            before = written.new_ones(len(text), prefix[0][0].shape[2])
            mask = torch.cat([before, written], dim=1)[:, None, None]
        with self.scope():
            for block, past in zip(self.blocks, prefix, strict=True):
                x, _ = block(x, mask, past)
        return x


def _initialised(module: nn.Module) -> None:
    if isinstance(module, nn.Linear | nn.Embedding):
        nn.init.normal_(module.weight, std=0.02)
        if isinstance(module, nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, Table):
        nn.init.normal_(module.pos_embed, std=0.02)


def parameters(shape: Shape) -> int:
    """How many numbers a model of this size has; nothing is allocated."""
    with torch.device("meta"):
        return sum(p.numel() for p in Transformer(shape).parameters())
