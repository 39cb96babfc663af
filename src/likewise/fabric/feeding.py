"""For the length of one network call, self-attention reads the references too, and the layers are put back after it.

Queries come from a row itself; keys and values from its own features and from those of the references at that layer,
through the layer's own projections, so adapters take part. Each reference is projected once, whatever the batch.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Protocol, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from likewise.diffusion import attention
from likewise.diffusion.attention import Site
from likewise.errors import AttentionTakenError, NoEffectError, NoSelfAttentionError
from likewise.fabric.merging import Seen, merged
from likewise.fabric.strength import depth
from likewise.fabric.weighted import concatenated, lean, splits, summed

PLAIN = ("AttnProcessor", "AttnProcessor2_0")
UNSEEN = 1e-7  # a difference in a layer's output, as a part of its size, that is only rounding


class Held(Protocol):
    """References' features by layer."""

    def joined(self, layer: str, references: slice) -> Seen:
        """Some references' keys and values as one list of tokens (1, heads, references * tokens, width); counts."""
        ...


@dataclass(frozen=True)
class Computed:
    """Features as a network call left them."""

    layers: Mapping[str, Seen]

    def joined(self, layer: str, references: slice) -> Seen:
        """See Held."""
        keys, values, counts = self.layers[layer]
        keys, values = (each[references].transpose(0, 1).flatten(1, 2)[None] for each in (keys, values))
        return keys, values, None if counts is None else counts[references]


class _AllSeen(Exception):
    """Nothing that a call is for lies behind this layer."""


@dataclass(frozen=True)
class Side:
    """Rows of the batch that read the same references."""

    rows: slice
    references: slice  # of the call's references
    weights: tuple[float, ...]  # one a reference, above 0
    bottleneck: float = 1.0


@dataclass
class Call:
    """One network call: its rows are the pictures' first, then the references'.

    held: references' features from earlier calls, which then have no rows here. keep: put those of this call into
    kept; a call without pictures ends where the last of its `layers` is kept. merge: the part of each reference's
    tokens to merge. check: also find out, layer by layer until one has changed, by how much references change outputs.
    """

    pictures: int
    sides: tuple[Side, ...] = ()
    held: Held | None = None
    keep: bool = False
    kept: dict[str, Seen] = field(default_factory=dict)
    merge: float = 0.0
    check: bool = False
    changed: float = 0.0
    layers: int = 0
    _biases: dict[tuple[int, float, int], Tensor] = field(default_factory=dict)

    def attend(self, site: Site, blocks: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """The attention of one layer, (rows, heads, tokens, width) like q, k and v."""
        own = merged(k[self.pictures :], v[self.pictures :], self.merge) if self.pictures < len(k) else None
        if self.keep and own is not None:
            self.kept[site.name] = own
            if not self.pictures and len(self.kept) == self.layers:
                raise _AllSeen
        held = self.held if own is None else Computed({site.name: own})
        factors = [depth(*_place(site.name), blocks, side.bottleneck) for side in self.sides]
        # a bottleneck of 0 leaves no reference in the middle
        sides = [(side, factor) for side, factor in zip(self.sides, factors, strict=True) if factor]
        if not sides:
            return F.scaled_dot_product_attention(q, k, v)
        assert held is not None, "sides need references, in this call or held"
        out, sums = summed(q, k, v) if splits(q) else (_unfed(q, k, v, sides), None)
        for side, factor in sides:
            keys, values, counts = held.joined(site.name, side.references)
            bias, mine = self._bias(side, factor, keys, counts), out[side.rows]
            own_q, own_k, own_v = q[side.rows], k[side.rows], v[side.rows]
            plain = F.scaled_dot_product_attention(own_q, own_k, own_v) if self._asks() else None
            if sums is None:
                mine.copy_(concatenated(own_q, own_k, own_v, keys, values, bias))
            else:
                even = counts is None and len(set(side.weights)) == 1
                lean(mine, sums[side.rows], own_q, keys, values, bias, even=even)
            if plain is not None:
                apart = float((mine - plain).abs().max() / plain.abs().max().clamp(min=1e-30))
                self.changed = max(self.changed, apart)
        return out

    def _asks(self) -> bool:
        return self.check and not self.changed > UNSEEN

    def _bias(self, side: Side, factor: float, keys: Tensor, counts: Tensor | None) -> Tensor:
        """log w of each of the side's tokens; where each stands for itself, it is made once a call."""
        tokens = keys.shape[2] // len(side.weights)
        key = side.rows.start, factor, tokens
        made = self._biases.get(key)
        if made is None or counts is not None:
            weights = torch.tensor([weight * factor for weight in side.weights], dtype=torch.float64)
            logs = weights.log()[:, None].expand(-1, tokens).to(keys.device)  # (references, tokens)
            logs = logs if counts is None else logs + counts
            made = logs.flatten().to(torch.promote_types(keys.dtype, torch.float32))
            self._biases[key] = made
        return made


def _unfed(q: Tensor, k: Tensor, v: Tensor, sides: Sequence[tuple[Side, float]]) -> Tensor:
    """The attention of rows that no side feeds; those of the sides are left open."""
    out, done = torch.empty_like(q), 0
    for start, stop in [*((side.rows.start, side.rows.stop) for side, _ in sides), (len(q), len(q))]:
        if start > done:
            out[done:start] = F.scaled_dot_product_attention(q[done:start], k[done:start], v[done:start])
        done = stop
    return out


class FedAttention:
    """What computes the self-attention of one layer while references are there."""

    def __init__(self, site: Site, blocks: int, call: Call) -> None:
        self.site, self.blocks, self.call = site, blocks, call

    def __call__(
        self,
        attn: Any,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        **_named: Any,
    ) -> Tensor:
        """hidden_states (rows, tokens, channels), already normalised, to the same shape."""
        assert encoder_hidden_states is None and attention_mask is None, "self-attention reads the picture alone"
        q, k, v = (self._heads(layer(hidden_states)) for layer in (attn.to_q, attn.to_k, attn.to_v))
        q = q if attn.norm_q is None else attn.norm_q(q)
        k = k if attn.norm_k is None else attn.norm_k(k)
        out = self.call.attend(self.site, self.blocks, q, k, v)
        out = out.transpose(1, 2).flatten(2).to(hidden_states.dtype)
        return attn.to_out[1](attn.to_out[0](out)) / attn.rescale_output_factor

    def _heads(self, projected: Tensor) -> Tensor:
        return projected.unflatten(-1, (self.site.heads, -1)).transpose(1, 2)


class Feeder:
    """A U-Net's self-attention layers, ready to be fed."""

    def __init__(self, unet: nn.Module, name: str = "the model") -> None:
        """NoSelfAttentionError if the U-Net has no transformer block whose first attention reads the picture."""
        self.unet, self.blocks = unet, len(cast(nn.ModuleList, unet.down_blocks))
        self.sites = [site for site in attention.sites(unet) if site.name.endswith(".attn1") and not site.cross]
        if not self.sites:
            raise NoSelfAttentionError(name)

    @contextmanager
    def feeding(self, call: Call) -> Iterator[None]:
        """Within this scope the U-Net answers `call`; then its layers are what they were, whatever happened.

        The scope ends early where a call without pictures has kept all layers: what follows in it is not run.
        Raises AttentionTakenError if something else computes these layers now, and NoEffectError if the call asked to
        check and references changed nothing.
        """
        for site in self.sites:
            if type(site.module.processor).__name__ not in PLAIN:
                raise AttentionTakenError(site.name, type(site.module.processor).__name__)
        call.layers = len(self.sites)
        fed = [(site, FedAttention(site, self.blocks, call)) for site in self.sites]
        with suppress(_AllSeen), attention.exchanged(fed):
            yield
        if call.check and not call.changed > UNSEEN:
            raise NoEffectError(call.changed)


@cache
def _place(name: str) -> tuple[str, int]:
    """("down", 1) for down_blocks.1.attentions.0..."""
    found = re.match(r"(down|mid|up)_block(?:s\.(\d+))?\.", name)
    assert found is not None, f"{name} is no layer of a UNet2DConditionModel"
    return found[1], int(found[2] or 0)
