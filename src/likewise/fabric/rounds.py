"""Rounds without a person: a scorer votes, and others that did not vote are asked as well (arXiv:2307.10159).

Both experiments of the paper are this: the scorer is likeness to a hidden picture, or how well a picture fits a text.
After each round the best picture is liked and the worst disliked; nothing is forgotten but what `newest` leaves out.
"""

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from PIL.Image import Image

from likewise import images
from likewise.encoders.encoder import Encoder, TextEncoder, embed, embed_texts
from likewise.errors import NoVotesWarning
from likewise.fabric.history import Round
from likewise.fabric.session import Session
from likewise.metrics.neighbours import cosine

Scorer = Callable[[Sequence[Image]], np.ndarray]  # pictures to (N,), the larger the better


@dataclass(frozen=True)
class Scored:
    """A round and what its scorer said of each picture (N,); others: by name, what those that do not vote said."""

    round: Round
    scores: np.ndarray
    others: dict[str, np.ndarray] = field(default_factory=dict)


def like_picture(encoder: Encoder, target: Image) -> Scorer:
    """Cosine to a picture."""
    wanted = embed(encoder, [target])
    return lambda pictures: cosine(embed(encoder, pictures), wanted)[:, 0]


def like_text(encoder: TextEncoder, text: str) -> Scorer:
    """Cosine to a text, by an encoder that reads both."""
    wanted = embed_texts(encoder, [text])
    return lambda pictures: cosine(embed(encoder, pictures), wanted)[:, 0]


def play(
    session: Session,
    scorer: Scorer,
    rounds: int,
    *,
    likes: bool = True,
    dislikes: bool = True,
    others: dict[str, Scorer] | None = None,
    **changes: Any,
) -> Iterator[Scored]:
    """Yield the round where the session stands, drawn if there is none, and those after it: `rounds` in all.

    Before each further round the best picture of the last is liked and the worst disliked, where asked; of equals the
    first. A round of one picture is liked alone. changes: settings of the further rounds.
    Stop whenever: votes are in the session, and it can be gone on with.
    """
    for number in range(rounds):
        if number or session.round is None:
            with warnings.catch_warnings():
                if not likes and not dislikes:  # asked for, as what the others are compared with
                    warnings.simplefilter("ignore", NoVotesWarning)
                session.next(**changes)
        assert session.round is not None
        names, pictures = list(session.pictures), [images.read(path) for path in session.pictures.values()]
        scores = np.asarray(scorer(pictures))
        yield Scored(session.round, scores, {name: np.asarray(one(pictures)) for name, one in (others or {}).items()})
        if number + 1 == rounds:
            return
        best, worst = int(scores.argmax()), int(scores.argmin())
        if likes:
            session.like(names[best])
        if dislikes and worst != best:
            session.dislike(names[worst])
