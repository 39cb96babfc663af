"""Packages whose public names are imported when first asked for, so that `likewise --help` loads no torch."""

import importlib
import sys
from collections.abc import Mapping
from types import ModuleType
from typing import Any


class _Lazy(ModuleType):
    """A package that knows where its public names live.

    A name keeps its meaning though a module shares it (`likewise.teach` is the function): importing that module would
    otherwise bind it in the name's place.
    """

    def __getattr__(self, name: str) -> Any:
        homes: Mapping[str, str] = vars(self)["_homes"]
        if name not in homes:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        return getattr(importlib.import_module(homes[name]), name)

    def __setattr__(self, name: str, value: object) -> None:
        if not (name in vars(self)["_homes"] and isinstance(value, ModuleType)):
            super().__setattr__(name, value)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *vars(self)["_homes"]})


def public(package: str, **homes: str) -> None:
    """Make the imported module `package` find each name of `homes` in the module named beside it, when it is asked for.

    homes: name -> module, given from the package: Config="config" is likewise.dida.config in the package likewise.dida.
    """
    module = sys.modules[package]
    vars(module)["_homes"] = {name: f"{package}.{home}" for name, home in homes.items()}
    module.__class__ = _Lazy
