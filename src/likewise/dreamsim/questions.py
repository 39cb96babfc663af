"""Triplets as arrays: every picture once, and for each question three picture numbers and its votes."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from likewise.checkpoint import hash_json
from likewise.dreamsim.triplets import Triplet


@dataclass(frozen=True, eq=False)
class Questions:
    """N questions over P pictures; row i of every array is question i."""

    pictures: tuple[str, ...]  # as the triplets name them, in the order of first use
    places: np.ndarray  # (N, 3) int: reference, left, right
    votes: np.ndarray  # (N, 2) int: for left, for right
    units: tuple[str, ...]  # what must not be cut in two, and counts as one in an interval

    def __len__(self) -> int:
        """N."""
        return len(self.places)

    def __getitem__(self, rows: np.ndarray) -> "Questions":
        """Some of the questions, over the same pictures."""
        return Questions(self.pictures, self.places[rows], self.votes[rows], tuple(self._units[rows]))

    @property
    def shares(self) -> np.ndarray:
        """The share of votes for the right picture, (N,); a half without votes."""
        total = self.votes.sum(1)
        return np.where(total, self.votes[:, 1] / np.maximum(total, 1), 0.5)

    @cached_property
    def _units(self) -> np.ndarray:
        return np.asarray(self.units, dtype=object)

    @cached_property
    def hash(self) -> str:
        """Of the questions and their votes."""
        return hash_json([self.pictures, self.places.tolist(), self.votes.tolist()])


def of(triplets: Sequence[Triplet]) -> Questions:
    """The questions of some triplets."""
    numbers: dict[str, int] = {}
    places = [[numbers.setdefault(picture, len(numbers)) for picture in one.pictures] for one in triplets]
    votes = [[one.votes_left, one.votes_right] for one in triplets]
    return Questions(
        tuple(numbers),
        np.array(places, dtype=np.int64).reshape(-1, 3),
        np.array(votes, dtype=np.int64).reshape(-1, 2),
        tuple(one.unit for one in triplets),
    )
