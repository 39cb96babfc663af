"""Every mistake a user can make, each with its own sentence: what was found, what is needed, what to do.

LikewiseError
└── (one class a situation, below)
LikewiseWarning
└── (one class for each thing done otherwise than asked)
"""


class LikewiseError(Exception):
    """A mistake that a user can mend; its message says how. Commands print it and exit with 1."""


class LikewiseWarning(UserWarning):
    """Something was done otherwise than asked, or had no effect; the message says what to do."""
