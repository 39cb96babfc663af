"""What every error and warning is, and the nearest name for 'did you mean'."""

from collections.abc import Iterable
from difflib import get_close_matches


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name most like `name`, for "did you mean", or None when nothing is close."""
    matches = get_close_matches(name, list(known), n=1, cutoff=0.6)
    return matches[0] if matches else None


class LikewiseError(Exception):
    """A mistake that a user can mend; its message says how. Commands print it and exit with exit_code."""

    exit_code = 1


class LikewiseWarning(UserWarning):
    """Something was done otherwise than asked, or had no effect; the message says what to do."""
