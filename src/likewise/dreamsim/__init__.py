"""DreamSim: how alike two pictures look, to people (Fu et al., arXiv:2306.09344)."""

from typing import TYPE_CHECKING

from likewise import lazy

if TYPE_CHECKING:
    from likewise.dreamsim.config import Config
    from likewise.dreamsim.loading import convert, load
    from likewise.dreamsim.metric import Metric
    from likewise.dreamsim.shim import dreamsim

__all__ = ["Config", "Metric", "convert", "dreamsim", "load"]

lazy.public(__name__, Config="config", Metric="metric", convert="loading", dreamsim="shim", load="loading")
