"""Compare taught models on the same prompts and seeds, each difference with a paired interval."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from likewise import checkpoint, devices, images, imageset, records, settings
from likewise import progress as bars
from likewise.diffusion import load
from likewise.diffusion.backbone import Backbone
from likewise.errors import NothingToCompareError, WrongBaseError
from likewise.metrics.intervals import Interval, paired
from likewise.verdict import comparison_page, report
from likewise.verdict.choose import Choice, Judged, Weights, judge
from likewise.verdict.config import Config
from likewise.verdict.contestants import Contestant, Lora, contestants, of_runs
from likewise.verdict.draw import Brush, Model, Progress
from likewise.verdict.gauge import Gauge, gauge
from likewise.verdict.judging import as_plain, open_encoders
from likewise.verdict.runs import Run
from likewise.verdict.scores import Drawn, Judge, Scores

FORMAT = 1
PAIRED = ("likeness", "prompt", "plain", "diversity")


@dataclass(frozen=True)
class Comparison:
    """Which of several models is worth most, and by how much."""

    folder: Path
    best: str
    sentences: tuple[str, ...]  # the first alone is an answer
    data: Mapping[str, Any]  # what comparison.json holds

    @property
    def report(self) -> Path:
        """The page with all pictures."""
        return self.folder / "report.html"

    def as_json(self) -> dict[str, Any]:
        """What comparison.json holds."""
        return dict(self.data)


def compare(
    runs: Sequence[str | Path],
    loras: Sequence[tuple[str | Path, str | None]] = (),
    *,
    out: str | Path | None = None,
    backbone: Backbone | str | Path | None = None,
    photos: Sequence[Image.Image] | None = None,
    noun: str | None = None,
    config: Config | None = None,
    progress: Progress | None = None,
    quiet: bool = False,
    **options: object,
) -> Comparison:
    """Draw the same prompts from the same noise with every model; writes comparison.json and report.html.

    runs: run folders, each at the checkpoint that its verdict chose, or checkpoints of runs. loras: LoRA files and
    their triggers, such as "sks dog"; None: the one in the file's header. out: a folder, by default `comparison` in the
    first run. Base model, photos and noun are the first run's; without a run they must be given. photos: measure
    likeness on these, held out. The other arguments are verdict's.

    Raises NothingToCompareError, WrongBaseError, TriggerError, and what verdict and LoRA files raise.
    """
    known = config.model_dump() if config else {}
    config = settings.build(Config, {**known, **options}, "verdict")
    chosen = of_runs([Path(one) for one in runs])
    files = [Lora(Path(path), trigger) for path, trigger in loras]
    if len(chosen) + len(files) < 2:
        raise NothingToCompareError(len(chosen) + len(files))
    first = chosen[0][0] if chosen else None
    noun = noun or (first.noun if first else None)
    target = Path(out) if out is not None else first.folder / "comparison" if first else Path("comparison")
    if noun is None or (first is None and not photos):
        raise NothingToCompareError(len(files), "Without a run, give --photos DIR and --noun WORD.")
    model = _model(first, backbone)
    prompts = config.drawn(model.facts.family, noun)
    base = Model(0, _meant(first, noun, prompts), first.bare if first else f"a {noun}")
    entries = contestants(model, chosen, files, noun, prompts)
    own = imageset.load(first.photos, captions=False).images() if first else []
    side = model.facts.image_size
    shown = [images.cover(one, side) for one in own or photos or ()]
    held = [images.cover(one, side) for one in photos or ()] if own else []
    return _Contest(target, noun, config, model, base, entries, progress, quiet).settle(shown, held)


def _model(first: Run | None, backbone: Backbone | str | Path | None) -> Backbone:
    if isinstance(backbone, Backbone):
        model = backbone
    else:
        model = load(backbone or (first.backbone if first else "toybox")).to(devices.choose().kind)
    if first and model.hash != first.base_hash:
        raise WrongBaseError(first.name, (first.backbone, first.base_hash), (model.name, model.hash))
    return model


def _meant(first: Run | None, noun: str, prompts: Sequence[str]) -> list[str]:
    about = first or Run(Path(), "", "", noun, "", "", "", "", {})
    return about.meant(prompts)


@dataclass(frozen=True)
class _Contest:
    """A comparison under way."""

    target: Path
    noun: str
    config: Config
    backbone: Backbone
    base: Model
    entries: list[Contestant]
    progress: Progress | None
    quiet: bool

    def settle(self, shown: list[Image.Image], held: list[Image.Image]) -> Comparison:
        """Draw, measure, and write. shown: photos that were taught from; held: others, to measure likeness on."""
        config, started = self.config, time.perf_counter()
        encoder, text_encoder = open_encoders(config)
        drawn = self._drawn()
        drew = time.perf_counter()
        measure = Judge(held or shown, self.base.asked, encoder, text_encoder, shown if held else None)
        scores = [measure.measure(one, drawn[0]) for one in drawn]
        ends = gauge(measure, scores[0], config.seed, config.level)
        seconds = {"drawing": round(drew - started, 1), "measuring": round(time.perf_counter() - drew, 1)}
        hashes = {"base model": self.backbone.hash, "encoder": encoder.hash}
        hashes |= {"text encoder": text_encoder.hash} if text_encoder else {}
        found = _Found(self, ends, scores)
        data = found.data() | {"hashes": hashes, "seconds": seconds, "versions": records.versions()}
        page = self._page(found, drawn, shown, held, hashes | {"seconds": seconds})
        self.target.mkdir(parents=True, exist_ok=True)
        rows = [(one.label, found.against(one.model.step)) for one in found.rivals()]
        text = comparison_page.render(page, found.sentences(), rows)
        checkpoint.write_bytes(self.target / "report.html", text.encode())
        checkpoint.write_json(self.target / "comparison.json", data)
        return Comparison(self.target, found.name(found.best), tuple(found.sentences()), data)

    def _drawn(self) -> list[Drawn]:
        models = [self.base, *(one.model for one in self.entries)]
        with bars.progress(len(models) * self.config.steps, self.quiet or self.progress is not None) as bar:
            bar.say("Drawing with each model")
            show = self.progress or (lambda done, total: bar.show(done, {}))
            brush = Brush(self.backbone, self.config, len(self.base.asked), len(models), show)
            return [brush.draw(model) for model in models]

    def _page(
        self,
        found: "_Found",
        drawn: list[Drawn],
        shown: list[Image.Image],
        held: list[Image.Image],
        provenance: dict[str, Any],
    ) -> report.Page:
        names = {0: "Untaught"} | {one.model.step: _titled(one) for one in self.entries}
        asked = {_titled(one): one.model.asked[0] for one in self.entries}
        listed = {name.replace("_", " "): value for name, value in settings.record(self.config).items()}
        return report.Page(
            name=", ".join(one.label for one in self.entries),
            noun=self.noun,
            choice=found.choice,
            gauge=found.ends,
            why=found.sentences(),
            photos=shown,
            held_out=held,
            names=names,
            weight=self.config.weight,
            drawn=drawn,
            prompts=self.base.asked,
            bare=self.base.bare,
            copies={one.step: found.ends.copied(one).tolist() for one in found.scores},
            settings=listed | {"prompts": " · ".join(self.base.asked)},
            provenance={**asked, **provenance, **records.versions()},
        )


def _titled(one: Contestant) -> str:
    return one.label if one.step is None else f"{one.label}, step {one.step}"


class _Found:
    """What was measured of all, and how each differs from the one that is worth most."""

    def __init__(self, contest: _Contest, ends: Gauge, scores: list[Scores]) -> None:
        config = contest.config
        self.entries, self.config, self.ends, self.scores = contest.entries, config, ends, scores
        weights = Weights(config.weight, config.tolerance, config.level, config.seed)
        self.judged, exact, self.resampled = judge(scores, ends, weights)
        worth = exact["worth"][0, 1:]
        likeness = np.array([one.likeness.mean() for one in scores[1:]])
        self.best = 1 + int((worth if worth.max() > 0 else likeness).argmax())
        tied = [one.model.step for one in self.rivals() if not self._clear(one.model.step)]
        self.choice = Choice(self.best, self.judged, self.best, sorted([self.best, *tied]))

    def rivals(self) -> list[Contestant]:
        """All but the best."""
        return [one for one in self.entries if one.model.step != self.best]

    def name(self, step: int) -> str:
        """What a contestant is called."""
        return self.entries[step - 1].label

    def against(self, step: int) -> dict[str, Interval]:
        """The best less another: each measure picture by picture, and worth over the same resamples."""
        best, other, config = self.scores[self.best], self.scores[step], self.config
        rows = {name: (getattr(best, name), getattr(other, name)) for name in PAIRED}
        found = {name: paired(a, b, config.level, config.seed) for name, (a, b) in rows.items() if a is not None}
        return {"worth": self._worth(step), **found}

    def _worth(self, step: int) -> Interval:
        drawn = self.resampled["worth"][:, self.best] - self.resampled["worth"][:, step]
        tail = (1 - self.config.level) / 2
        low, high = np.quantile(drawn, (tail, 1 - tail))
        value = self.judged[self.best].worth.value - self.judged[step].worth.value
        return Interval(value, float(low), float(high), self.config.level, len(self.scores[0].likeness))

    def _clear(self, step: int) -> bool:
        return self._worth(step).low > 0

    def sentences(self) -> list[str]:
        """The answer first, then a sentence for each rival."""
        best = self.judged[self.best]
        prompts = "" if best.prompt is None else f", and its prompts fit at {best.prompt.value:.2f}"
        tied = [one.label for one in self.rivals() if not self._clear(one.model.step)]
        sure = f", though not beyond the noise against {' and '.join(tied)}" if tied else ", beyond the noise"
        said = [
            f"{self.name(self.best)} is worth most ({best.worth.value:.2f}){sure}: its pictures look like the photos "
            f"by {best.likeness.value:.2f} of {self.ends.ceiling:.2f} possible{prompts}."
        ]
        return said + [self._sentence(one) for one in self.rivals()] + self._warnings(best)

    def _sentence(self, one: Contestant) -> str:
        found = self.against(one.model.step)
        parts = [("of likeness", "likeness"), ("of fit to the prompts", "prompt")]
        told = [
            f"{found[name].value:+.3f} ({found[name].low:+.3f} to {found[name].high:+.3f}) {text}"
            for text, name in parts
            if name in found
        ]
        return f"Against {one.label}, {self.name(self.best)} has {' and '.join(told)}, paired over the same seeds."

    def _warnings(self, best: Judged) -> list[str]:
        said = []
        if best.copied.value > 0:
            count = round(best.copied.value * best.copied.count)
            said.append(f"Mind: {count} of {best.copied.count} of its pictures copy a photo.")
        if best.drift.value >= 0.25:
            said.append("Mind: the bare noun draws something like the subject too.")
        return said

    def data(self) -> dict[str, Any]:
        """What comparison.json holds, but for hashes and times."""
        return {
            "format": FORMAT,
            "best": self.name(self.best),
            "tied": [self.name(step) for step in self.choice.tied],
            "why": self.sentences(),
            "untaught": as_plain(vars(self.judged[0])),
            "models": [self._row(one) for one in self.entries],
            "gauge": as_plain(asdict(self.ends)),
            "settings": settings.record(self.config),
        }

    def _row(self, one: Contestant) -> dict[str, Any]:
        facts = {"label": one.label, "kind": one.kind, "source": one.source, "training_step": one.step}
        rival = one.model.step != self.best
        less = {"best_less_this": as_plain(self.against(one.model.step))} if rival else {}
        measured = {name: value for name, value in vars(self.judged[one.model.step]).items() if name != "step"}
        return {**facts, "asked": list(one.model.asked), **as_plain(measured), **less}
