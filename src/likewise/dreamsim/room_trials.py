"""What one trial of a room shows, and the names that its items go by in the log."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, cast

Kind = Literal["question", "sentinel", "repeat", "practice"]


@dataclass(frozen=True)
class Trial:
    """One screen: of a triplet (reference, left, right), or of two interleaved pairs (A1, B1, A2, B2)."""

    kind: Kind | tuple[Kind, Kind]  # of a sequence, one a pair
    items: tuple[str | None, ...]  # names of the triplet or of both pairs; None for a sentinel
    pictures: tuple[str, ...]  # paths in the order shown
    swapped: tuple[bool, ...]  # whether the triplet's sides, or each pair's order, are exchanged
    answers: tuple[str | None, ...]  # what is right: "left", "right", "same", "different", or None where none is

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """One for the triplet, or one for each pair."""
        return (self.kind,) if isinstance(self.kind, str) else self.kind

    def record(self) -> dict[str, Any]:
        """As JSON values for the log."""
        return asdict(self)


def trial(record: Mapping[str, Any]) -> Trial:
    """The trial that a line of the log holds."""
    kind = record["kind"]
    return Trial(
        cast(Kind | tuple[Kind, Kind], kind if isinstance(kind, str) else tuple(kind)),
        tuple(record["items"]),
        tuple(record["pictures"]),
        tuple(record["swapped"]),
        tuple(record["answers"]),
    )


def item_name(pictures: Sequence[str]) -> str:
    """The name of a triplet or pair: a hash of its pictures' paths, so that the order of a file may change."""
    return hashlib.blake2b("\0".join(pictures).encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()
