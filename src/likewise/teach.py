"""From a folder of photos to a word that prompts can use: prepare, train, judge, keep the best, install it."""

import math
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from likewise import agreeing, checkpoint, devices, imageset, registry, training, words
from likewise.concept import Concept, library
from likewise.concept.card import check_name
from likewise.diffusion.backbone import Backbone, Words
from likewise.errors import CaptionWarning, Interrupted, NameTakenError
from likewise.imageset import ImageSet
from likewise.imageset.photos import TEACHING_MINIMUM
from likewise.preflight import Preflight, cost, look
from likewise.tuning import budget, plan, preview
from likewise.tuning.cache import cache_folder
from likewise.tuning.going_on import command_of
from likewise.tuning.going_on import name_of as name_of
from likewise.tuning.lesson import Lesson
from likewise.tuning.plan import Plan

if TYPE_CHECKING:
    from likewise.verdict.early import Watch

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
    strict: bool = False,
    stop_early: bool = False,
    vram: int | None = None,
    device: str | None = None,
    quiet: bool = False,
    **options: Any,
) -> Taught:
    """Teach a model the subject of a folder of photos; prompts then call it <name>.

    noun: the kind of thing, such as "dog". name: the folder's by default. out: the run folder, new unless `resume`, by
    default runs/NAME. verdict: judge the checkpoints and keep the best one, otherwise the last. install: put the
    concept into the library too, where its name must be free. strict: begin only if `preflight` warns of nothing.
    stop_early: score a few pictures at every checkpoint, and end once they no longer get better. vram: 8, 12, 16 or 24
    GiB on the device; settings are chosen that keep within them, or it is refused, before the model is loaded. quiet:
    say and show nothing on stderr. options: the method's settings, such as train="full" or steps=500. Everything is
    checked before anything is written; a run that is stopped at any moment goes on with resume=True and ends in the
    same bytes.

    Raises a LikewiseError: among others TooFewImagesError, NounError, RunExistsError, NameTakenError,
    PreflightError, ResumeMismatchError, Interrupted.
    """
    how = {"method": method, "backbone": backbone, "name": name, "seed": seed, "out": out, "resume": resume}
    more = {
        "verdict": verdict,
        "install": install,
        "device": device,
        "quiet": quiet,
        "stop_early": stop_early,
        "vram": vram,
        **options,
    }
    job = _job(photos, noun, **how, **more)
    return job.work(verdict, install, strict)


def preflight(photos: str | Path, noun: str, *, verdict: bool = True, **how: Any) -> Preflight:
    """What `teach` with the same arguments would learn from, what would learn, and what it would take; writes nothing.

    how: teach's other arguments. Raises what teach raises before it starts.
    """
    return _job(photos, noun, verdict=verdict, **how).look(verdict)


def _job(
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
    stop_early: bool = False,
    vram: int | None = None,
    **options: Any,
) -> "_Job":
    """The run that is asked for, agreed on with the one in its folder if that goes on."""
    registry.method(method)
    name = check_name(name) if name else None
    run = Path(out) if out is not None else Path("runs") / (name or name_of(photos))
    chosen = devices.choose(device)
    saved = agreeing.started(run) if resume else agreeing.free(run, (name or name_of(photos)) if install else None)
    pictures = imageset.load(photos, minimum=TEACHING_MINIMUM)
    kept = saved.config.precision if saved else "float32"
    model, options, memory = budget.opened(backbone, registry.config(method), options, vram, chosen, kept)
    facts = {
        "method": method,
        "name": name or (saved.name if saved else name_of(photos)),
        "noun": words.check_noun(model.tokenizers[0], noun),
        "seed": seed,
        "backbone": model.name if isinstance(backbone, Backbone) else str(backbone),
        "base_hash": model.hash,
        "photos_hash": pictures.hash,
    }
    agreed = agreeing.resumed(saved, facts, options, install) if saved else agreeing.planned(model, facts, options)
    asked = {"install": install, "verdict": verdict, "stop_early": stop_early, "vram": vram, "device": device}
    command = command_of(photos, run, facts, options, asked)
    told = str(memory) if memory else ""
    return _Job(run, Path(photos), agreed, pictures, model, chosen, quiet, command, stop_early, told)


@dataclass(frozen=True)
class _Job:
    """One run under way."""

    run: Path
    folder: Path  # where the photos came from
    plan: Plan
    photos: ImageSet
    backbone: Backbone
    device: devices.Device
    quiet: bool
    command: str
    stop_early: bool
    memory: str  # what it takes on the device; empty where it was not estimated

    @property
    def lesson(self) -> Lesson:
        """The method's stages."""
        return registry.lesson(self.plan.method)

    @cached_property
    def captions(self) -> tuple[Any, list[str]]:
        """What the photos are called, and which captions had to be changed."""
        return self.lesson.captions(self.plan, self.photos)

    def look(self, verdict: bool) -> Preflight:
        """What is known before it starts."""
        how = {"run": self.run, "cache": cache_folder(), "saves": CHECKPOINTS, "memory": self.memory}
        given = (self.folder, self.photos, self.backbone, self.plan, self.lesson, self.device, self.captions)
        return look(*given, **how, verdict=verdict)

    def work(self, verdict: bool, install: bool, strict: bool) -> Taught:
        """All stages; each can be stopped and gone on with."""
        texts, changed = self.captions
        if changed:
            warnings.warn(CaptionWarning(changed), stacklevel=3)
        seen = self.look(verdict)
        for line in [*seen.lines(), f"Run folder: {self.run}"]:
            self._say(line)
        if strict:
            seen.enforce()
        if not self.run.is_dir():
            plan.start(self.run, self.plan, self.photos, self.device)
        with self._stoppable():
            data = self.lesson.prepare(self.backbone, self.plan, self.photos, texts, cache_folder(), self.quiet)
            self._train(data)
            return self._finish(verdict, install)

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

    def _train(self, data: Any) -> None:
        config, lesson = self.plan.config, self.lesson
        state = training.resume_state(self.run, config)
        if not (self.run / "samples" / "000000.png").exists():
            self._show(0, lesson.start(self.backbone, self.plan))
        learn, every = registry.learn(self.plan.method), math.ceil(config.steps / CHECKPOINTS)
        watch = self._watch(every) if self.stop_early else None
        outcome = training.run(
            learn(self.backbone, data, config, self.plan.seed, resume=state, device=self.device),
            folder=self.run,
            total=config.steps,
            save_every=every,
            preview=lambda step: self._show(step.index, lesson.words(step.state().tensors)),
            preview_every=math.ceil(config.steps / PREVIEWS),
            stop=watch,
            quiet=self.quiet,
            config=config,
            resume_command=self.command,
        )
        cost.remember(self.run, self.plan, self.device, cache_folder())
        if outcome.reason != training.COMPLETED:
            self._say(f"Step {outcome.step} of {config.steps}: {outcome.reason}")

    def _watch(self, every: int) -> "Watch":
        """What ends the training once its pictures no longer get better."""
        from likewise.verdict.early import Watch

        newest = checkpoint.latest(self.run / "checkpoints")
        since = int(newest.name) if newest else 0
        last = self.plan.config.steps
        return Watch(self.backbone, self.run, self.lesson.words, every=every, last=last, since=since)

    def _show(self, step: int, words: Words) -> None:
        prompts = self.lesson.prompts(self.plan)
        preview.write(self.backbone, prompts, step, self.run / "samples", words, self.plan.pooling)

    def _finish(self, verdict: bool, install: bool) -> Taught:
        """Judge, write run/concept from the checkpoint that is kept, and install it under its name if that is asked."""
        kept, data = checkpoint.latest(self.run / "checkpoints"), None
        if self.stop_early and not verdict:
            from likewise.verdict.early import best

            scored = best(self.run)
            kept = kept if scored is None else checkpoint.numbered(self.run / "checkpoints", scored)
        if verdict:
            from likewise.verdict import verdict as judge

            found = judge(self.run, backbone=self.backbone, quiet=self.quiet)
            kept, data = checkpoint.numbered(self.run / "checkpoints", found.step), found.as_json()
        assert kept is not None, "a finished run has a checkpoint"
        concept = self.lesson.save(self.backbone, self.plan, kept, self.run / "concept", _scores(data))
        if install:
            _install(concept)
        return Taught(self.run, concept, data)


def _install(concept: Concept) -> None:
    shelf = library()
    if concept.name in shelf.names():
        if shelf.get(concept.name).card.provenance.get("plan") != concept.card.provenance["plan"]:
            raise NameTakenError(concept.name, concept.folder)
        shelf.delete(concept.name)  # an earlier end of this very run
    shelf.add(concept)


def _scores(verdict: Mapping[str, Any] | None) -> dict[str, Any]:
    """What the verdict measured of the checkpoint that it chose, without the single pictures."""
    if verdict is None:
        return {}
    row = next(row for row in verdict["checkpoints"] if row["step"] == verdict["step"])
    return {name: value for name, value in row.items() if name != "pictures"} | {"why": verdict["why"]}
