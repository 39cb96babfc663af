"""Judgements of likeness: their files, and the rooms in which they are made."""

from collections.abc import Sequence

from likewise.errors.root import LikewiseError

SHOWN = 5  # problems of a file that are listed; the rest is counted


class JudgementFileError(LikewiseError):
    """A file of triplets, pairs or votes with lines that cannot be used, each with its number."""

    def __init__(self, path: object, problems: Sequence[str], needed: str) -> None:
        rows = [f"  {problem}" for problem in problems[:SHOWN]]
        more = [f"  and {len(problems) - SHOWN} more"] if len(problems) > SHOWN else []
        head = f"{path} has {len(problems)} line(s) that cannot be used:"
        super().__init__("\n".join([head, *rows, *more, f"Needed: {needed}."]))


class NoJudgementsError(LikewiseError):
    """A folder that holds no data of the kind asked for."""

    def __init__(self, folder: object, name: str, advice: str) -> None:
        super().__init__(f"{folder} holds no {name}.\n{advice}")


class RoomTakenError(LikewiseError):
    """A data folder whose judgements another process is writing."""

    def __init__(self, folder: object) -> None:
        super().__init__(
            f"Judgements of {folder} are being collected by another program already.\n"
            "Several people can use the same page at once: open its address in their browsers. Or stop it first."
        )


class JudgementError(LikewiseError):
    """A judgement, or a name, that a room cannot take."""

    def __init__(self, found: str, needed: str) -> None:
        super().__init__(f"Found {found}; needed: {needed}.")


class NameKnownError(LikewiseError):
    """Somebody new under the name of somebody who has judged before, in another browser."""

    def __init__(self, name: str) -> None:
        super().__init__(f"Somebody called {name} has judged here before. Go on as them, or take another name.")


class TooFewPicturesError(LikewiseError):
    """A data folder with too little in it to ask about."""

    def __init__(self, folder: object, found: str, needed: str) -> None:
        super().__init__(f"{folder} holds {found}; {needed}.")


class AddressError(LikewiseError):
    """An address that the page cannot be served from."""

    def __init__(self, host: str, port: int, problem: str) -> None:
        super().__init__(
            f"The page cannot be served from {host}, port {port}: {problem}.\n"
            "Name another port with --port (0 takes any that is free)."
        )
