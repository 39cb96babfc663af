"""`likewise steer`: rounds of pictures, each drawn from what was liked and disliked before."""

import re
import sys
import warnings
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from likewise import registry
from likewise.cli.bar import bar
from likewise.cli.command import Answer, Command, rows

if TYPE_CHECKING:
    from likewise.fabric import Session

PLACE = Path("sessions")
HELP = """\
  1 3       like pictures 1 and 3        -2       dislike picture 2       4=5 2=1  rate from 1 to 5
  1-2       like picture 2 of round 1    a.png    like a file             -a.png   dislike one
  u         undo the last vote or round  b 1      back to round 1         p WORDS  another prompt
  (empty)   draw the next round          ?        this help               q        stop; it can go on later"""
BEGUN = ("seed", "target")  # what a session begins with, and keeps
STEPS = {"u": "undo", "b": "branch", "p": "prompt"}


def steer(
    prompt: Annotated[str | None, typer.Argument(metavar="[PROMPT]", help="What to draw; <name> draws a concept.")] = (
        None
    ),
    session: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Where the session is kept; one that is there goes on. Else sessions/NNNN."),
    ] = None,
    like: Annotated[
        list[str] | None, typer.Option(metavar="PICTURE", help="Like 2, 1-2 (of round 1) or a file, then draw.")
    ] = None,
    dislike: Annotated[list[str] | None, typer.Option(metavar="PICTURE", help="Dislike one, then draw.")] = None,
    rate: Annotated[
        list[str] | None, typer.Option(metavar="PICTURE=STARS", help="Rate one from 1 to 5, then draw.")
    ] = None,
    undo: Annotated[bool, typer.Option("--undo", help="Take back the last vote or round, and stop.")] = False,
    branch: Annotated[int | None, typer.Option(min=1, help="Go back to this round before anything else.")] = None,
    replay: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Draw all rounds again into DIR, compare, and stop.")
    ] = None,
    show: Annotated[bool, typer.Option("--show", help="Say where the session stands, and stop.")] = False,
    ask: Annotated[
        bool | None, typer.Option("--ask/--no-ask", help="Ask for votes round after round; by default at a terminal.")
    ] = None,
    backbone: Annotated[
        str | None, typer.Option(metavar="NAME|DIR|HUB_ID", help="The base model, if it is not toybox.")
    ] = None,
    concept: Annotated[list[str] | None, typer.Option(metavar="NAME|DIR", help="A concept for every round.")] = None,
    encoder: Annotated[
        str | None, typer.Option(metavar="NAME|DIR", help="What measures likeness; none measures nothing.")
    ] = None,
    target: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A picture that the rounds are compared with.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the session's first picture.")] = 0,
    who: Annotated[str, typer.Option(help="Whose votes these are.")] = "me",
    device: Annotated[str | None, typer.Option(metavar="cpu|cuda|mps", help="Where to compute.")] = None,
    *,
    settings: Mapping[str, Any],
    given: Collection[str],
) -> Answer:
    """Draw rounds of pictures, each from what you liked before.

    Dislikes steer as well, and nothing is trained.
    """
    from likewise.errors import IdleOptionWarning

    _refuse_idle(given)
    opened = {"backbone": backbone, "encoder": encoder, "who": who, "device": device}
    found, fresh = _session(prompt, session, {**opened, "concepts": concept, "target": target, "seed": seed}, settings)
    idle = [f"--{name}" for name in BEGUN if name in given and not fresh]
    if idle:
        warnings.warn(IdleOptionWarning(found.shelf.folder, idle), stacklevel=2)
    if branch is not None:
        found.branch(branch)
    if undo:
        found.undo()
        found.sheet()
    if replay is not None:
        return _replayed(found, replay)
    if undo or show:
        return _answer(found)
    _vote(found, like or [], dislike or [], rate or [])
    voted = {"like", "dislike", "rate", "branch"} & set(given)
    asking = (sys.stdin.isatty() and not voted) if ask is None else ask
    if voted or fresh or not asking or prompt is not None or settings or found.round is None:
        _draw(found, None if fresh else prompt, {} if fresh else settings)
    while asking and _asked(found):
        pass
    return _answer(found)


def _refuse_idle(given: Collection[str]) -> None:
    """A usage error for what would be lost beside a flag that stops before votes and rounds."""
    for stop in ("undo", "replay", "show"):
        lost = [name for name in ("prompt", "like", "dislike", "rate") if name in given]
        if stop in given and lost:
            names = " and ".join("PROMPT" if name == "prompt" else f"--{name}" for name in lost)
            raise typer.BadParameter(
                f"it stops before any vote or round, so {names} has no place", param_hint=f"--{stop}"
            )


def _session(
    prompt: str | None, folder: Path | None, how: Mapping[str, Any], settings: Mapping[str, Any]
) -> tuple["Session", bool]:
    """The session meant, and whether it is new: without a prompt the newest one, without a folder a new one."""
    from likewise.fabric import Session
    from likewise.fabric.shelf import Shelf

    chosen = {key: value for key, value in how.items() if value is not None}
    if folder is None and prompt is not None:
        return _begun(prompt, {**chosen, **settings}), True
    past = sorted(path.parent for path in PLACE.glob("*/session.json"))
    folder = folder or (past[-1] if past else _free())
    if prompt is not None and not Shelf(folder).taken:
        return Session.begin(folder, prompt, **chosen, **settings), True
    return Session.open(folder, **{key: value for key, value in chosen.items() if key not in BEGUN}), False


def _begun(prompt: str, how: Mapping[str, Any]) -> "Session":
    """A new session under the next number; another program may take that while this one loads its models."""
    from likewise.errors import SessionExistsError
    from likewise.fabric import Session

    while True:
        folder = _free()
        try:
            return Session.begin(folder, prompt, **how)
        except SessionExistsError:
            if _free() == folder:
                raise


def _free() -> Path:
    """The place whose number is one above all that are there."""
    numbers = [int(path.name) for path in PLACE.glob("*") if path.name.isdecimal()]
    return PLACE / f"{max(numbers, default=0) + 1:04d}"


def _vote(session: "Session", likes: Sequence[str], dislikes: Sequence[str], ratings: Sequence[str]) -> None:
    for what in likes:
        session.like(what)
    for what in dislikes:
        session.dislike(what)
    for rating in ratings:
        what, _, stars = rating.rpartition("=")
        if not what or not stars.isdecimal():
            raise typer.BadParameter(f"{rating!r} is not PICTURE=STARS, such as 2=5", param_hint="--rate")
        session.rate(what, int(stars))


def _draw(session: "Session", prompt: str | None = None, settings: Mapping[str, Any] | None = None) -> None:
    with bar("Drawing") as progress:
        session.next(prompt, progress=progress, **(settings or {}))


def _asked(session: "Session") -> bool:
    """Show the round, read one line and do it; False to stop."""
    from likewise.errors import LikewiseError

    for line in _lines(session):
        typer.echo(line, err=True)
    typer.echo("Like, dislike, draw on? (? for help) ", nl=False, err=True)
    line = sys.stdin.readline()
    words = line.split()
    if not line or words[:1] == ["q"]:
        return False
    if words[:1] == ["?"]:
        typer.echo(HELP, err=True)
        return True
    try:
        _do(session, words)
    except LikewiseError as error:  # a slip at the keyboard does not end the session
        typer.echo(f"{error}", err=True)
    return True


def _do(session: "Session", words: Sequence[str]) -> None:
    command = STEPS.get(words[0]) if words else "draw"
    if command == "undo":
        session.undo()
    elif command == "branch" and len(words) == 2 and words[1].isdecimal():
        session.branch(int(words[1]))
    elif command == "prompt" and len(words) > 1:
        _draw(session, " ".join(words[1:]))
    elif command == "draw":
        _draw(session)
    else:
        for word in words:
            _word(session, word)
    session.sheet()


def _word(session: "Session", word: str) -> None:
    rated = re.fullmatch(r"(.+)=([0-9]+)", word)
    if rated:
        session.rate(rated[1], int(rated[2]))
    elif word.startswith("-"):
        session.dislike(word[1:])
    else:
        session.like(word.removeprefix("+"))


def _answer(session: "Session") -> Answer:
    now = session.round
    votes = [vote.model_dump(include={"what", "sign", "weight"}) for vote in session.history.votes().values()]
    data = {
        "session": str(session.shelf.folder),
        "prompt": session.prompt,
        "round": now.round if now else None,
        "rounds": [one.round for one in session.history.rounds()],
        "pictures": [{"id": name, "path": str(path)} for name, path in session.pictures.items()],
        "votes": votes,
        "metrics": now.metrics if now else {},
        "sheet": str(session.shelf.sheet) if now else None,
    }
    return Answer(data, _lines(session))


def _lines(session: "Session") -> list[str]:
    from likewise.fabric.lineage import said

    now, votes = session.round, session.history.votes()
    if now is None:
        return [f"{session.shelf.folder}: nothing is drawn yet"]
    came = " > ".join(str(one.round) for one in session.history.rounds())
    table = [(f"{number}", str(path), said(votes[name]) if name in votes else "")
             for number, (name, path) in enumerate(session.pictures.items(), start=1)]  # fmt: skip
    others = [f"{name} {said(vote)}" for name, vote in votes.items() if name not in session.pictures]
    part = f"{len(now.likes)} liked, {len(now.dislikes)} disliked had a part"
    lines = [f"{session.shelf.folder}: round {came}, {now.prompt!r} ({part})", *rows(table)]
    lines += [f"Earlier: {', '.join(others)}"] if others else []
    lines += [_metrics(now.metrics)] if now.metrics else []
    return [*lines, f"Sheet: {session.shelf.sheet}"]


def _metrics(metrics: Mapping[str, Any]) -> str:
    names = {"to_likes": "like the liked", "to_dislikes": "like the disliked", "to_target": "like the target"}
    names |= {"diversity": "diversity", "saturation": "saturation", "contrast": "contrast"}
    shown = [f"{word} {metrics[key]:.3f}" for key, word in names.items() if metrics.get(key) is not None]
    return f"Measured by {metrics.get('encoder', 'pixels alone')}: {', '.join(shown)}"


def _replayed(session: "Session", out: Path) -> Answer:
    with bar("Drawing again") as progress:
        found = session.replay(out, progress)
    different = [one.id for one in found if not one.same]
    data = {"session": str(session.shelf.folder), "pictures": len(found), "different": different, "folder": str(out)}
    line = f"{len(found) - len(different)} of {len(found)} pictures are the same, pixel for pixel"
    return Answer(
        data, [f"{line}; they are in {out}", *(f"  differs: {name}" for name in different)], int(bool(different))
    )


COMMANDS = {"steer": Command(steer, lambda known: registry.resolve(registry.FABRIC), measured=True)}
