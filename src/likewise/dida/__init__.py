"""DIDA: forecast an evolving graph when the world shifts (Zhang et al., NeurIPS 2022)."""

from typing import TYPE_CHECKING

from likewise import lazy

if TYPE_CHECKING:
    from likewise.dida.config import Config
    from likewise.dida.edgebank import EdgeBank
    from likewise.dida.forecaster import DIDA
    from likewise.dida.graph import Graph, build
    from likewise.dida.learn import learn
    from likewise.dida.reading import read
    from likewise.dida.snapshots import cut

__all__ = ["DIDA", "Config", "EdgeBank", "Graph", "build", "cut", "learn", "read"]

lazy.public(
    __name__,
    DIDA="forecaster",
    Config="config",
    EdgeBank="edgebank",
    Graph="graph",
    build="graph",
    cut="snapshots",
    learn="learn",
    read="reading",
)
