"""Textual Inversion: teach a frozen model one new word from a few photos (arXiv:2208.01618).

`optimise` is the part that other methods build on: several words, from several seeds, learned side by side.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from likewise.textual_inversion.config import Config

if TYPE_CHECKING:
    from likewise.textual_inversion.descent import optimise
    from likewise.textual_inversion.draw import Data
    from likewise.textual_inversion.rows import vectors
    from likewise.textual_inversion.starts import start

__all__ = ["Config", "Data", "optimise", "start", "vectors"]

_HOME = {"Data": "draw", "optimise": "descent", "start": "starts", "vectors": "rows"}


def __getattr__(name: str) -> object:
    """A public name, its module imported when first asked for: settings must not wait for torch."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
