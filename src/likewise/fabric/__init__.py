"""FABRIC (arXiv:2307.10159): steer a diffusion model by what you like, round after round, with no training.

    session = Session.begin("my-session", "a toy robot", backbone=likewise.load())
    session.next()
    session.like(2)
    session.next()

Importing this package loads no torch.
"""

from typing import TYPE_CHECKING

from likewise import lazy

if TYPE_CHECKING:
    from likewise.fabric.config import Config as Config
    from likewise.fabric.drawing import draw as draw
    from likewise.fabric.features import Features as Features
    from likewise.fabric.generation import generate as generate
    from likewise.fabric.references import Reference as Reference
    from likewise.fabric.rounds import play as play
    from likewise.fabric.session import Session as Session

__all__ = ["Config", "Features", "Reference", "Session", "draw", "generate", "play"]

lazy.public(
    __name__,
    Config="config",
    Features="features",
    Reference="references",
    Session="session",
    draw="drawing",
    generate="generation",
    play="rounds",
)
