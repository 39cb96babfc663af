"""What every error and warning is, and the nearest name for 'did you mean'."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name most like `name`, for "did you mean", or None when nothing is close."""
    matches = get_close_matches(name, list(known), n=1, cutoff=0.6)
    return matches[0] if matches else None


class _Told(Exception):
    """Goes from one process to another as its message and what it holds, whatever it was made of."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Without this, pickle would hand the message to __init__, which wants what the message is made of."""
        return _again, (type(self), self.args), self.__dict__


def _again(kind: type[_Told], told: tuple[Any, ...]) -> _Told:
    return kind.__new__(kind, *told)


class LikewiseError(_Told):
    """A mistake that a user can mend; its message says how. Commands print it and exit with exit_code."""

    exit_code = 1


class LikewiseWarning(_Told, UserWarning):
    """Something was done otherwise than asked, or had no effect; the message says what to do."""
