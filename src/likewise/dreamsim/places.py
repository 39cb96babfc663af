"""Where two pictures differ: the distance as a sum over places, exact for features that are means over places.

For unit rows u, v of means over places, 1 - u.v = |u - v|^2 / 2 = sum_p (u - v).(u_p - v_p) / 2, where u_p is place p's
part of u. So the map adds up to the distance; a place may be slightly below zero, where it speaks for likeness.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from likewise.dreamsim.branches import GRID, LiteBranch
from likewise.dreamsim.ensemble import Ensemble, apart
from likewise.errors import NoPlacesError


def heat(model: Ensemble, name: str, first: Tensor, second: Tensor) -> Float[Tensor, "down across"]:
    """The map of two pictures (1, 3, S, S): (h, w), its sum their distance. What has no place is spread evenly."""
    one, other = model(first), model(second)
    total = apart(one, other)[0]
    maps = _patches(model, first, second) if model.patches else _layout(model, one, other)
    if maps is None:
        raise NoPlacesError(name)
    return maps + (total - maps.sum()) / maps.numel()


def _patches(model: Ensemble, first: Tensor, second: Tensor) -> Tensor:
    """The share of the mean patch in the distance, patch by patch."""
    parts, rows = [], []
    for image in (first, second):
        features = model.features(image)
        tokens = (model.tokens(features) if model.centre else model.raw(features))[0]
        row = torch.cat([tokens[0], tokens[1:].mean(0)])
        parts.append(tokens[1:] / (len(tokens) - 1) / row.norm())
        rows.append(row[tokens.shape[1] :] / row.norm())
    across = round(len(parts[0]) ** 0.5)
    return ((parts[0] - parts[1]) @ (rows[0] - rows[1]) / 2).view(across, -1)


def _layout(model: Ensemble, one: Tensor, other: Tensor) -> Tensor | None:
    """The share of the features that have places, the layout of a Lite network; None without any."""
    start, maps = 0, None
    for branch in model.branches:
        if isinstance(branch, LiteBranch) and branch.feature != "pooled" and model.head is None:
            channels = branch.network.channels(branch.before)
            end = start + branch.width
            gap = (one - other)[0, end - channels * GRID**2 : end].view(channels, GRID, GRID)
            found = gap.square().sum(0) / 2
            maps = found if maps is None else maps + found
        start += branch.width
    return maps
