"""Encoders of pictures and texts behind one interface: load("efficientnet-lite0"), load("toybox") or a folder."""

from typing import TYPE_CHECKING

from likewise import lazy
from likewise.encoders.loading import load

if TYPE_CHECKING:
    from likewise.encoders.encoder import Encoder, TextEncoder, embed, embed_texts

__all__ = ["Encoder", "TextEncoder", "embed", "embed_texts", "load"]

lazy.public(__name__, Encoder="encoder", TextEncoder="encoder", embed="encoder", embed_texts="encoder")
