"""MAGVLT: one masked transformer that draws, describes and fills in (Kim et al., CVPR 2023)."""

from typing import TYPE_CHECKING

from likewise import lazy

if TYPE_CHECKING:
    from likewise.magvlt.config import Config, Drawing, Shape, Writing
    from likewise.magvlt.drafter import Drafter, load
    from likewise.magvlt.learn import learn
    from likewise.magvlt.model import Transformer

__all__ = ["Config", "Drafter", "Drawing", "Shape", "Transformer", "Writing", "learn", "load"]

lazy.public(
    __name__,
    Config="config",
    Drafter="drafter",
    Drawing="config",
    Shape="config",
    Transformer="model",
    Writing="config",
    learn="learn",
    load="drafter",
)
