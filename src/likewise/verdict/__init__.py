"""The verdict on a run: which checkpoint to keep, measured on pictures and said in plain words."""

from typing import TYPE_CHECKING

from likewise import lazy

if TYPE_CHECKING:
    from likewise.verdict.comparing import Comparison, compare
    from likewise.verdict.config import Config
    from likewise.verdict.judging import Verdict, verdict

__all__ = ["Comparison", "Config", "Verdict", "compare", "verdict"]

lazy.public(
    __name__,
    Comparison="comparing",
    Config="config",
    Verdict="judging",
    compare="comparing",
    verdict="judging",
)
