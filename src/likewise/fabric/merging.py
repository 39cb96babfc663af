"""Tokens of a reference that say nearly the same become one, which counts for as many as it stands for.

Pairs are found as in Token Merging (arXiv:2210.09461): every other token may join the nearest of those between. There
it is the tokens of a picture itself that are merged, without a count; here only those of references are, and since a
key that stands for c tokens gets log c added to its scores, merging tokens of one key changes nothing at all.
"""

import torch
from torch import Tensor

# Keys and values (references, heads, tokens, width); log of how many tokens each stands for (references, tokens), or
# None where each stands for itself.
Seen = tuple[Tensor, Tensor, Tensor | None]


def merged(keys: Tensor, values: Tensor, part: float) -> Seen:
    """keys, values: (references, heads, tokens, width), each reference on its own; part: of tokens to lose, 0 to 0.5.

    Those nearest to another, by the Euclidean distance of their keys over all heads, are lost first; the same input
    gives the same pairs. 0 returns what was given.
    """
    lost = int(keys.shape[2] * part)
    if not lost:
        return keys, values, None
    flat = keys.transpose(1, 2).flatten(2)
    near, partner = torch.cdist(flat[:, ::2], flat[:, 1::2]).min(-1)  # of each even token: distance and odd neighbour
    order = near.argsort(dim=-1, stable=True)
    kept = near.shape[1] - lost
    slots = torch.empty_like(order)  # where each even token goes: kept ones first, then the odd tokens' places
    slots.scatter_(1, order[:, lost:], torch.arange(kept, device=order.device).expand(len(order), -1))
    slots.scatter_(1, order[:, :lost], kept + partner.gather(1, order[:, :lost]))
    odd = kept + torch.arange(flat.shape[1] - near.shape[1], device=order.device).expand(len(order), -1)
    count = kept + odd.shape[1]
    places = torch.cat([slots, odd], 1)
    members = keys.new_zeros(len(keys), count).scatter_add_(1, places, torch.ones_like(places, dtype=keys.dtype))
    return _mean(keys, places, members), _mean(values, places, members), members.log()


def _mean(each: Tensor, places: Tensor, members: Tensor) -> Tensor:
    ordered = torch.cat([each[:, :, ::2], each[:, :, 1::2]], 2)  # even tokens, then odd ones, as their places are
    sums = each.new_zeros(*each.shape[:2], members.shape[1], each.shape[3])
    sums.scatter_add_(2, places[:, None, :, None].expand_as(ordered), ordered)
    return sums / members[:, None, :, None]
