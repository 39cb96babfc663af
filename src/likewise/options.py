"""Turn loose options (flags, TOML, keyword arguments) into a method's frozen Config, or into a sentence a user can act on."""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from likewise.errors import BadOptionError, UnknownOptionError

Settings = TypeVar("Settings", bound=BaseModel)


def build(model: type[Settings], options: Mapping[str, object]) -> Settings:
    """`model(**options)`; an unknown name or a refused value becomes a LikewiseError that names it."""
    for name in options:
        if name not in model.model_fields:
            close = get_close_matches(name, model.model_fields, n=1, cutoff=0.5)
            raise UnknownOptionError(name, close[0] if close else None, list(model.model_fields))
    try:
        return model(**options)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"]) or model.__name__
        needed = first["msg"].removeprefix("Value error, ")
        raise BadOptionError(name, first["input"] if first["loc"] else None, needed) from error
