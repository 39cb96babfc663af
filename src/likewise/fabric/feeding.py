"""For the length of one network call, self-attention reads the references too, and the layers are put back after it.

Queries come from a row itself; keys and values from its own features and from those of the references at that layer,
through the layer's own projections, so adapters take part. Each reference is projected once, whatever the batch.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from likewise.diffusion import attention
from likewise.diffusion.attention import Site
from likewise.errors import AttentionTakenError, NoEffectError, NoSelfAttentionError
from likewise.fabric.merging import Seen, merged
from likewise.fabric.strength import depth
from likewise.fabric.weighted import attend

PLAIN = ("AttnProcessor", "AttnProcessor2_0")
UNSEEN = 1e-7  # a difference in a layer's output, as a part of its size, that is only rounding

Held = Mapping[str, Seen]  # by layer


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
    kept. merge: the part of each reference's tokens to merge. check: also find out by how much references change the
    layers' outputs.
    """

    pictures: int
    sides: tuple[Side, ...] = ()
    held: Held = field(default_factory=dict)
    keep: bool = False
    kept: dict[str, Seen] = field(default_factory=dict)
    merge: float = 0.0
    check: bool = False
    changed: float = 0.0

    def attend(self, site: Site, blocks: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """The attention of one layer, (rows, heads, tokens, width) like q, k and v."""
        own = merged(k[self.pictures :], v[self.pictures :], self.merge) if self.pictures < len(k) else None
        if self.keep and own is not None:
            self.kept[site.name] = own
        seen = self.held.get(site.name) if own is None else own
        out = []
        for rows, side in self._shares(len(q)):
            factor = 0.0 if side is None else depth(*_place(site.name), blocks, side.bottleneck)
            if side is None or not factor:  # a bottleneck of 0 leaves no reference in the middle
                out.append(F.scaled_dot_product_attention(q[rows], k[rows], v[rows]))
            else:
                assert seen is not None, "a side needs references, in this call or held"
                out.append(self._fed(q[rows], k[rows], v[rows], seen, side, factor))
        return torch.cat(out)

    def _shares(self, rows: int) -> Iterator[tuple[slice, Side | None]]:
        """The batch in order: each side's rows, and what no side feeds."""
        done = 0
        for side in self.sides:
            if side.rows.start > done:
                yield slice(done, side.rows.start), None
            yield side.rows, side
            done = side.rows.stop
        if done < rows:
            yield slice(done, rows), None

    def _fed(self, q: Tensor, k: Tensor, v: Tensor, seen: Seen, side: Side, factor: float) -> Tensor:
        keys, values, counts = (part if part is None else part[side.references] for part in seen)
        assert keys is not None and values is not None
        weights = torch.tensor([weight * factor for weight in side.weights], dtype=torch.float64, device=q.device)
        logs = weights.log()[:, None].expand(-1, keys.shape[2])  # (references, tokens)
        logs = (logs if counts is None else logs + counts).flatten().to(torch.promote_types(q.dtype, torch.float32))
        fed = attend(q, k, v, _joined(keys), _joined(values), logs)
        if self.check:
            own = F.scaled_dot_product_attention(q, k, v)
            self.changed = max(self.changed, float((fed - own).abs().max() / own.abs().max().clamp(min=1e-30)))
        return fed


def _joined(each: Tensor) -> Tensor:
    """(references, heads, tokens, width) as one list of tokens (1, heads, references * tokens, width)."""
    return each.transpose(0, 1).flatten(1, 2)[None]


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

        Raises AttentionTakenError if something else computes these layers now, and NoEffectError if the call asked to
        check and references changed nothing.
        """
        for site in self.sites:
            if type(site.module.processor).__name__ not in PLAIN:
                raise AttentionTakenError(site.name, type(site.module.processor).__name__)
        with attention.exchanged([(site, FedAttention(site, self.blocks, call)) for site in self.sites]):
            yield
        if call.check and not call.changed > UNSEEN:
            raise NoEffectError(call.changed)


def _place(name: str) -> tuple[str, int]:
    """("down", 1) for down_blocks.1.attentions.0..."""
    found = re.match(r"(down|mid|up)_block(?:s\.(\d+))?\.", name)
    assert found is not None, f"{name} is no layer of a UNet2DConditionModel"
    return found[1], int(found[2] or 0)
