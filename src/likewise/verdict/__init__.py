"""The verdict on a run: which checkpoint to keep, measured on pictures and said in plain words."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from likewise.verdict.comparing import Comparison, compare
    from likewise.verdict.config import Config
    from likewise.verdict.judging import Verdict, verdict

__all__ = ["Comparison", "Config", "Verdict", "compare", "verdict"]

_HOME = {
    "Comparison": "comparing",
    "Config": "config",
    "Verdict": "judging",
    "compare": "comparing",
    "verdict": "judging",
}


def __getattr__(name: str) -> object:
    """A public name, its module imported (most need torch) when first asked for."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
