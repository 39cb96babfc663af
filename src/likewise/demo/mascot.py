"""The mascot that comes along: five photos to teach with, two kept back to check with, and the words for it."""

from importlib.resources import files
from pathlib import Path

from PIL import Image

from likewise import images

NAME, NOUN = "pip", "bird"
WHAT = "a penguin"  # for people only; the models have never seen one
PLACES = (  # none of them is in a photo
    "on the beach",
    "in the snow",
    "in the forest",
    "in the night sky",
    "in the city",
    "in the desert",
    "on the water",
    "in the mountains",
)


def photos() -> list[Path]:
    """The five to teach with."""
    return _pictures("photos")


def kept_back() -> list[Image.Image]:
    """Two more, which teaching never sees."""
    return [images.read(path) for path in _pictures("kept-back")]


def prompts(subject: str) -> list[str]:
    """The eight scenes: 'a <pip> on the beach'. A style besides would pull against the one that the photos show."""
    return [f"a {subject} {place}" for place in PLACES]


def _pictures(part: str) -> list[Path]:
    return sorted(Path(str(files("likewise.demo"))).joinpath("mascot", part).glob("*.png"))
