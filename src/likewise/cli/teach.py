"""`likewise teach`: from a folder of photos to a word that prompts can use."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import BaseModel

from likewise import registry
from likewise.cli.command import Answer, Command
from likewise.errors import DraftModelMissingError, NounMissingError
from likewise.settings import VARIES

GUESSES = 3  # nouns suggested where none is given


def teach(
    photos: Annotated[Path, typer.Argument(metavar="PHOTOS", help="A folder of photos of one subject.")],
    noun: Annotated[
        str | None, typer.Option(help="What the subject is, in plain words, such as 'dog'; without it, guesses.")
    ] = None,
    method: Annotated[str, typer.Option(help="How to learn it; --help after it shows its settings.")] = "dreambooth",
    backbone: Annotated[
        str, typer.Option(metavar="NAME|DIR|HUB_ID", help="The base model: toybox, a diffusers folder or a hub id.")
    ] = "toybox",
    name: Annotated[str | None, typer.Option(help="The concept's name; without one, made from the folder's.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of every random choice: same seed, same weights.")] = 0,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The run folder: new, unless --resume; else runs/NAME.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in --out where it stopped.")] = False,
    verdict: Annotated[
        bool, typer.Option("--verdict/--no-verdict", help="Judge the checkpoints and keep the best, not the last.")
    ] = True,
    install: Annotated[
        bool, typer.Option("--install/--no-install", help="Put the concept into the library, or leave it in the run.")
    ] = True,
    stop_early: Annotated[
        bool, typer.Option("--stop-early", help="End once a few pictures at every checkpoint no longer get better.")
    ] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Do not start if the check before training warns.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Stop after that check; nothing is written.")] = False,
    vram: Annotated[
        int | None,
        typer.Option(metavar="8|12|16|24", help="GiB on the device: choose settings that fit in them, or refuse."),
    ] = None,
    device: Annotated[str | None, typer.Option(metavar="cpu|cuda|mps", help="Where to compute.")] = None,
    *,
    settings: Mapping[str, Any],
) -> Answer:
    """Learn the subject of a folder of photos as a word for prompts."""
    from likewise.teach import preflight
    from likewise.teach import teach as learn

    if noun is None:
        raise NounMissingError(_guesses(photos))
    how = {"method": method, "backbone": backbone, "name": name, "seed": seed, "device": device, "install": install}
    how |= {"out": out, "resume": resume, "verdict": verdict, "vram": vram}
    if dry_run:
        seen = preflight(photos, noun, **how, **settings)
        if strict:
            seen.enforce()
        return Answer(seen.as_json(), seen.lines())
    taught = learn(photos, noun, strict=strict, stop_early=stop_early, **how, **settings)
    word, found = taught.concept.placeholder, taught.verdict or {}
    data = {"run": str(taught.run), "concept": taught.concept.as_json(), "verdict": found or None}
    lines = [*found.get("why", ()), f"Report: {taught.run / 'report.html'}"] if found else []
    how = f'"{word} on the beach"' + ("" if install else f" --concept {taught.run}")
    return Answer(data, [f"Learned {word}: {taught.run}", *lines, f"Try: likewise imagine {how}"])


def _guesses(photos: Path) -> list[str]:
    """What the embedded draft model takes the photos for, likeliest first; nothing where it is not installed."""
    from likewise import imageset, magvlt
    from likewise.magvlt.nouns import suggest
    from likewise.toybox.concepts import WORLD

    pictures = imageset.load(photos, captions=False).images()
    try:
        drafter = magvlt.load()
    except DraftModelMissingError:
        return []
    known = {word for one in WORLD for word in (one.name, one.category) if " " not in word}
    return suggest(drafter, pictures, known)[:GUESSES]


def _defaults(known: Mapping[str, Any]) -> Mapping[str, Any]:
    """The method's defaults for Toybox; for another base model, which is not opened for this, that they vary."""
    by_family = registry.defaults(known["method"])
    if _family(known) == "toybox":
        return by_family.get(("toybox", registry.config(known["method"]).trained_part(known)), {})
    return {name: VARIES for row in by_family.values() for name in row}


def _in_force(known: Mapping[str, Any], given: Mapping[str, Any], defaults: Mapping[str, Any]) -> Mapping[str, Any]:
    """Leaves out what has no effect beside the rest, so that the file can be used without a warning."""
    config = registry.config(known["method"]).for_family(_family(known), given)
    return {name: value for name, value in config.in_force().items() if name in given or name in defaults}


def _family(known: Mapping[str, Any]) -> str:
    return "toybox" if known["backbone"] == "toybox" else "unknown"


def _config(known: Mapping[str, Any]) -> type[BaseModel]:
    return registry.config(known["method"])


COMMANDS = {"teach": Command(teach, _config, _defaults, _in_force, measured=True)}
