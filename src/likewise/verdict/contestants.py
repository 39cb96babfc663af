"""What can be compared: runs at their chosen checkpoint, single checkpoints, and LoRA files from anywhere."""

import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from likewise import checkpoint
from likewise.diffusion import lora_formats
from likewise.diffusion.backbone import Backbone
from likewise.errors import (
    BrokenFileError,
    LastCheckpointWarning,
    NoCheckpointsError,
    TriggerError,
    UnlikeRunsWarning,
    WrongBaseError,
)
from likewise.verdict import prompts as lists
from likewise.verdict import runs
from likewise.verdict.draw import Model, taught
from likewise.verdict.runs import Run

TRIGGER_KEYS = ("modelspec.trigger_phrase", "ss_tag", "trigger_word")  # of a LoRA file's header


@dataclass(frozen=True)
class Contestant:
    """One model of a comparison, ready to be drawn with."""

    label: str
    kind: str  # "run" or "lora"
    source: str
    step: int | None  # of its training, where that is known
    model: Model


@dataclass(frozen=True)
class Lora:
    """A LoRA file and the words that bring its subject up; None: those that its header names."""

    path: Path
    trigger: str | None = None


def of_runs(sources: Sequence[Path]) -> list[tuple[Run, Path]]:
    """Each run with the checkpoint to compare.

    A source is a run folder, of which the checkpoint that its verdict chose is taken, or one checkpoint of a run.
    Without a verdict it is the concept's checkpoint, and without that the last one, with a LastCheckpointWarning.
    """
    found = [_of_run(source) for source in sources]
    first = found[0][0] if found else None
    for run, _ in found:
        assert first is not None
        if run.base_hash != first.base_hash:
            raise WrongBaseError(run.name, (run.backbone, run.base_hash), (first.backbone, first.base_hash))
        if run.photos_hash != first.photos_hash:
            warnings.warn(UnlikeRunsWarning(run.folder, first.folder), stacklevel=3)
    return found


def _of_run(source: Path) -> tuple[Run, Path]:
    if source.parent.name == "checkpoints" and re.fullmatch(r"[0-9]{6,}", source.name):
        return runs.read(source.parent.parent), source
    run = runs.read(source)
    verdict, concept = run.folder / "verdict.json", run.folder / "concept" / "concept.json"
    step = _chosen(verdict, "step") or _chosen(concept, "provenance")
    place = checkpoint.numbered(run.folder / "checkpoints", step) if step else None
    if place is not None and place in checkpoint.checkpoints(run.folder / "checkpoints"):
        return run, place
    last = run.checkpoints(1)[-1]
    warnings.warn(LastCheckpointWarning(run.folder, int(last.name)), stacklevel=4)
    return run, last


def _chosen(path: Path, key: str) -> int | None:
    """The step that a file names."""
    if not path.is_file():
        return None
    saved = checkpoint.read_json(path)
    value = saved.get(key) if isinstance(saved, dict) else None
    value = value.get("step") if isinstance(value, dict) else value
    if not isinstance(value, int):
        raise BrokenFileError(path, "it does not say which checkpoint was chosen")
    return value


def contestants(
    backbone: Backbone, chosen: Sequence[tuple[Run, Path]], loras: Sequence[Lora], noun: str, prompts: Sequence[str]
) -> list[Contestant]:
    """All that take part, numbered from 1. NoCheckpointsError for a damaged checkpoint, TriggerError, LoraFileError."""
    found = [_from_run(backbone, run, place, prompts) for run, place in chosen]
    found += [_from_lora(backbone, one, noun, prompts) for one in loras]
    labels = _labels([one.label for one in found])
    numbered = enumerate(zip(found, labels, strict=True), start=1)
    return [replace(one, label=label, model=replace(one.model, step=n)) for n, (one, label) in numbered]


def _from_run(backbone: Backbone, run: Run, place: Path, prompts: Sequence[str]) -> Contestant:
    model = taught(backbone, run, place, prompts)
    if model is None:
        raise NoCheckpointsError(run.folder)
    return Contestant(run.folder.resolve().name, "run", str(run.folder), int(place.name), model)


def _from_lora(backbone: Backbone, lora: Lora, noun: str, prompts: Sequence[str]) -> Contestant:
    file = lora_formats.read(lora.path)
    trigger = lora.trigger or next((file.metadata[key] for key in TRIGGER_KEYS if file.metadata.get(key)), None)
    if not trigger or not trigger.split():
        raise TriggerError(lora.path)
    words = " ".join(trigger.split())
    words = words if re.search(rf"\b{re.escape(noun)}\b", words, re.IGNORECASE) else f"{words} {noun}"
    article = re.match(r"(a|an|the|my) ", words, re.IGNORECASE)
    template = f"{article[1] if article else 'a'} {{identifier}}"
    said = words[article.end() :] if article else words
    asked = [lists.fill(prompt, template, noun, said) for prompt in prompts]
    scope = partial(_worn, backbone, lora.path)
    path = lora.path.resolve()
    label = path.stem if path.name != lora_formats.FILE else path.parent.name
    return Contestant(label, "lora", str(lora.path), None, Model(0, asked, f"a {noun}", scope))


@contextmanager
def _worn(backbone: Backbone, path: Path) -> Iterator[None]:
    loras, _ = lora_formats.load_into(backbone, path)
    try:
        yield
    finally:
        for one in loras:
            one.remove()


def _labels(names: Sequence[str]) -> list[str]:
    """Names that differ: the second "a" is "a (2)"."""
    seen: dict[str, int] = {}
    unlike = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        unlike.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return unlike
