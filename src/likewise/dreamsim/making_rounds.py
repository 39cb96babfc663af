"""The unanimous filter: a triplet is asked again only while all its votes agree, at most ten times.

Fu et al., "DreamSim" (arXiv:2306.09344), section 3: up to ten rounds; kept are triplets whose six or more votes are
all alike.
"""

from collections.abc import Iterable

from likewise.dreamsim.triplets import Triplet

MOST, LEAST = 10, 6  # votes asked at most, votes needed to be kept


def open_(left: int, right: int, most: int = MOST, *, unanimous: bool = True) -> bool:
    """Whether a triplet with so many votes for each side is to be asked again."""
    return left + right < most and not (unanimous and left and right)


def kept(triplets: Iterable[Triplet], least: int = LEAST) -> list[Triplet]:
    """The triplets whose votes all agree and are at least so many, in the given order."""
    return [triplet for triplet in triplets if triplet.unanimous and triplet.votes >= least]


def split_votes(triplets: Iterable[Triplet]) -> list[Triplet]:
    """The triplets that people did not agree on; they are no noise, and are told beside what is kept."""
    return [triplet for triplet in triplets if not triplet.unanimous]
