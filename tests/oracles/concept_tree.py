"""Concept Decomposition once more, slowly: the score pair by pair, and training as the authors' code does it.

Shares with the library only the samples that it is given and the pipeline folder.
"""

import itertools
import math

import numpy as np
import torch

from oracles.textual_inversion import Dense


def slow_score(left, right):
    """C(l,l) + C(r,r) + min(C(l,l), C(r,r)) - C(l,r), picture by picture."""

    def cosine(a, b):
        return sum(x * y for x, y in zip(a, b, strict=True)) / math.sqrt(sum(x * x for x in a) * sum(y * y for y in b))

    def mean(pairs):
        found = [cosine(a, b) for a, b in pairs]
        return sum(found) / len(found)

    own = [mean(itertools.combinations(side, 2)) for side in (left, right)]
    return sum(own) + min(own) - mean(itertools.product(left, right))


def slow_spearman(first, second):
    """Pearson's correlation of ranks, each rank counted out; 0 where one of the two is constant."""

    def ranks(values):
        return [sum(v < x for v in values) + (sum(v == x for v in values) + 1) / 2 for x in values]

    one, two = ranks(first), ranks(second)
    if len(set(one)) == 1 or len(set(two)) == 1:
        return 0.0
    return float(np.corrcoef(one, two)[0, 1])


class Sequential:
    """One seed's two words by the whole table: weight decay moves every row, and all but two are copied back."""

    def __init__(self, folder, start, *, lr, weight_decay, words="<left> <right>"):
        self.dense = Dense(folder, words, torch.cat([start, start]), lr=lr, weight_decay=weight_decay)

    @property
    def left(self):
        return self.dense.rows[:1]

    @property
    def right(self):
        return self.dense.rows[1:]

    def step(self, batches):
        return self.dense.step(batches)
