"""What a person should know before a training starts: photos, captions, words, what learns, time, disk, memory."""

from typing import TYPE_CHECKING

from likewise import lazy

if TYPE_CHECKING:
    from likewise.preflight.looking import look
    from likewise.preflight.report import Preflight, Row

__all__ = ["Preflight", "Row", "look"]

lazy.public(__name__, Preflight="report", Row="report", look="looking")
