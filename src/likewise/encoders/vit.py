"""A vision transformer that gives the class token, or all tokens, exactly where perceptual metrics take them.

Dosovitskiy et al., "An Image is Worth 16x16 Words" (arXiv:2010.11929), under the tensor names of DINO's code, which
DINOv2, MAE, SynCLR and the converted CLIP and OpenCLIP weights share. Attention is fused. Where only the class token
is asked for, the last block attends from that token alone, so that its projection and MLP see one token: the same
numbers with 6 % fewer multiplications in a ViT-B/16.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, cast

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from likewise.errors import ImageBatchError

Feature = Literal["cls", "embedding", "last_layer", "cls_patch"]


@dataclass(frozen=True)
class Shape:
    """What sets one such network apart from another."""

    patch: int = 16  # pixels a side
    width: int = 768
    depth: int = 12  # blocks
    heads: int = 12
    pixels: int = 224  # a side, at which its position codes were learned
    epsilon: float = 1e-6  # of all layer norms
    pre_norm: bool = False  # CLIP's layer norm between position codes and blocks
    quick_gelu: bool = False  # OpenAI's x sigmoid(1.702 x) in place of GELU
    layer_scale: bool = False  # DINOv2's learned factor after attention and after the MLP
    projection: int = 0  # width of CLIP's shared space; 0: none

    @property
    def grid(self) -> int:
        """Patches a side at the native size."""
        return self.pixels // self.patch


class Attention(nn.Module):
    """Multi-head self-attention with one fused linear layer for queries, keys and values."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, tokens: Tensor, only_first: bool = False) -> Tensor:
        """tokens (B, T, width) to (B, T, width), or to (B, 1, width), the class token's."""
        q, k, v = self.qkv(tokens).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)  # each (B, heads, T, d)
        q = q[:, :, :1] if only_first else q
        return self.proj(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))


class QuickGELU(nn.Module):
    """OpenAI's cheaper approximation of GELU."""

    def forward(self, x: Tensor) -> Tensor:
        """x sigmoid(1.702 x), any shape."""
        return x * torch.sigmoid(1.702 * x)


class Perceptron(nn.Module):
    """Four times as wide in the middle."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.fc1 = nn.Linear(shape.width, 4 * shape.width)
        self.act = QuickGELU() if shape.quick_gelu else nn.GELU()
        self.fc2 = nn.Linear(4 * shape.width, shape.width)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, T, width) to the same."""
        return self.fc2(self.act(self.fc1(tokens)))


class LayerScale(nn.Module):
    """A learned factor a channel."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(width))

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, T, width) to the same."""
        return tokens * self.gamma


class Block(nn.Module):
    """Attention and an MLP, each normalised first and added to its input."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(shape.width, shape.epsilon)
        self.attn = Attention(shape.width, shape.heads)
        self.ls1 = LayerScale(shape.width) if shape.layer_scale else nn.Identity()
        self.norm2 = nn.LayerNorm(shape.width, shape.epsilon)
        self.mlp = Perceptron(shape)
        self.ls2 = LayerScale(shape.width) if shape.layer_scale else nn.Identity()

    def forward(self, tokens: Tensor, only_first: bool = False) -> Tensor:
        """(B, T, width) to the same, or to (B, 1, width)."""
        kept = tokens[:, :1] if only_first else tokens
        kept = kept + self.ls1(self.attn(self.norm1(tokens), only_first))
        return kept + self.ls2(self.mlp(self.norm2(kept)))


class PatchEmbed(nn.Module):
    """One linear map of every patch."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, shape.width, shape.patch, shape.patch)

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) to (B, patches, width), row by row."""
        return self.proj(images).flatten(2).transpose(1, 2)


class ViT(nn.Module):
    """Normalised pictures to features; weights as torch initialises them until a state dict is loaded."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.cls_token = nn.Parameter(torch.zeros(1, 1, shape.width))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + shape.grid**2, shape.width))
        self.patch_embed = PatchEmbed(shape)
        if shape.pre_norm:
            self.pre_norm = nn.LayerNorm(shape.width, shape.epsilon)
        blocks = nn.ModuleList(Block(shape) for _ in range(shape.depth))
        self.blocks = cast(Sequence[Block], blocks)  # seen as what it holds
        self.norm = nn.LayerNorm(shape.width, shape.epsilon)
        if shape.projection:
            self.proj = nn.Parameter(torch.eye(shape.width, shape.projection))

    def forward(self, images: Float[Tensor, "batch 3 height width"], feature: Feature = "cls") -> Tensor:
        """(B, 3, H, W), normalised, H and W multiples of the patch, to (B, D); for "cls_patch" (B, 1 + patches, width).

        cls: the class token after the last block, not normalised. last_layer: the same, normalised. embedding: that
        times CLIP's projection. cls_patch: all tokens after the last block, not normalised.
        """
        tokens = self._tokens(images)
        for block in self.blocks[:-1]:
            tokens = block(tokens)
        if feature == "cls_patch":
            return self.blocks[-1](tokens)
        first = self.blocks[-1](tokens, only_first=True)[:, 0]
        if feature == "cls":
            return first
        return self.norm(first) @ self.proj if feature == "embedding" else self.norm(first)

    def _tokens(self, images: Tensor) -> Tensor:
        height, width = images.shape[-2:]
        patch = self.shape.patch
        if height % patch or width % patch or not height or not width:
            raise ImageBatchError(f"pictures of {width}x{height}", f"both sides must be multiples of {patch} pixels")
        tokens = torch.cat([self.cls_token.expand(images.shape[0], -1, -1), self.patch_embed(images)], dim=1)
        tokens = tokens + self._positions(height // patch, width // patch)
        return self.pre_norm(tokens) if self.shape.pre_norm else tokens

    def _positions(self, down: int, across: int) -> Tensor:
        """Position codes for a grid of another size: bicubic, by a scale with 0.1 added, as DINO's and DINOv2's code.

        The addition shifts the samples a little; without it the features of DINOv2, whose codes were learned for
        37 x 37 patches, would not be those it is published with.
        """
        grid = self.shape.grid
        if (down, across) == (grid, grid):
            return self.pos_embed
        codes = self.pos_embed[:, 1:].unflatten(1, (grid, grid)).permute(0, 3, 1, 2)
        scale = ((down + 0.1) / grid, (across + 0.1) / grid)
        codes = F.interpolate(codes, scale_factor=scale, mode="bicubic", recompute_scale_factor=False)
        return torch.cat([self.pos_embed[:, :1], codes.flatten(2).transpose(1, 2)], dim=1)
