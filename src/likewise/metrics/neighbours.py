"""Which rows are nearest by cosine, and the rule that rows of two encoders never meet."""

from dataclasses import dataclass

import numpy as np

from likewise.errors import MeasureError, MixedEncodersError


@dataclass(frozen=True, eq=False)
class Embedding:
    """Unit rows (N, D) float32 and the hash of the encoder that made them (its weights and its preprocessing)."""

    rows: np.ndarray
    encoder: str

    def __post_init__(self) -> None:
        """Refuses anything but a matrix."""
        if self.rows.ndim != 2:
            raise MeasureError("an embedding", f"an array {self.rows.shape}", "rows (N, D)")

    def __len__(self) -> int:
        """N, the number of rows."""
        return len(self.rows)

    def __getitem__(self, which: slice | np.ndarray | list[int]) -> "Embedding":
        """The chosen rows, still of the same encoder."""
        return Embedding(self.rows[which], self.encoder)


def unit(rows: np.ndarray) -> np.ndarray:
    """Each row (N, D) divided by its length; a row of zeros has no direction and stays zero."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(lengths == 0, 1, lengths)


def cosine(first: Embedding, second: Embedding) -> np.ndarray:
    """The cosine of every row of the first with every row of the second, (N, M) in [-1, 1]."""
    if first.encoder != second.encoder:
        raise MixedEncodersError(first.encoder, second.encoder)
    if first.rows.shape[1] != second.rows.shape[1]:
        raise MeasureError("a cosine", f"rows of {first.rows.shape[1]} and {second.rows.shape[1]}", "one width")
    dots = unit(first.rows.astype(np.float64)) @ unit(second.rows.astype(np.float64)).T
    return dots.clip(-1, 1)


def top_k(queries: Embedding, keys: Embedding, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Row numbers (N, k) of the k keys nearest to each query, nearest first, and their cosines (N, k).

    Equal cosines keep the order of the keys, so the answer never depends on the sort. k is cut to the keys there are.
    """
    similar = cosine(queries, keys)
    nearest = np.argsort(-similar, axis=1, kind="stable")[:, : max(0, k)]
    return nearest, np.take_along_axis(similar, nearest, axis=1)
