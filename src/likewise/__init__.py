"""Likewise: show it what you mean, tell it what you like, and it measures what looks alike.

The names below are the public API. They are loaded when first used, so `import likewise` needs no torch.
"""

from typing import TYPE_CHECKING

from likewise import lazy

if TYPE_CHECKING:
    from likewise.concept import Concept as Concept
    from likewise.diffusion import load as load
    from likewise.errors import LikewiseError as LikewiseError
    from likewise.errors import LikewiseWarning as LikewiseWarning
    from likewise.imageset import ImageSet as ImageSet
    from likewise.imagine import imagine as imagine
    from likewise.teach import teach as teach
    from likewise.verdict import verdict as verdict

__version__ = "0.1.0"
__all__ = ["Concept", "ImageSet", "LikewiseError", "LikewiseWarning", "imagine", "load", "teach", "verdict"]

lazy.public(
    __name__,
    Concept="concept",
    ImageSet="imageset",
    LikewiseError="errors",
    LikewiseWarning="errors",
    imagine="imagine",
    load="diffusion",
    teach="teach",
    verdict="verdict",
)
