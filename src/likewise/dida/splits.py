"""Snapshots in the order of time: first those to learn from, then those to choose by, then those to be judged on."""

from dataclasses import dataclass

from likewise.errors import TooFewSnapshotsError


@dataclass(frozen=True)
class Split:
    """Which times t are scored for what; the embedding of t, made of snapshots up to t, is asked for links of t + 1."""

    train: range
    val: range
    test: range

    @property
    def window(self) -> int:
        """How many snapshots training may look at to make its embeddings: those up to the last one of train."""
        return self.train.stop


def split(snapshots: int, val: int, test: int) -> Split:
    """The split of T snapshots: test and val of them are scored last, the others in training.

    COLLAB's 16 snapshots with val 1 and test 5 give 9, 1 and 5 scored times. Raises TooFewSnapshotsError.
    """
    train = snapshots - val - test - 1
    if train < 1:
        why = f"one to look at, one to learn from, {val} for validation and {test} for test"
        raise TooFewSnapshotsError(snapshots, val + test + 2, why)
    return Split(range(train), range(train, train + val), range(train + val, snapshots - 1))
