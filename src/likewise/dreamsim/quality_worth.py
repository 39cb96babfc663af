"""How right each rater is, with no right answers known: Dawid and Skene's estimate by expectation-maximisation.

Dawid & Skene (1979), "Maximum likelihood estimation of observer error-rates using the EM algorithm". The one-coin form
gives each rater a single accuracy instead of a confusion matrix, and needs fewer votes.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from likewise.errors import MeasureError

ROUNDS, NEAR = 200, 1e-8
PRIOR = 0.5  # votes added to each cell, so that a rater with few votes is not taken for perfect


@dataclass(frozen=True, eq=False)
class Worth:
    """What the votes say of raters and items."""

    raters: tuple[Hashable, ...]
    items: tuple[Hashable, ...]
    accuracy: np.ndarray  # (R,) the chance that a rater's answer is the true one
    confusion: np.ndarray  # (R, K, K): true answer, given answer
    truth: np.ndarray  # (N, K) the chance of each answer being the true one


def dawid_skene(votes: Sequence[tuple[Hashable, Hashable, int]], answers: int = 2, *, one_coin: bool = False) -> Worth:
    """votes: (rater, item, answer from 0). Starts from the shares of votes, so which answer is which stays put."""
    if not votes or any(not 0 <= given < answers for _, _, given in votes):
        raise MeasureError(
            "the worth of raters", f"{len(votes)} votes", f"at least one, answers from 0 to {answers - 1}"
        )
    raters = tuple(dict.fromkeys(rater for rater, _, _ in votes))
    items = tuple(dict.fromkeys(item for _, item, _ in votes))
    who = {rater: place for place, rater in enumerate(raters)}
    what = {item: place for place, item in enumerate(items)}
    r = np.array([who[rater] for rater, _, _ in votes])
    i = np.array([what[item] for _, item, _ in votes])
    k = np.array([given for _, _, given in votes])
    given = np.eye(answers)[k]  # (V, K)
    truth = np.zeros((len(items), answers))
    np.add.at(truth, i, given)
    truth /= truth.sum(1, keepdims=True)
    for _ in range(ROUNDS):
        confusion = _confusion(truth[i], given, r, len(raters), one_coin)
        shares = truth.mean(0)
        chance = np.log(shares + 1e-300)[None].repeat(len(items), 0)
        np.add.at(chance, i, np.log(confusion[r, :, k]))
        fresh = np.exp(chance - chance.max(1, keepdims=True))
        fresh /= fresh.sum(1, keepdims=True)
        done = np.abs(fresh - truth).max() < NEAR
        truth = fresh
        if done:
            break
    accuracy = np.einsum("rkk,k->r", confusion, truth.mean(0))
    return Worth(raters, items, accuracy, confusion, truth)


def _confusion(truth: np.ndarray, given: np.ndarray, r: np.ndarray, raters: int, one_coin: bool) -> np.ndarray:
    """(R, K, K) from the expected truth (V, K) and the answer given (V, K) of each vote."""
    counts = np.zeros((raters, truth.shape[1], truth.shape[1]))
    np.add.at(counts, r, truth[:, :, None] * given[:, None])
    if not one_coin:
        counts += PRIOR
        return counts / counts.sum(2, keepdims=True)
    size = truth.shape[1]
    right = np.einsum("rkk->r", counts) + PRIOR
    accuracy = right / (counts.sum((1, 2)) + size * PRIOR)
    wrong = (1 - accuracy) / (size - 1)
    return np.where(np.eye(size, dtype=bool), accuracy[:, None, None], wrong[:, None, None])
