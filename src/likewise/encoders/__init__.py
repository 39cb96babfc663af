"""Encoders of pictures and texts behind one interface: load("efficientnet-lite0"), load("toybox") or a folder."""

from typing import TYPE_CHECKING

from likewise.encoders.loading import load

if TYPE_CHECKING:
    from likewise.encoders.encoder import Encoder, TextEncoder, embed, embed_texts

__all__ = ["Encoder", "TextEncoder", "embed", "embed_texts", "load"]


def __getattr__(name: str) -> object:
    """The protocols and functions, imported (with NumPy) when first asked for."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from likewise.encoders import encoder

    return getattr(encoder, name)
