"""Rounds of pictures, steered by votes, in a folder that outlives the program.

All that counts is in the folder's log; a session that is opened again stands where it stood, whatever ended it.
"""

import secrets
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from likewise import checkpoint, disk, images
from likewise import settings as values
from likewise.concept import Concept
from likewise.concept.library import home
from likewise.diffusion.backbone import Backbone
from likewise.encoders import Encoder
from likewise.errors import NoVotesWarning, ReplayFolderError, SessionExistsError, UnknownResultError
from likewise.fabric import interactions, journal, lineage, strength
from likewise.fabric.config import Config
from likewise.fabric.drawing import Progress
from likewise.fabric.easel import Easel, lasting, open_encoder, open_model, used
from likewise.fabric.history import Branch, Cited, Drawn, History, Round, Undo, Vote, parse
from likewise.fabric.references import Reference, reference
from likewise.fabric.shelf import Card, Lent, Shelf
from likewise.imagine.output import Picture

SPAN = 1000  # seeds set aside for a round


@dataclass(frozen=True)
class Replayed:
    """A picture drawn again: whether its pixels are the same, and its file if it was written."""

    id: str
    same: bool
    path: Path | None = None


class Session:
    """Session.begin(folder, prompt) or Session.open(folder); then next(), like(2), dislike(3), next(), undo(), ..."""

    def __init__(
        self,
        folder: str | Path,
        *,
        backbone: str | Path | Backbone | None = None,
        concepts: Sequence[str | Path | Concept] | None = None,
        encoder: str | Path | Encoder | None = None,
        who: str = "me",
        log: str | Path | None = None,
        device: str | None = None,
    ) -> None:
        """See open."""
        self.shelf, self.who = Shelf(folder), who
        self.easel = Easel(self.shelf, backbone, concepts, encoder, device)
        self.card = self.easel.card
        self.log = Path(log) if log is not None else home() / interactions.NAME
        self._read()

    @classmethod
    def begin(
        cls,
        folder: str | Path,
        prompt: str,
        *,
        backbone: str | Path | Backbone = "toybox",
        concepts: Sequence[str | Path | Concept] = (),
        seed: int = 0,
        encoder: str | Path | Encoder = "efficientnet-lite0",
        target: Any = None,
        who: str = "me",
        log: str | Path | None = None,
        device: str | None = None,
        **settings: Any,
    ) -> "Session":
        """A new session in a new or empty folder. Nothing is drawn before next().

        concepts take part in every round. encoder: what measures likeness, "none" for nothing. target: a picture that
        the rounds are compared with. log: where votes of all sessions go, the library's interactions.csv by default.
        settings: see Config. Raises SessionExistsError, and what is wrong with a setting, model, concept or picture.
        """
        config, shelf = values.build(Config, settings), Shelf(folder)
        if shelf.taken or (shelf.folder.exists() and (not shelf.folder.is_dir() or any(shelf.folder.iterdir()))):
            raise SessionExistsError(folder, shelf.taken)
        model = open_model(backbone, device)
        found = [Concept.load(one) for one in concepts]
        sought = None if target is None else reference(target).image
        measuring = open_encoder(encoder, device)
        with shelf.claimed():  # not before all is loaded, so that a mistake leaves nothing
            card = Card(
                id=secrets.token_hex(8),
                prompt=prompt,
                seed=seed,
                backbone=lasting(backbone),
                backbone_hash=model.hash,
                concepts=[Lent(source=lasting(one.folder), name=one.name, hash=one.hash) for one in found],
                encoder=lasting(encoder),
                target=None if sought is None else shelf.keep(sought),
                settings=values.record(config),
            )
            checkpoint.write_json(shelf.card, card.model_dump())
        return cls(folder, backbone=model, concepts=found, encoder=measuring or "none", who=who, log=log, device=device)

    @classmethod
    def open(cls, folder: str | Path, **how: Any) -> "Session":
        """A session that was begun before: backbone, concepts, encoder, who, log and device as for begin.

        Its own model, concepts and encoder are taken unless they are given. Raises SessionMissingError, and
        BrokenFileError, which names the line that cannot be read.
        """
        return cls(folder, **how)

    @property
    def prompt(self) -> str:
        """What was drawn last."""
        rounds = self.history.rounds()
        return rounds[-1].prompt if rounds else self.card.prompt

    @property
    def config(self) -> Config:
        """The settings of the last round."""
        rounds = self.history.rounds()
        return values.build(Config, rounds[-1].settings if rounds else self.card.settings, str(self.shelf.folder))

    @property
    def round(self) -> Round | None:
        """The round where one stands."""
        return next(reversed(self.history.rounds()), None)

    @property
    def pictures(self) -> dict[str, Path]:
        """The pictures of this round, by name."""
        return {drawn.id: self.shelf.path(drawn.id) for drawn in self.round.pictures} if self.round else {}

    @property
    def likes(self) -> list[Vote]:
        """What is liked now, the newest last."""
        return list(self.history.side(1))

    @property
    def dislikes(self) -> list[Vote]:
        """What is disliked now, the newest last."""
        return list(self.history.side(-1))

    def like(self, what: Any, weight: float = 1.0) -> Vote:
        """Steer towards a picture: its number in this round, its name ("1-2"), a file, or a PIL picture.

        Raises UnknownResultError or ImageFileError, and then nothing is written.
        """
        return self._vote(what, 1, weight)

    def dislike(self, what: Any, weight: float = 1.0) -> Vote:
        """Steer away from a picture; see like."""
        return self._vote(what, -1, weight)

    def rate(self, what: Any, stars: int) -> Vote:
        """Rate a picture from 1 to 5: 5 is a like, 1 a dislike, 3 takes back what was said."""
        return self._vote(what, *strength.rated(stars), stars)

    def undo(self) -> Vote | Round:
        """Take back the last vote or round, and return it. NothingToUndoError at the beginning."""
        undone = self.history.path()[-1:]
        self._happened(Undo(when=journal.now(), who=self.who))
        if isinstance(undone[0], Vote):
            self._log()
        return undone[0]

    def branch(self, number: int) -> Round:
        """Go back to a round, of any branch, as it was when it was drawn; UnknownRoundError. Nothing is lost."""
        self._happened(Branch(round=number, when=journal.now(), who=self.who))
        assert self.round is not None
        return self.round

    def next(
        self, prompt: str | None = None, *, seed: int | None = None, progress: Progress | None = None, **changes: Any
    ) -> list[Picture]:
        """Draw a round from the votes that hold now, and keep it; prompt and settings stay unless they are changed.

        Its seeds follow from the session's seed and the number of rounds before it, so that neither undo nor branch
        leaves a trace in noise. Raises SessionModelError, ChangedSessionError and what draw raises; warns when nothing
        has been voted on though there was something to vote on.
        """
        config = values.build(Config, {**values.record(self.config), **changes})
        easel, depth = self.easel.ready(), len(self.history.rounds())
        likes, dislikes = ([self._cited(vote) for vote in side] for side in (self.likes, self.dislikes))
        likes, dislikes = strength.capped(likes, dislikes, config.newest)
        if depth and not likes and not dislikes:
            warnings.warn(NoVotesWarning(), stacklevel=2)
        plan = Round(
            when=journal.now(), who=self.who, round=1 + len(self.history.all_rounds()), depth=depth,
            prompt=self.prompt if prompt is None else prompt,
            seed=self.card.seed + SPAN * depth if seed is None else seed,
            settings=values.record(config), likes=likes, dislikes=dislikes, pictures=[],
        )  # fmt: skip
        made = easel.draw(plan, easel.concepts(), progress)
        found = plan.model_copy(update={
            "pictures": [Drawn(id=f"{plan.round}-{index}", seed=one.metadata["seed"], pixels=Reference(one.image).id)
                         for index, one in enumerate(made, start=1)],
            "concepts": used(made),
            "metrics": easel.measure(plan, [one.image for one in made], next(iter(self.history.rounds()), None)),
        })  # fmt: skip
        journal.check(self.shelf.events, self._size)
        with disk.new_folder(self.shelf.round(plan.round), replace=True) as folder:
            for index, one in enumerate(made, start=1):
                images.write_png(folder / f"{index}.png", one.image, one.metadata)
        self._happened(found)
        self.sheet()
        return [Picture(one.image, one.metadata, path) for one, path in zip(made, self.pictures.values(), strict=True)]

    def sheet(self, path: str | Path | None = None) -> Path | None:
        """Write the rounds that led here as one picture, by default sheet.png of the folder; None before the first."""
        if self.round is None:
            return None
        target = self.shelf.sheet if path is None else Path(path)
        images.write_png(target, lineage.sheet(self.shelf, self.history))
        return target

    def replay(self, out: str | Path | None = None, progress: Progress | None = None) -> list[Replayed]:
        """Draw every round again, undone ones and other branches too, from what the log says alone, and compare.

        out: a folder for the pictures, in the layout of the session's own. Raises ReplayFolderError if a session is
        there, SessionModelError if the model or a concept is not the same, BrokenFileError if a picture that was voted
        on has changed.
        """
        found, target = [], None if out is None else Shelf(out)
        if target is not None and target.taken:
            raise ReplayFolderError(target.folder)
        for one in self.history.all_rounds():
            made = self.easel.draw(one, self.easel.concepts_of(one), progress)
            for drawn, picture in zip(one.pictures, made, strict=True):
                path = None if target is None else target.path(drawn.id)
                if path is not None:
                    images.write_png(path, picture.image, picture.metadata)
                found.append(Replayed(drawn.id, Reference(picture.image).id == drawn.pixels, path))
        return found

    def _read(self) -> None:
        self._size = journal.size(self.shelf.events)
        self.history: History = parse(journal.read(self.shelf.events), self.shelf.events)
        if self.history.last_word is not None:  # a kill between the two logs leaves one word to add to the second
            uid = self._uid(self.history.last_word[0])
            if not interactions.knows(self.log, uid):
                self._log()

    def _happened(self, event: Vote | Round | Undo | Branch) -> None:
        """Write it down, then let it count."""
        self.history.check(event)
        line = {"event": event.event, **event.model_dump(mode="json", exclude_defaults=True)}
        self._size = journal.append(self.shelf.events, line, self._size)
        self.history.apply(event)

    def _vote(self, what: Any, sign: int, weight: float = 1.0, rating: int | None = None) -> Vote:
        name, source = self._named(what)
        said = {"what": name, "sign": sign, "weight": weight, "rating": rating, "source": source}
        vote = values.build(Vote, {**said, "who": self.who, "when": journal.now()}, "The vote")
        self._happened(vote)
        self._log()
        return vote

    def _named(self, what: Any) -> tuple[str, str | None]:
        """What a picture is called here, and the name of its file if it came from outside."""
        drawn = {one.id for past in self.history.all_rounds() for one in past.pictures}
        if isinstance(what, int):
            what = str(what)
        if isinstance(what, str) and what.isdecimal():
            here = f"{self.round.round if self.round else 0}-{int(what)}"
            if here not in drawn:
                raise UnknownResultError(what, self.pictures)
            return here, None
        if isinstance(what, str) and (what in drawn or what in self.history.votes()):
            return what, None
        if isinstance(what, str) and not Path(what).exists() and "." not in what:
            raise UnknownResultError(what, sorted(drawn))
        name = Path(what).name if isinstance(what, (str, Path)) else None
        return self.shelf.keep(reference(what).image), name

    def _cited(self, vote: Vote) -> Cited:
        found = self.shelf.reference(vote.what, vote.weight)
        return Cited(what=vote.what, id=found.id, weight=vote.weight)

    def _uid(self, line: int) -> str:
        return f"{self.card.id}:{line}"

    def _log(self) -> None:
        """Add the last word to the log of all votes: who, what, when, sign."""
        assert self.history.last_word is not None
        line, vote = self.history.last_word
        found = self.shelf.reference(vote.what, vote.weight)
        row = {"who": vote.who, "what": found.id, "when": vote.when, "sign": vote.sign, "weight": vote.weight}
        row |= {"session": self.card.id, "picture": vote.what, "prompt": self.prompt, "uid": self._uid(line)}
        interactions.add(self.log, row)
