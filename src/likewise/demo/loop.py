"""Five photos become a word, the checkpoints are judged, and the word is drawn in eight new scenes."""

import os
import shlex
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image
from rich.console import Console

from likewise import checkpoint, devices, disk, encoders, images
from likewise.concept import Concept
from likewise.demo import mascot, page
from likewise.diffusion import load
from likewise.diffusion.backbone import Backbone
from likewise.encoders.encoder import embed
from likewise.errors import FolderExistsError, Interrupted, NothingToResumeError
from likewise.imagine import Picture, imagine
from likewise.metrics.intervals import Interval, bootstrap, paired
from likewise.metrics.neighbours import cosine
from likewise.progress import progress
from likewise.teach import Taught, teach

SENTENCES = 3  # of the verdict's reasons, on the terminal
STEPS = 20  # denoising steps a scene
LESSON = 400  # optimiser steps: fewer than teach takes, so that processors without bfloat16 end within ten minutes too


@dataclass(frozen=True)
class Demo:
    """A finished demo: its folder, what was taught, the scenes after teaching, and what was measured."""

    folder: Path
    taught: Taught
    scenes: list[Path]
    data: dict[str, Any]  # what demo.json holds

    @property
    def report(self) -> Path:
        """The page to look at."""
        return self.folder / "report.html"

    def lines(self) -> list[str]:
        """What a person is told at the end."""
        word, kept = self.taught.concept.placeholder, self.data["kept_back"]
        minutes = sum(self.data["seconds"].values()) / 60
        after, before = kept["after"]["value"], kept["before"]["value"]
        return [
            f"{word} was learned from five photos and drawn in {len(self.scenes)} new scenes in {minutes:.1f} minutes.",
            *self.data["why"][:SENTENCES],
            f"Likeness of the scenes to two photos it was never shown: {after:.2f}; before teaching, {before:.2f}.",
            f"Pictures: {self.folder / 'pictures' / 'sheet.png'}",
            f"Report: {self.report}",
            f'Try: likewise imagine "a {word} in a room" --concept {shlex.quote(str(self.taught.run))}',
        ]


def run(
    out: str | Path = "likewise-demo",
    *,
    seed: int = 0,
    backbone: str | Path | Backbone = "toybox",
    resume: bool = False,
    device: str | None = None,
    quiet: bool = False,
    **options: Any,
) -> Demo:
    """Teach the bundled mascot, judge the checkpoints, draw it in eight new scenes, and write report.html into `out`.

    The concept stays in out/run/concept and out of the library, so a demo can be run again beside any other. out: new,
    unless `resume`, with which a demo that was stopped goes on. options: settings of teach. quiet: nothing on stderr.

    Raises FolderExistsError, NothingToResumeError, Interrupted, and what teach and imagine raise.
    """
    out = Path(out)
    if resume and not out.is_dir():
        raise NothingToResumeError(out)
    if not resume and os.path.lexists(out):
        raise FolderExistsError(out)
    model = backbone if isinstance(backbone, Backbone) else load(backbone).to(devices.choose(device).kind)
    show = _Show(out, model, seed, device, quiet, options)
    with show.stoppable():
        return show.run()


@dataclass(frozen=True)
class _Show:
    """One demo under way."""

    out: Path
    backbone: Backbone
    seed: int
    device: str | None
    quiet: bool
    options: dict[str, Any]

    def run(self) -> Demo:
        """All of it; what is there already is not made again."""
        photos = self._photos()
        began = time.perf_counter()
        self._say(f"1 of 2  Teaching {mascot.WHAT}, which the model has never seen, from five photos: {photos}")
        taught = self._taught(photos)
        drawn = time.perf_counter()
        self._say(f"2 of 2  Drawing {taught.concept.placeholder} in {len(mascot.PLACES)} new scenes")
        before, after = self._scenes(taught.concept)
        kept = self._kept_back(before, after)
        seconds = {"teaching": drawn - began, "drawing": time.perf_counter() - drawn}
        data = self._data(taught, after, kept, seconds)
        scenes = self._write(taught, before, after, data)
        return Demo(self.out, taught, scenes, data)

    @contextmanager
    def stoppable(self) -> Iterator[None]:
        """On Ctrl-C, at any moment, say how to go on."""
        command = shlex.join(["likewise", "demo", "--out", str(self.out), "--seed", str(self.seed), "--resume"])
        try:
            yield
        except Interrupted as stop:
            raise Interrupted(stop.step, stop.saved, command) from stop
        except KeyboardInterrupt:
            newest = checkpoint.latest(self.out / "run" / "checkpoints")
            raise Interrupted(int(newest.name) if newest else 0, self.out, command) from None

    def _say(self, text: str) -> None:
        if not self.quiet:
            Console(stderr=True).print(text, markup=False, highlight=False, soft_wrap=True)

    def _photos(self) -> Path:
        """The five photos, in a folder that a person can look into."""
        folder = self.out / "photos"
        if not folder.is_dir():
            with disk.new_folder(folder) as temp:
                for path in mascot.photos():
                    shutil.copyfile(path, temp / path.name)
        return folder

    def _taught(self, photos: Path) -> Taught:
        run = self.out / "run"
        return teach(
            photos,
            mascot.NOUN,
            name=mascot.NAME,
            backbone=self.backbone,
            seed=self.seed,
            out=run,
            resume=(run / "config.json").is_file(),
            device=self.device,
            install=False,
            quiet=self.quiet,
            **{"steps": LESSON, **self.options},
        )

    def _scenes(self, concept: Concept) -> tuple[list[Picture], list[Picture]]:
        """The scenes of any such thing before teaching, and of the mascot after it, each from the same noise."""
        half = len(mascot.PLACES) * STEPS
        how: dict[str, Any] = {"backbone": self.backbone, "n": 1, "seed": self.seed, "steps": STEPS}
        with progress(2 * half, self.quiet) as bar:
            bar.say("Drawing")
            untaught, taught = mascot.prompts(mascot.NOUN), mascot.prompts(concept.placeholder)
            before = imagine(untaught, progress=lambda done, _: bar.show(done, {}), **how)
            after = imagine(taught, concepts=(concept,), progress=lambda done, _: bar.show(half + done, {}), **how)
        return before, after

    def _kept_back(self, before: Sequence[Picture], after: Sequence[Picture]) -> dict[str, Interval]:
        """Mean cosine of the scenes to the photos kept back, before and after, and what teaching gained."""
        encoder = encoders.load("efficientnet-lite0")
        side = self.backbone.facts.image_size
        shown = embed(encoder, [images.cover(photo, side) for photo in mascot.kept_back()])
        rows = {
            name: cosine(embed(encoder, [one.image for one in pictures]), shown).mean(1)
            for name, pictures in (("before", before), ("after", after))
        }
        alone = {name: bootstrap(row, seed=self.seed) for name, row in rows.items()}
        return {**alone, "gain": paired(rows["after"], rows["before"], seed=self.seed)}

    def _data(
        self, taught: Taught, after: Sequence[Picture], kept: dict[str, Interval], seconds: dict[str, float]
    ) -> dict[str, Any]:
        verdict = taught.verdict or {}
        return {
            "folder": str(self.out),
            "report": str(self.out / "report.html"),
            "run": str(taught.run),
            "concept": taught.concept.as_json(),
            "step": verdict.get("step"),
            "why": list(verdict.get("why", ())),
            "scenes": [one.metadata for one in after],
            "kept_back": {
                name: {"value": one.value, "low": one.low, "high": one.high, "n": one.count}
                for name, one in kept.items()
            },
            "seconds": {name: round(value, 1) for name, value in seconds.items()},
        }

    def _write(
        self, taught: Taught, before: Sequence[Picture], after: Sequence[Picture], data: dict[str, Any]
    ) -> list[Path]:
        """The pictures, report.html and demo.json; returns where the scenes are."""
        names = [f"{place.replace(' ', '-')}.png" for place in mascot.PLACES]
        sheet = images.sheet([one.image for one in after], list(mascot.PLACES), 4)
        with disk.new_folder(self.out / "pictures", replace=True) as temp:
            images.write_png(temp / "sheet.png", sheet)
            for part, pictures in (("before", before), ("", after)):
                for name, one in zip(names, pictures, strict=True):
                    images.write_png(temp / part / name, one.image, one.metadata)
        photos: list[Image.Image] = [images.read(path) for path in mascot.photos()]
        shown = page.Page(taught.concept, photos, mascot.kept_back(), before, after, data)
        disk.write_bytes(self.out / "report.html", page.render(shown).encode())
        checkpoint.write_json(self.out / "demo.json", data)
        return [self.out / "pictures" / name for name in names]
