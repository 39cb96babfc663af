"""From a folder of photos to a word that prompts can use: prepare, train, judge, keep the best, install it."""

import math
import os
import re
import shlex
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console

from likewise import checkpoint, devices, imageset, registry, settings, training, words
from likewise.concept import Concept, library
from likewise.concept.card import check_name
from likewise.diffusion import load
from likewise.diffusion.backbone import Backbone
from likewise.dreambooth import export, plan, preview, prior
from likewise.dreambooth.data import cache_folder, prepare
from likewise.dreambooth.draw import Data
from likewise.dreambooth.plan import Plan
from likewise.errors import (
    CaptionWarning,
    FolderExistsError,
    Interrupted,
    NameTakenError,
    NothingToResumeError,
    RunExistsError,
)
from likewise.imageset import ImageSet
from likewise.imageset.photos import TEACHING_MINIMUM
from likewise.progress import progress
from likewise.words.tokenizer import ids_of

CHECKPOINTS, PREVIEWS = 8, 4  # about how often a run saves and shows itself


@dataclass(frozen=True)
class Taught:
    """A finished run: its folder, its concept (in run/concept and in the library), the verdict's JSON or None."""

    run: Path
    concept: Concept
    verdict: dict[str, Any] | None = None


def teach(
    photos: str | Path,
    noun: str,
    *,
    method: str = "dreambooth",
    backbone: str | Path | Backbone = "toybox",
    name: str | None = None,
    seed: int = 0,
    out: str | Path | None = None,
    resume: bool = False,
    verdict: bool = True,
    install: bool = True,
    device: str | None = None,
    quiet: bool = False,
    **options: Any,
) -> Taught:
    """Teach a model the subject of a folder of photos; prompts then call it <name>.

    noun: the kind of thing, such as "dog". name: the folder's by default. out: the run folder, new unless `resume`, by
    default runs/NAME. verdict: judge the checkpoints and keep the best one, otherwise the last. install: put the
    concept into the library too, where its name must be free. quiet: say and show nothing on stderr. options: the
    method's settings, such as train="full" or steps=500. Everything is checked before anything is written; a run that
    is stopped at any moment goes on with resume=True and ends in the same bytes.

    Raises a LikewiseError: among others TooFewImagesError, NounError, RunExistsError, NameTakenError,
    ResumeMismatchError, Interrupted.
    """
    registry.method(method)
    name = check_name(name) if name else None
    run = Path(out) if out is not None else Path("runs") / (name or name_of(photos))
    chosen = devices.choose(device)
    saved = _started(run) if resume else _free(run, (name or name_of(photos)) if install else None)
    pictures = imageset.load(photos, minimum=TEACHING_MINIMUM)
    model = (backbone if isinstance(backbone, Backbone) else load(backbone)).to(chosen.kind)
    facts = {
        "method": method,
        "name": name or (saved.name if saved else name_of(photos)),
        "noun": words.check_noun(model.tokenizers[0], noun),
        "seed": seed,
        "backbone": model.name if isinstance(backbone, Backbone) else str(backbone),
        "base_hash": model.hash,
        "photos_hash": pictures.hash,
    }
    agreed = _resumed(saved, facts, options, install) if saved else _planned(model, facts, options)
    job = _Job(run, agreed, pictures, model, chosen, quiet, _command(photos, run, facts, options, install))
    return job.work(verdict, install)


def name_of(photos: str | Path) -> str:
    """A concept's name from the name of a folder."""
    plain = re.sub(r"[^a-z0-9_-]+", "-", Path(photos).resolve().name.lower())[:40].strip("-_")
    return check_name(plain or "subject")


def _free(run: Path, name: str | None) -> None:
    """Refuse a place, or a name for the library, that is taken, before any work is done."""
    if (run / "config.json").is_file():
        raise RunExistsError(run)
    if os.path.lexists(run):
        raise FolderExistsError(run)
    if name in library().names():
        raise NameTakenError(name)


def _started(run: Path) -> Plan:
    if not run.is_dir():
        raise NothingToResumeError(run)
    return plan.read(run)


def _planned(backbone: Backbone, facts: Mapping[str, Any], options: Mapping[str, Any]) -> Plan:
    config = registry.config(facts["method"]).for_backbone(backbone.facts, options)
    taken = [concept.identifier for concept in library().list() if concept.identifier]
    rare = plan.identifier(backbone, config, facts["noun"], facts["seed"], taken)
    return Plan(**facts, identifier=rare, config=config)


def _resumed(saved: Plan, facts: Mapping[str, Any], options: Mapping[str, Any], install: bool) -> Plan:
    """The plan of the run in the folder, once it is clear that the same one is asked for."""
    model = registry.config(facts["method"])
    config = settings.build(model, {**settings.record(saved.config), **options}, "teach")
    plan.compare(saved, replace(saved, **facts, config=config))
    taken = library().get(saved.name) if install and saved.name in library().names() else None
    if taken is not None and taken.card.provenance.get("plan") != saved.hash:
        raise NameTakenError(saved.name)
    return saved


def _command(photos: str | Path, run: Path, facts: Mapping[str, Any], options: Mapping[str, Any], install: bool) -> str:
    """The command line that goes on with this run."""
    parts = ["likewise", "teach", str(photos), "--noun", facts["noun"], "--out", str(run), "--resume"]
    defaults = {"method": "dreambooth", "backbone": "toybox", "seed": 0}
    for key, default in defaults.items():
        parts += [f"--{key}", str(facts[key])] if facts[key] != default else []
    parts += ["--name", facts["name"]] if facts["name"] != name_of(photos) else []
    parts += [] if install else ["--no-install"]
    for key, value in options.items():
        flag = key.replace("_", "-")
        parts += [f"--{flag}" if value else f"--no-{flag}"] if isinstance(value, bool) else [f"--{flag}", str(value)]
    return shlex.join(parts)


@dataclass(frozen=True)
class _Job:
    """One run under way."""

    run: Path
    plan: Plan
    photos: ImageSet
    backbone: Backbone
    device: devices.Device
    quiet: bool
    command: str

    def work(self, verdict: bool, install: bool) -> Taught:
        """All stages; each can be stopped and gone on with."""
        captions, changed = self.plan.captions(self.photos)
        if changed:
            warnings.warn(CaptionWarning(changed), stacklevel=3)
        for caption in {*captions, self.plan.class_prompt}:
            words.check_length(self.backbone.tokenizers[0], caption, self.backbone.facts.text_length)
        self._announce(captions)
        if not self.run.is_dir():
            plan.start(self.run, self.plan, self.photos, self.device)
        with self._stoppable():
            self._train(self._data(captions))
            return self._finish(verdict, install)

    def _announce(self, captions: tuple[str, ...]) -> None:
        config, subject = self.plan.config, self.plan.subject
        left_out = f", {len(self.photos.skipped)} files left out" if self.photos.skipped else ""
        ids = [ids_of(one, subject) for one in self.backbone.tokenizers]
        self._say(f"{len(self.photos)} photos{left_out}; the first is called {captions[0]!r}")
        self._say(f"<{self.plan.name}> is read as {subject!r}, tokens {', '.join(map(str, ids))}")
        what = f"LoRA of rank {config.rank}" if config.train == "lora" else "all weights of the U-Net"
        text = " and the text encoder" if config.train_text else ""
        self._say(f"{what}{text}: {config.steps} steps of {config.samples} photos at {config.lr:g}. {self.device.note}")
        self._say(f"Run folder: {self.run}")

    def _say(self, text: str) -> None:
        if not self.quiet:
            Console(stderr=True).print(text, markup=False, highlight=False, soft_wrap=True)

    @contextmanager
    def _stoppable(self) -> Iterator[None]:
        """Outside training, where training.run does it, say on Ctrl-C how to go on."""
        try:
            yield
        except KeyboardInterrupt:
            newest = checkpoint.latest(self.run / "checkpoints")
            raise Interrupted(int(newest.name) if newest else 0, self.run, self.command) from None

    def _data(self, captions: tuple[str, ...]) -> Data:
        """Everything encoded, class images made; all of it kept in the user's cache for the next run."""
        config, cache = self.plan.config, cache_folder()
        pictures: list[prior.ClassImage] = []
        if config.class_count:
            want = prior.wanted(self.backbone, config, self.plan.noun)
            folder = cache / "class-images" / want.fingerprint
            with progress(config.class_count, self.quiet) as bar:
                bar.say(f"Pictures of {want.prompt!r}")
                for made in prior.make(self.backbone, want, folder, config.class_count):
                    bar.show(made, {})
            pictures = prior.listed(folder, config.class_count)
        return prepare(
            self.backbone, self.photos.photos, captions, config, self.plan.noun, class_images=pictures, cache=cache
        )

    def _train(self, data: Data) -> None:
        config, samples = self.plan.config, self.run / "samples"
        state = training.resume_state(self.run, config)
        if not (samples / "000000.png").exists():
            preview.write(self.backbone, self.plan, 0, samples)
        learn = registry.learn(self.plan.method)

        def show(step: training.Step) -> None:
            preview.write(self.backbone, self.plan, step.index, samples)

        training.run(
            learn(self.backbone, data, config, self.plan.seed, resume=state, device=self.device),
            folder=self.run,
            total=config.steps,
            save_every=math.ceil(config.steps / CHECKPOINTS),
            preview=show,
            preview_every=math.ceil(config.steps / PREVIEWS),
            quiet=self.quiet,
            config=config,
            resume_command=self.command,
        )

    def _finish(self, verdict: bool, install: bool) -> Taught:
        """Judge, write run/concept from the checkpoint that is kept, and install it under its name if that is asked."""
        kept, data = checkpoint.latest(self.run / "checkpoints"), None
        if verdict:
            from likewise.verdict import verdict as judge

            found = judge(self.run, backbone=self.backbone, quiet=self.quiet)
            kept, data = checkpoint.numbered(self.run / "checkpoints", found.step), found.as_json()
        assert kept is not None, "a finished run has a checkpoint"
        concept = export.save(self.backbone, self.plan, kept, self.run / "concept", _scores(data))
        if install:
            _install(concept)
        return Taught(self.run, concept, data)


def _install(concept: Concept) -> None:
    shelf = library()
    if concept.name in shelf.names():  # an earlier end of this very run, see _resumed
        shelf.delete(concept.name)
    shelf.add(concept)


def _scores(verdict: Mapping[str, Any] | None) -> dict[str, Any]:
    """What the verdict measured of the checkpoint that it chose, without the single pictures."""
    if verdict is None:
        return {}
    row = next(row for row in verdict["checkpoints"] if row["step"] == verdict["step"])
    return {name: value for name, value in row.items() if name != "pictures"} | {"why": verdict["why"]}
