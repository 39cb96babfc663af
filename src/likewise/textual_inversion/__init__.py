"""Textual Inversion: teach a frozen model one new word from a few photos (arXiv:2208.01618).

`optimise` is the part that other methods build on: several words, from several seeds, learned side by side.
"""

from typing import TYPE_CHECKING

from likewise import lazy
from likewise.textual_inversion.config import Config

if TYPE_CHECKING:
    from likewise.textual_inversion.descent import optimise
    from likewise.textual_inversion.draw import Data
    from likewise.textual_inversion.narrow import narrow
    from likewise.textual_inversion.rows import vectors
    from likewise.textual_inversion.starts import start

__all__ = ["Config", "Data", "narrow", "optimise", "start", "vectors"]

lazy.public(__name__, Data="draw", narrow="narrow", optimise="descent", start="starts", vectors="rows")
