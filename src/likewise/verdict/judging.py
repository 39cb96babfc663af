"""From a run folder to its verdict: draw, score, choose, explain, and leave verdict.json and report.html."""

import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from likewise import checkpoint, devices, encoders, images, imageset, records, settings
from likewise import progress as bars
from likewise.diffusion import load
from likewise.diffusion.backbone import Backbone
from likewise.encoders.encoder import Encoder, TextEncoder
from likewise.errors import EncoderMissingError, NoCheckpointsError, NoTextEncoderWarning, SettingError, WrongBaseError
from likewise.metrics.intervals import Interval
from likewise.verdict import report, runs
from likewise.verdict.choose import Choice, Weights, choose
from likewise.verdict.config import Config
from likewise.verdict.draw import Progress, drawings
from likewise.verdict.explain import explain
from likewise.verdict.gauge import Gauge, gauge
from likewise.verdict.scores import Drawn, Judge, Scores

FORMAT = 1


@dataclass(frozen=True)
class Verdict:
    """Which checkpoint of a run to keep, and why."""

    run: Path
    step: int
    sentences: tuple[str, ...]  # the first alone is an answer
    data: Mapping[str, Any]  # what verdict.json holds

    @property
    def why(self) -> str:
        """The reasons, a line each."""
        return "\n".join(self.sentences)

    @property
    def checkpoint(self) -> Path:
        """The folder of the checkpoint to keep."""
        return checkpoint.numbered(self.run / "checkpoints", self.step)

    @property
    def report(self) -> Path:
        """The page with pictures and curves."""
        return self.run / "report.html"

    def as_json(self) -> dict[str, Any]:
        """What verdict.json holds."""
        return dict(self.data)


def verdict(
    run: str | Path,
    *,
    backbone: Backbone | str | Path | None = None,
    photos: Sequence[Image.Image] | None = None,
    config: Config | None = None,
    progress: Progress | None = None,
    quiet: bool = False,
    **options: object,
) -> Verdict:
    """Judge every checkpoint of a run and choose the one to keep; writes verdict.json and report.html into the run.

    backbone: the run's base model, if it is loaded already or lies elsewhere now. photos: measure likeness on these,
    held out from training, instead of on the run's own; copies are looked for among the run's own all the same.
    options: settings of Config by name, on top of `config`. progress(done, total) counts denoising steps, in place of
    the bar on stderr, which `quiet` leaves out.
    The training loss is never read.

    Raises NotARunError, NoCheckpointsError, WrongBaseError, a settings error, or a WriteError; nothing is half-written.
    NoTextEncoderWarning if prompts cannot be judged, SkippedCheckpointWarning for a damaged checkpoint.
    """
    known = config.model_dump() if config else {}
    config = settings.build(Config, {**known, **options}, "verdict")
    started = time.perf_counter()
    about = runs.read(Path(run))
    places = about.checkpoints(config.checkpoints)
    encoder, text_encoder = open_encoders(config)
    model = _model(about, backbone)
    shown = [images.cover(one, model.facts.image_size) for one in _own_photos(about)]
    held = [images.cover(one, model.facts.image_size) for one in photos] if photos else None
    prompts = config.drawn(model.facts.family, about.noun)
    with bars.progress((len(places) + 1) * config.steps, quiet or progress is not None) as bar:
        bar.say("Drawing what each checkpoint learned")
        show = progress or (lambda done, total: bar.show(done, {}))
        drawn = list(drawings(model, about, places, config, show))
    if len(drawn) == 1:
        raise NoCheckpointsError(about.folder)
    drew = time.perf_counter()
    judge = Judge(held or shown, about.meant(prompts), encoder, text_encoder, shown if held else None)
    scores = [judge.measure(one, drawn[0]) for one in drawn]
    seconds = {"drawing": round(drew - started, 1), "measuring": round(time.perf_counter() - drew, 1)}
    hashes = {"base model": model.hash, "photos": about.photos_hash, "encoder": encoder.hash}
    hashes |= {"text encoder": text_encoder.hash} if text_encoder else {}
    return _Result(about, config, prompts, judge, drawn, scores, hashes, seconds).write(shown, held)


def measuring(run: runs.Run, backbone: Backbone, config: Config, prompts: Sequence[str]) -> Judge:
    """What measures pictures of a run's model against the run's own photos."""
    encoder, text_encoder = open_encoders(config)
    shown = [images.cover(one, backbone.facts.image_size) for one in _own_photos(run)]
    return Judge(shown, run.meant(prompts), encoder, text_encoder)


def _own_photos(run: runs.Run) -> list[Image.Image]:
    return imageset.load(run.photos, captions=False).images()


def _model(run: runs.Run, backbone: Backbone | str | Path | None) -> Backbone:
    model = backbone if isinstance(backbone, Backbone) else load(backbone or run.backbone).to(devices.choose().kind)
    if model.hash != run.base_hash:
        raise WrongBaseError(run.name, (run.backbone, run.base_hash), (model.name, model.hash))
    return model


def open_encoders(config: Config) -> tuple[Encoder, TextEncoder | None]:
    """What compares pictures, and what compares them with prompts; a NoTextEncoderWarning instead of the second."""
    encoder = encoders.load(config.encoder)
    try:
        reader = encoders.load(config.text_encoder)
    except EncoderMissingError as error:
        warnings.warn(NoTextEncoderWarning(error), stacklevel=3)
        return encoder, None
    if not isinstance(reader, TextEncoder):
        raise SettingError("text_encoder", config.text_encoder, "an encoder that also reads texts is needed")
    return encoder, reader


@dataclass(frozen=True)
class _Result:
    """A judged run, ready to be chosen from and written."""

    run: runs.Run
    config: Config
    prompts: tuple[str, ...]
    judge: Judge
    drawn: list[Drawn]
    scores: list[Scores]
    hashes: dict[str, str]
    seconds: dict[str, float]

    def write(self, photos: Sequence[Image.Image], held: Sequence[Image.Image] | None) -> Verdict:
        config = self.config
        ends = gauge(self.judge, self.scores[0], config.seed, config.level)
        choice = choose(self.scores, ends, Weights(config.weight, config.tolerance, config.level, config.seed))
        why = explain(choice, ends, self.run.noun, config.prefer)
        data = self._data(choice, ends, why)
        page = self._page(choice, ends, why, photos, held or ())
        checkpoint.write_bytes(self.run.folder / "report.html", report.render(page).encode())
        checkpoint.write_json(self.run.folder / "verdict.json", data)
        return Verdict(self.run.folder, choice.step, tuple(why), data)

    def _data(self, choice: Choice, ends: Gauge, why: list[str]) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "step": choice.step,
            "checkpoint": f"checkpoints/{choice.step:06d}",
            "why": why,
            "learned": choice.learned,
            "best": choice.best,
            "tied": choice.tied,
            "checkpoints": [self._row(choice, one.step) for one in self.scores],
            "gauge": as_plain(asdict(ends)),
            "asked": self.run.asked(self.prompts),
            "meant": self.run.meant(self.prompts),
            "class_prompt": self.run.bare,
            "held_out": 0 if self.judge.held_out is None else len(self.judge.photos),
            "settings": settings.record(self.config),
            "hashes": self.hashes,
            "seconds": self.seconds,
            "versions": records.versions(),
        }

    def _row(self, choice: Choice, step: int) -> dict[str, Any]:
        """One checkpoint's measures, and what they rest on, picture by picture."""
        scores = next(one for one in self.scores if one.step == step)
        judged = {name: value for name, value in vars(choice[step]).items()}
        pictures = {
            name: None if row is None else row.round(6).tolist() for name, row in vars(scores).items() if name != "step"
        }
        return {**as_plain(judged), "noise": choice.noise.get(step), "pictures": pictures}

    def _page(
        self,
        choice: Choice,
        ends: Gauge,
        why: list[str],
        photos: Sequence[Image.Image],
        held: Sequence[Image.Image],
    ) -> report.Page:
        config = self.config
        shown = {name.replace("_", " "): value for name, value in settings.record(config).items()}
        shown["prompts"] = " · ".join(self.run.asked(self.prompts))
        seconds = {"seconds": ", ".join(f"{value} {name}" for name, value in self.seconds.items())}
        return report.Page(
            name=self.run.name,
            noun=self.run.noun,
            choice=choice,
            gauge=ends,
            why=why,
            photos=photos,
            held_out=held,
            weight=config.weight,
            drawn=self.drawn,
            prompts=self.run.asked(self.prompts),
            bare=self.run.bare,
            copies={one.step: ends.copied(one).tolist() for one in self.scores},
            settings=shown,
            provenance={
                "method": self.run.method,
                "base": self.run.backbone,
                **self.hashes,
                **seconds,
                **records.versions(),
            },
        )


def as_plain(value: Any) -> Any:
    """As JSON: intervals become objects, rounded to what can mean anything."""
    if isinstance(value, Interval):
        return {
            "value": round(value.value, 6),
            "low": round(value.low, 6),
            "high": round(value.high, 6),
            "n": value.count,
        }
    if isinstance(value, Mapping):
        return {name: as_plain(inner) for name, inner in value.items()}
    return round(value, 6) if isinstance(value, float) else value
