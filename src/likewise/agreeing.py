"""What a run is to be, agreed on before any work is done: a new plan, or the one of the run that goes on."""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from likewise import registry, settings
from likewise.concept import library
from likewise.diffusion.backbone import Backbone
from likewise.errors import FolderExistsError, NameTakenError, NothingToResumeError, RunExistsError
from likewise.tuning import plan
from likewise.tuning.lesson import Lesson
from likewise.tuning.plan import Plan


def free(run: Path, name: str | None) -> None:
    """Refuse a place, or a name for the library, that is taken, before any work is done."""
    if (run / "config.json").is_file():
        raise RunExistsError(run)
    if os.path.lexists(run):
        raise FolderExistsError(run)
    if name in library().names():
        raise NameTakenError(name)


def started(run: Path) -> Plan:
    """The plan of a run that is gone on with. NothingToResumeError."""
    if not run.is_dir():
        raise NothingToResumeError(run)
    return plan.read(run, registry.config)


def planned(backbone: Backbone, facts: Mapping[str, Any], options: Mapping[str, Any]) -> Plan:
    """A new run's plan: settings as the backbone asks for, and the identifier that was chosen."""
    config = registry.config(facts["method"]).for_backbone(backbone.facts, options)
    taken = [concept.identifier for concept in library().list() if concept.identifier]
    lesson: Lesson = registry.lesson(facts["method"])
    said = lesson.identify(backbone, config, facts["name"], facts["noun"], facts["seed"], taken)
    return Plan(**facts, identifier=said, config=config)


def resumed(saved: Plan, facts: Mapping[str, Any], options: Mapping[str, Any], install: bool) -> Plan:
    """The plan of the run in the folder, once it is clear that the same one is asked for."""
    model = registry.config(saved.method)  # settings of another method would hide that it is another
    config = settings.build(model, {**settings.record(saved.config), **options}, "teach")
    plan.compare(saved, replace(saved, **facts, config=config))
    taken = library().get(saved.name) if install and saved.name in library().names() else None
    if taken is not None and taken.card.provenance.get("plan") != saved.hash:
        raise NameTakenError(saved.name)
    return saved
