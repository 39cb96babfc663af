"""DreamBooth: teach a model one subject from a few photos, keeping what it knows of the class (arXiv:2208.12242)."""

from typing import TYPE_CHECKING

from likewise import lazy
from likewise.dreambooth.config import Config

if TYPE_CHECKING:
    from likewise.dreambooth.data import prepare
    from likewise.dreambooth.draw import Data

__all__ = ["Config", "Data", "prepare"]  # and likewise.dreambooth.learn.learn, in the module of its name

lazy.public(__name__, Data="draw", prepare="data")
