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
