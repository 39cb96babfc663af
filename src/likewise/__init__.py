"""Likewise: show it what you mean, tell it what you like, and it measures what looks alike.

The names below are the public API. They are loaded when first used, so `import likewise` needs no torch.
"""

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

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

_HOMES = {
    "Concept": "likewise.concept",
    "ImageSet": "likewise.imageset",
    "LikewiseError": "likewise.errors",
    "LikewiseWarning": "likewise.errors",
    "imagine": "likewise.imagine",
    "load": "likewise.diffusion",
    "teach": "likewise.teach",
    "verdict": "likewise.verdict",
}


class _Likewise(ModuleType):
    """`likewise.teach` is the function, though a module of that name exists and importing it would bind it here."""

    def __getattr__(self, name: str) -> Any:
        if name not in _HOMES:
            raise AttributeError(f"module 'likewise' has no attribute {name!r}")
        value = getattr(importlib.import_module(_HOMES[name]), name)
        super().__setattr__(name, value)
        return value

    def __setattr__(self, name: str, value: object) -> None:
        if not (name in _HOMES and isinstance(value, ModuleType)):
            super().__setattr__(name, value)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *__all__})


sys.modules[__name__].__class__ = _Likewise
