"""Contrastive learning: encoders from photos, with or without captions, and the graphs that explain them."""

from typing import TYPE_CHECKING

from likewise import lazy

if TYPE_CHECKING:
    from likewise.contrastive.config import Config
    from likewise.contrastive.measures import evaluate
    from likewise.contrastive.objectives import OBJECTIVES
    from likewise.contrastive.rules import RULES, guide
    from likewise.contrastive.run import fit

__all__ = ["OBJECTIVES", "RULES", "Config", "evaluate", "fit", "guide"]

lazy.public(
    __name__,
    OBJECTIVES="objectives",
    RULES="rules",
    Config="config",
    evaluate="measures",
    fit="run",
    guide="rules",
)
