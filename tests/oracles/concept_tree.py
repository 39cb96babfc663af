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


class Procedure:
    """The authors' procedure for one node, on a small pipeline: a model load, a table and a loop for every seed.

    draws: (seed, first sample, count) -> a batch, as in likewise.textual_inversion.draw. encode: pictures to latents,
    as often as the procedure does it. paint: (seed's Sequential, side, first, count) -> pictures, ten at a time. Counts
    pictures in `painted`, by what they were for; sheets are 12 pictures where a test has 40.
    """

    def __init__(self, folder, start, draws, encode, paint, *, settings):
        self.folder, self.start, self.draws, self.encode, self.paint = folder, start, draws, encode, paint
        self.settings, self.painted = settings, {"sheets": 0, "test": 0, "children": 0}

    def run(self, score):
        """All seeds, the test, the best to the end, both children: (best seed, its Sequential)."""
        told = self.settings
        learners = {seed: self._learn(self._fresh(), seed, 0, told["test_steps"]) for seed in told["seeds"]}
        scores = {seed: self._test(learner, score) for seed, learner in learners.items()}
        best = max(told["seeds"], key=lambda seed: scores[seed])
        learner = self._learn(learners[best], best, told["test_steps"], told["steps"])
        for side in ("left", "right"):
            self._fresh()  # a process of its own, with the model loaded anew
            self._paint("children", learner, side, told["images"])
        self._paint("sheets", learner, "both", 3 * told["images"])  # the sheet of samples: 120 where a test has 40
        return best, learner

    def _fresh(self):
        told = self.settings
        return Sequential(self.folder, self.start, lr=told["lr"], weight_decay=told["weight_decay"])

    def _learn(self, learner, seed, start, end):
        """Steps of four passes of two pictures, encoded anew; sheets of twelve pictures on the way."""
        every = max(1, self.settings["test_steps"] // 2)
        for index in range(start, end):
            if index % every == 0:
                self._paint("sheets", learner, "both", round(0.3 * self.settings["images"]))
            batches = [self.draws(seed, index * 8 + part * 2, 2) for part in range(4)]
            for batch in batches:
                self.encode(len(batch.prompts))
            learner.step(batches)
        if end == self.settings["test_steps"]:
            self._paint("sheets", learner, "both", round(0.3 * self.settings["images"]))
        return learner

    def _test(self, learner, score):
        count = self.settings["images"]
        left, right = (self._paint("test", learner, side, count) for side in ("left", "right"))
        self._paint("test", learner, "both", count)  # shown, not scored
        return score(left, right)

    def _paint(self, why, learner, side, count):
        self.painted[why] += count
        return [
            one for start in range(0, count, 10) for one in self.paint(learner, side, start, min(10, count - start))
        ]
