"""Prompts to pictures: imagine() draws them, from_png() draws one again from what its file says."""

from likewise.imagine.draw import imagine
from likewise.imagine.output import Picture
from likewise.imagine.repeat import from_png

__all__ = ["Picture", "from_png", "imagine"]
