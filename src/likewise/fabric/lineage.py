"""The rounds that led here on one sheet: a row a round, and what was said of each picture."""

from collections.abc import Mapping

from PIL import Image

from likewise import images
from likewise.fabric.history import History, Vote
from likewise.fabric.shelf import Shelf

BLANK = (252, 252, 250)


def sheet(shelf: Shelf, history: History) -> Image.Image:
    """All rounds of the path, oldest first, then the pictures from outside that have a vote."""
    rounds, votes = history.rounds(), history.votes()
    assert rounds, "a sheet needs a round"
    columns = max(len(one.pictures) for one in rounds)
    cells: list[tuple[Image.Image, str]] = []
    for one in rounds:
        row = [(images.read(shelf.path(drawn.id)), _label(drawn.id, votes)) for drawn in one.pictures]
        cells += _filled(row, columns)
    outside = [(images.read(shelf.path(what)), _label(what[:12], {what[:12]: votes[what]})) for what in votes if
               what.startswith("file-")]  # fmt: skip
    for start in range(0, len(outside), columns):
        cells += _filled(outside[start : start + columns], columns)
    largest = max(max(picture.size) for picture, _ in cells[: columns * len(rounds)])
    return images.sheet(
        [picture for picture, _ in cells],
        [label for _, label in cells],
        columns,
        title=f"{rounds[-1].prompt} · rounds {' > '.join(str(one.round) for one in rounds)}",
        cell=(max(largest, 96), max(largest, 96)),
    )


def _filled(row: list[tuple[Image.Image, str]], columns: int) -> list[tuple[Image.Image, str]]:
    """The row with paper in the places that are empty."""
    return row + [(Image.new("RGB", (8, 8), BLANK), "")] * (columns - len(row))


def _label(what: str, votes: Mapping[str, Vote]) -> str:
    vote = votes.get(what)
    return f"{what} {said(vote)}" if vote else what


def said(vote: Vote) -> str:
    """A vote in words: liked, disliked x 0.5."""
    word = {1: "liked", -1: "disliked", 0: "taken back"}[vote.sign]
    return word if vote.weight == 1 or not vote.sign else f"{word} x {vote.weight:g}"
