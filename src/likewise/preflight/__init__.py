"""What a person should know before a training starts: photos, captions, words, what learns, time, disk, memory."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from likewise.preflight.looking import look
    from likewise.preflight.report import Preflight, Row

__all__ = ["Preflight", "Row", "look"]

_HOME = {"Preflight": "report", "Row": "report", "look": "looking"}


def __getattr__(name: str) -> object:
    """A public name, its module imported when first asked for."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
