"""A world that shifts on purpose: features that betray the next snapshot in training, and no longer do in the test.

Each snapshot t gets features made from an adjacency of which a share p(t) are true links of t + 1 and the rest are no
links: p(t) = clip(strength + wobble * cos t, 0, 1) in training and validation, and `after` in the test. What a model
learned from them is worth nothing there; what it learned from the true past still is.
"""

import math
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from likewise import seeds
from likewise.dida.graph import Graph, build
from likewise.dida.negatives import Pool
from likewise.errors import SettingError

MEETINGS, ROOM = 12, 3.5  # meetings a snapshot, and pairs of those who are in one for each link that is made there
NOISE = 2.0  # of a node's features, over the spread of the vectors of groups


def world(
    seed: int, *, nodes: int = 600, snapshots: int = 13, groups: int = 6, links: int = 1200, fleeting: float = 0.0
) -> Graph:
    """Nodes of drifting groups that link nine times in ten within their own, with 16 features that tell the group.

    In each snapshot one node in fifty changes its group. features (T, N, 16) are the group's vector with noise.
    fleeting: the share of links that are made in one of twelve meetings instead, small sets of nodes that come together
    for one snapshot: nothing in the past tells them, and a leak tells nearly all of them.
    """
    random = seeds.numpy_stream(seed, "world")
    group = random.integers(groups, size=nodes)
    vectors = random.standard_normal((groups, 16))
    made, features = [], []
    for _ in range(snapshots):
        moved = random.random(nodes) < 0.02
        group = np.where(moved, random.integers(groups, size=nodes), group)
        features.append(vectors[group] + random.standard_normal((nodes, 16)) * NOISE)
        pairs = _linked(random, group, groups, links - round(fleeting * links))
        met = _met(random, nodes, round(fleeting * links)) if fleeting else pairs[:, :0]
        made.append(torch.from_numpy(np.unique(np.concatenate([pairs, met], axis=1), axis=1)))
    return build(made, nodes, features=_even(torch.tensor(np.stack(features), dtype=torch.float32)))


def _linked(random: np.random.Generator, group: np.ndarray, groups: int, links: int) -> np.ndarray:
    """About `links` distinct pairs (2, e), nine in ten within a group."""
    source, target = random.integers(len(group), size=(2, links))
    for number in range(groups):
        members, ours = np.flatnonzero(group == number), (group[source] == number) & (random.random(links) < 0.9)
        target[ours] = random.choice(members, int(ours.sum()))
    low, high = np.minimum(source, target), np.maximum(source, target)
    return np.unique(np.stack([low, high])[:, low != high], axis=1)


def _met(random: np.random.Generator, nodes: int, links: int) -> np.ndarray:
    """About `links` pairs (2, e) within twelve sets, as dense at any size: a leak cannot tell sparse ones."""
    members = round((1 + math.sqrt(1 + 8 * ROOM * links / MEETINGS)) / 2)
    sets = np.stack([random.choice(nodes, min(members, nodes), replace=False) for _ in range(MEETINGS)])
    which = random.integers(MEETINGS, size=links)
    source, target = sets[which, random.integers(sets.shape[1], size=(2, links))]
    low, high = np.minimum(source, target), np.maximum(source, target)
    return np.stack([low, high])[:, low != high]


def leak(
    graph: Graph,
    *,
    strength: float,
    test_snapshots: int,
    seed: int,
    wobble: float = 0.05,
    after: float = 0.1,
    width: int = 32,
    by: Literal["eigenvectors", "sketch"] = "eigenvectors",
) -> Graph:
    """The graph without its last snapshot, with `width` features more a node and snapshot that leak the next one.

    strength: the share of true links in training and validation; after: in the snapshots whose next one is among the
    last test_snapshots. by: how features are made of an adjacency, see `factors` and `sketch`; eigenvectors tell dense
    sets of nodes alone, which a large and sparse graph lacks.
    """
    for name, value in (("strength", strength), ("after", after)):
        if not 0 <= value <= 1:
            raise SettingError(name, value, "a share from 0 to 1 is needed")
    count = len(graph) - 1
    first = count - test_snapshots - 1  # the first embedding that is tested, as in `splits`
    blocks, make = [], factors if by == "eigenvectors" else sketch
    for t in range(count):
        share = after if t >= first else min(1.0, max(0.0, strength + wobble * math.cos(t)))
        blocks.append(make(betrayed(graph, t, share, seed), graph.size, width, seed, t))
    made = _even(torch.stack(blocks))
    shorter = graph.until(count)
    own = shorter.features
    if own is not None:
        own = own if own.ndim == 3 else own.expand(count, -1, -1)
        made = torch.cat([own, made], dim=-1)
    fields = {name: getattr(shorter, name) for name in ("edges", "ends", "domain", "nodes", "domains", "labels")}
    return Graph(**fields, features=made)


def _even(block: Tensor) -> Tensor:
    """A block of features in the scale of any other: as it is, noise of one would drown the other."""
    return block / block.std()


def betrayed(graph: Graph, t: int, share: float, seed: int) -> Tensor:
    """As many pairs as snapshot t + 1 has, (2, e): a `share` of its links, the rest no links of it."""
    pool, random = Pool(graph), seeds.numpy_stream(seed, "leak", t)
    true = graph.linked[t + 1]
    kept = random.permutation(true)[: round(share * len(true))]
    return pool.pairs(np.concatenate([kept, pool.sample(random, len(true) - len(kept), true)]))


def sketch(pairs: Tensor, size: int, width: int, seed: int, t: int) -> Tensor:
    """(A + 1) R with a random R, (size, width) float32: rows whose dot product is 2 a link, but for noise.

    The noise grows with the links of both nodes and falls with the width, whatever the size of the graph.
    """
    table = seeds.randn((size, width), seed, "sketch", t) / math.sqrt(width)
    both = torch.cat([pairs, pairs.flip(0)], dim=1)
    return table.index_add(0, both[0], table[both[1]])


def factors(pairs: Tensor, size: int, width: int, seed: int, t: int) -> Tensor:
    """U sqrt(L) of the adjacency's `width` largest eigenvalues, (size, width) float32, by subspace iteration.

    Only positive ones: a row's dot products then give its links back, where those of a singular value decomposition,
    which cannot tell 1 from -1, would cancel them.
    """
    both = torch.cat([pairs, pairs.flip(0)], dim=1)
    shape, ones = (size, size), torch.ones(both.shape[1])
    adjacency = torch.sparse_coo_tensor(both, ones, shape, check_invariants=False).coalesce()
    wide = min(size, 2 * width + 8)  # the negative half of the spectrum is found along
    basis = torch.linalg.qr(torch.sparse.mm(adjacency, seeds.randn((size, wide), seed, "factors", t)))[0]
    for _ in range(8):
        basis = torch.linalg.qr(torch.sparse.mm(adjacency, basis))[0]
    values, vectors = torch.linalg.eigh(basis.T @ torch.sparse.mm(adjacency, basis))
    values, vectors = values.flip(0)[:width], basis @ vectors.flip(1)[:, :width]
    signs = torch.sign(vectors.gather(0, vectors.abs().argmax(0, keepdim=True)))  # a factor's sign is anyone's choice
    return vectors * signs * values.clamp(min=0).sqrt()
