"""DreamBooth: teach a model one subject from a few photos, keeping what it knows of the class (arXiv:2208.12242)."""

from importlib import import_module
from typing import TYPE_CHECKING

from likewise.dreambooth.config import Config

if TYPE_CHECKING:
    from likewise.dreambooth.data import prepare
    from likewise.dreambooth.draw import Data

__all__ = ["Config", "Data", "prepare"]  # and likewise.dreambooth.learn.learn, in the module of its name

_HOME = {"Data": "draw", "prepare": "data"}


def __getattr__(name: str) -> object:
    """A public name, its module imported when first asked for: settings must not wait for torch."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
