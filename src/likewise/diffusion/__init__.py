"""Latent diffusion models behind one interface: load("toybox") or a folder in diffusers layout."""

from typing import TYPE_CHECKING

from likewise import lazy
from likewise.diffusion.loading import load

if TYPE_CHECKING:
    from likewise.diffusion.backbone import Backbone, Facts, Moments, Text

__all__ = ["Backbone", "Facts", "Moments", "Text", "load"]

lazy.public(__name__, Backbone="backbone", Facts="backbone", Moments="backbone", Text="backbone")
