"""References and sessions of rounds that cannot be used."""

from collections.abc import Iterable

from likewise.errors.root import LikewiseError, LikewiseWarning, nearest


class NotAPictureError(LikewiseError):
    """Something given as a liked or disliked picture that is none."""

    def __init__(self, found: object) -> None:
        super().__init__(
            f"A {type(found).__name__} was given as a liked or disliked picture, and is none.\n"
            "Give the path of a picture file, a PIL image, or a picture that was drawn before."
        )


class NoSelfAttentionError(LikewiseError):
    """A model whose U-Net has no self-attention, through which references would act."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"{name} has no self-attention in its U-Net, and likes and dislikes act through nothing else.\n"
            "Use a model with transformer blocks, such as toybox, SD 1.x, SD 2.x or SDXL."
        )


class AttentionTakenError(LikewiseError):
    """Attention layers that another method computes already."""

    def __init__(self, site: str, processor: str) -> None:
        super().__init__(
            f"The layer {site} is computed by {processor}, and two methods cannot both feed references to one layer.\n"
            "Take the other one off first (for example: unet.set_default_attn_processor())."
        )


class NoEffectError(LikewiseError):
    """References that reach the network and change nothing."""

    def __init__(self, changed: float) -> None:
        super().__init__(
            f"The liked and disliked pictures have no effect: no layer's output changed by more than {changed:.1g} of "
            "its size.\nTheir weights or the strength may be too small; otherwise this model or this version of "
            "diffusers does not let them through, which deserves a report."
        )


class DislikesIdleWarning(LikewiseWarning):
    """Dislikes where nothing subtracts them."""

    def __init__(self, count: int, guidance: float) -> None:
        super().__init__(
            f"{count} disliked picture(s) have no effect while guidance is {guidance:g}: they act on what guidance "
            "leads away from. Set guidance above 1."
        )


class NoVotesWarning(LikewiseWarning):
    """A further round with nothing liked or disliked."""

    def __init__(self) -> None:
        super().__init__(
            "Nothing is liked or disliked yet, so this round comes from the prompt alone. Vote first to steer it."
        )


class BurnoutWarning(LikewiseWarning):
    """A round whose colours or contrast left both the first round and the likes far behind."""

    def __init__(self, found: Iterable[str], times: float, likes: int, dislikes: int) -> None:
        super().__init__(
            f"This round glares: its {' and '.join(found)} is more than {times:g} times that of the first round and of "
            f"every liked picture, with {likes} liked and {dislikes} disliked pictures at work. Lower strength, "
            "dislike_strength or guidance, or take votes back."
        )


class SessionExistsError(LikewiseError):
    """A place for a new session that holds something."""

    def __init__(self, folder: object, is_session: bool) -> None:
        what, advice = ("a session already", "Go on with it: leave the prompt out, or open it in Python with ")
        if is_session:
            super().__init__(f"{folder} holds {what}.\n{advice}Session.open; or name another folder.")
        else:
            super().__init__(f"{folder} is not empty and holds no session. Name another folder.")


class ReplayFolderError(LikewiseError):
    """A place for replayed pictures that holds a session."""

    def __init__(self, folder: object) -> None:
        super().__init__(
            f"{folder} holds a session, whose pictures the replayed ones would overwrite; nothing was written.\n"
            "Name another folder for them."
        )


class SessionEncoderError(LikewiseError):
    """A session whose encoder cannot be opened by what is known of it."""

    def __init__(self, folder: object, name: str) -> None:
        super().__init__(
            f"The session {folder} is measured by the encoder {name!r}, which is not found here.\nGive it again: "
            "Session.open(folder, encoder=...) in Python, or --encoder NAME|DIR; none measures nothing."
        )


class IdleOptionWarning(LikewiseWarning):
    """Options of a session's beginning, given to one that goes on."""

    def __init__(self, folder: object, names: Iterable[str]) -> None:
        super().__init__(
            f"{' and '.join(names)} had no effect: the session {folder} goes on with what it began with. "
            "Begin another with a prompt and a new --session."
        )


class SessionMissingError(LikewiseError):
    """A folder without a session."""

    def __init__(self, folder: object) -> None:
        super().__init__(f"{folder} holds no session.\nBegin one: likewise steer 'a prompt' --session {folder}")


class SessionModelError(LikewiseError):
    """A session that another model, or another concept, drew; both are hashes."""

    def __init__(self, folder: object, what: str, needed: str, found: str) -> None:
        super().__init__(
            f"The session {folder} was drawn with another {what}: its hash was {needed[:12]}, and is {found[:12]} "
            "now.\nGive the one that it began with (--backbone, --concept), or begin a new session with this one."
        )


class UnknownResultError(LikewiseError):
    """A vote on a picture that the session does not have."""

    def __init__(self, found: object, known: Iterable[str]) -> None:
        known = list(known)
        close = nearest(str(found), known)
        hint = f"Did you mean {close}? " if close else ""
        have = f"there are {', '.join(known[-12:])}" if known else "no round has been drawn yet"
        super().__init__(
            f"There is no picture {found!r} in this session: {have}.\n{hint}Give the number of a picture of this "
            "round, such as 2, one of any round, such as 1-2, or a picture file."
        )


class UnknownRoundError(LikewiseError):
    """A round that the session does not have."""

    def __init__(self, found: object, known: Iterable[int]) -> None:
        rounds = ", ".join(map(str, known))
        super().__init__(f"There is no round {found!r} in this session. It has: {rounds or 'none yet'}.")


class NothingToUndoError(LikewiseError):
    """An undo at the very beginning."""

    def __init__(self) -> None:
        super().__init__("There is nothing to undo: this is the beginning of the session.")


class ChangedSessionError(LikewiseError):
    """A session that someone else went on with meanwhile."""

    def __init__(self, folder: object) -> None:
        super().__init__(
            f"The session {folder} was changed by another program since it was opened; nothing was written.\n"
            "Open it again, then repeat the last step."
        )


class SteeredPictureError(LikewiseError):
    """A picture that other pictures had a part in, to be drawn again from its file alone."""

    def __init__(self, path: object) -> None:
        super().__init__(
            f"{path} was drawn from other pictures, liked, disliked or begun from, which its file does not hold.\n"
            "Draw its session again: likewise steer --session DIR --replay OUT"
        )
