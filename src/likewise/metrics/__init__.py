"""Measures of likeness, order and agreement, each with its uncertainty: small exact files on NumPy alone."""

from importlib import import_module
from typing import TYPE_CHECKING

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

_HOME = {
    **dict.fromkeys(("cohen_kappa", "two_afc"), "agreement"),
    "frechet_distance": "frechet",
    **dict.fromkeys(("Interval", "bootstrap", "paired", "wilson"), "intervals"),
    **dict.fromkeys(("Embedding", "cosine", "top_k"), "neighbours"),
    **dict.fromkeys(("auc", "average_precision"), "ranking"),
}


def __getattr__(name: str) -> object:
    """A public name, its module imported when first asked for."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
