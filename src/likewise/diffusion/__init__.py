"""Latent diffusion models behind one interface: load("toybox") or a folder in diffusers layout."""

from typing import TYPE_CHECKING

from likewise.diffusion.loading import load

if TYPE_CHECKING:
    from likewise.diffusion.backbone import Backbone, Facts, Moments, Text

__all__ = ["Backbone", "Facts", "Moments", "Text", "load"]


def __getattr__(name: str) -> object:
    """Backbone and its parts, imported (with torch) when first asked for."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from likewise.diffusion import backbone

    return getattr(backbone, name)
