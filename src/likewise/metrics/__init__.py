"""Measures of likeness, order and agreement, each with its uncertainty: small exact files on NumPy alone."""

from typing import TYPE_CHECKING

from likewise import lazy

if TYPE_CHECKING:
    from likewise.metrics.agreement import cohen_kappa, two_afc
    from likewise.metrics.frechet import frechet_distance
    from likewise.metrics.intervals import Interval, bootstrap, paired, wilson
    from likewise.metrics.neighbours import Embedding, cosine, top_k
    from likewise.metrics.ranking import auc, average_precision

__all__ = [
    "Embedding",
    "Interval",
    "auc",
    "average_precision",
    "bootstrap",
    "cohen_kappa",
    "cosine",
    "frechet_distance",
    "paired",
    "top_k",
    "two_afc",
    "wilson",
]

lazy.public(
    __name__,
    Embedding="neighbours",
    Interval="intervals",
    auc="ranking",
    average_precision="ranking",
    bootstrap="intervals",
    cohen_kappa="agreement",
    cosine="neighbours",
    frechet_distance="frechet",
    paired="intervals",
    top_k="neighbours",
    two_afc="agreement",
    wilson="intervals",
)
