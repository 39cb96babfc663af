"""DIDA: forecast an evolving graph when the world shifts (Zhang et al., NeurIPS 2022)."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from likewise.dida.config import Config
    from likewise.dida.edgebank import EdgeBank
    from likewise.dida.forecaster import DIDA
    from likewise.dida.graph import Graph, build
    from likewise.dida.learn import learn
    from likewise.dida.reading import read
    from likewise.dida.snapshots import cut

__all__ = ["DIDA", "Config", "EdgeBank", "Graph", "build", "cut", "learn", "read"]

_HOME = {
    "DIDA": "forecaster",
    "Config": "config",
    "EdgeBank": "edgebank",
    "Graph": "graph",
    "build": "graph",
    "cut": "snapshots",
    "learn": "learn",
    "read": "reading",
}


def __getattr__(name: str) -> object:
    """A public name, its module imported when first asked for."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
