"""`likewise verdict`: which checkpoint of a run to keep and why, or which of several models."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from likewise import registry
from likewise.cli.command import Answer, Command
from likewise.errors import NothingToCompareError, TriggerCountError


def verdict(
    runs: Annotated[
        list[Path] | None,
        typer.Argument(metavar="RUN...", help="A run that teach wrote; several, or their checkpoints, are compared."),
    ] = None,
    lora: Annotated[
        list[Path] | None, typer.Option(metavar="FILE", help="Compare with a LoRA file from anywhere; may be repeated.")
    ] = None,
    trigger: Annotated[
        list[str] | None, typer.Option(metavar="WORDS", help="What brings its subject up, such as 'sks dog'.")
    ] = None,
    backbone: Annotated[
        str | None, typer.Option(metavar="NAME|DIR|HUB_ID", help="The run's base model, if it lies elsewhere now.")
    ] = None,
    photos: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Measure likeness on these photos, held out from training.")
    ] = None,
    noun: Annotated[str | None, typer.Option(help="What the subject is, where no run says so.")] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where a comparison goes; else into the first run.")
    ] = None,
    *,
    settings: Mapping[str, Any],
) -> Answer:
    """Judge every checkpoint of a run and choose the one to keep.

    Several runs, checkpoints or LoRA files are compared on the same prompts and seeds.
    """
    from likewise import imageset
    from likewise.verdict import compare
    from likewise.verdict import verdict as judge

    given, files = runs or [], _paired(lora or [], trigger or [])
    others = imageset.load(photos, captions=False).images() if photos else None
    if len(given) == 1 and not files:
        found = judge(given[0], backbone=backbone, photos=others, **settings)
    elif given or files:
        found = compare(given, files, out=out, backbone=backbone, photos=others, noun=noun, **settings)
    else:
        raise NothingToCompareError(0, "Name a run to judge, or several to compare.")
    return Answer(found.as_json(), [*found.sentences, f"Report: {found.report}"])


def _paired(files: list[Path], triggers: list[str]) -> list[tuple[Path, str | None]]:
    """Each LoRA file with its trigger; one trigger is for all, and none leaves them to the files."""
    if len(triggers) not in (0, 1, len(files)) or (triggers and not files):
        raise TriggerCountError(len(triggers), len(files))
    known: list[str | None] = [*triggers] if len(triggers) == len(files) else [*(triggers or [None])] * len(files)
    return list(zip(files, known, strict=True))


COMMANDS = {"verdict": Command(verdict, lambda known: registry.resolve(registry.VERDICT), measured=True)}
