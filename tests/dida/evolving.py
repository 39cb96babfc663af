"""Small graphs with all that is awkward: an empty snapshot, repeats, a hub, a node without links."""

import torch

RAGGED = [
    [(0, 1), (2, 1), (2, 1), (3, 1), (4, 1)],
    [],
    [(1, 0), (5, 1), (3, 4)],
    [(4, 1), (2, 0), (2, 3), (0, 1)],
]


def edges(pairs):
    return torch.tensor(pairs, dtype=torch.int64).reshape(-1, 2).T


def random_snapshots(count=6, size=12, links=20, seed=0):
    random = torch.Generator().manual_seed(seed)
    made = []
    for _ in range(count):
        pairs = torch.randint(size, (2, links), generator=random)
        made.append(pairs[:, pairs[0] != pairs[1]])
    return made
