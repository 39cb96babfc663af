"""The transformer's block: pre-norm attention and a two-layer network, named as in official checkpoints."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Past = tuple[Tensor, Tensor]  # keys and values (B, heads, n, width / heads)


class Attention(nn.Module):
    """Self-attention with four separate, biased projections."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.key, self.query, self.value, self.proj = (nn.Linear(width, width) for _ in range(4))
        self.heads, self.dropout = heads, 0.0

    def forward(
        self, x: Tensor, mask: Tensor | None = None, past: Past | None = None, causal: bool = False
    ) -> tuple[Tensor, Past]:
        """x (B, L, D) sees itself and, with `past`, the slots before it; returns the same shape and keys and values."""
        q, k, v = (
            part(x).unflatten(2, (self.heads, -1)).transpose(1, 2) for part in (self.query, self.key, self.value)
        )
        if past is not None:
            # a prefix computed once serves any number of rows
            k, v = (_joined(old, new) for old, new in zip(past, (k, v), strict=True))
        dropout = self.dropout if self.training else 0.0
        seen = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, dropout_p=dropout, is_causal=causal)
        return self.proj(seen.transpose(1, 2).flatten(2)), (k, v)


def _joined(past: Tensor, new: Tensor) -> Tensor:
    return torch.cat([past.expand(len(new), -1, -1, -1), new], dim=2)


class Block(nn.Module):
    """x + attention(norm(x)), then x + network(norm(x)); exact GELU."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.ln1, self.ln2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attn = Attention(width, heads)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))
        self.dropout = nn.Dropout(0.0)

    def forward(
        self, x: Tensor, mask: Tensor | None = None, past: Past | None = None, causal: bool = False
    ) -> tuple[Tensor, Past]:
        """As Attention: (B, L, D) to the same shape, and the keys and values."""
        seen, kept = self.attn(self.ln1(x), mask, past, causal)
        x = x + self.dropout(seen)
        return x + self.dropout(self.mlp(self.ln2(x))), kept
