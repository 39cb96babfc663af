"""From a folder of votes to a tuned metric: split, learn, choose, calibrate, and say honestly whether it paid."""

import copy
import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from likewise import checkpoint, records, settings, training
from likewise import progress as bars
from likewise.dreamsim import calibration, folder, learn, loading, measuring, questions, seen, splits, triplets
from likewise.dreamsim.calibration import Calibration
from likewise.dreamsim.config import Config
from likewise.dreamsim.learn import Student
from likewise.dreamsim.measuring import Distances
from likewise.dreamsim.metric import Metric
from likewise.dreamsim.questions import Questions
from likewise.dreamsim.store import Store
from likewise.errors import (
    MeasureError,
    NoHeldOutWarning,
    NonFiniteLossError,
    NothingLearnedWarning,
    WorseMetricWarning,
)
from likewise.training import State

KEEP = 2  # checkpoints
NAME = "tuned"
EVIDENCE = 2.0  # nats of likelihood that the tuned metric must gain on the votes that choose; luck gives 2 in one of 20


@dataclass(frozen=True)
class Tuned:
    """A tuned metric and what was measured of it."""

    metric: Metric
    report: Mapping[str, Any]  # JSON: settings, counts, held-out figures before and after


def tune(
    data: str | Path,
    *,
    metric: Metric | str | Path | None = None,
    out: str | Path | None = None,
    val: float = 0.1,
    test: float = 0.2,
    seed: int = 0,
    resume: bool = False,
    quiet: bool = True,
    resume_command: str | None = None,
    **options: Any,
) -> Tuned:
    """Tune a metric to the votes in a data folder; by default the embedded one.

    val, test: shares of the references (or groups) that choose the epoch and that are kept for the last word, where
    the triplets have no splits. out: a run folder with a log, checkpoints and the metric in `metric`; it can be
    resumed after any stop, to the same bits. Without it nothing is written. options: settings of Config by name.

    Raises NoJudgementsError, JudgementFileError, SplitError, NothingToLearnError, HeadMismatchError, a settings error,
    and the errors of `training.run`. Warns: UnvotedWarning, SeenTripletsWarning, NoHeldOutWarning, FewGroupsWarning,
    NothingLearnedWarning where the votes kept to choose by are no likelier than before, and the metric stays as it was;
    WorseMetricWarning.
    """
    config = Config.of(options)
    before = metric if isinstance(metric, Metric) else loading.load(metric)
    given = splits.assign(seen.voted(triplets.read(data), data), val, test, seed)
    apart = splits.parts(given)
    for name, others in ((splits.VAL, (splits.TRAIN,)), (splits.TEST, (splits.TRAIN, splits.VAL))):
        apart[name] = seen.unseen(before, apart[name], data, others, f"of those split {name!r}")
    parts = {name: questions.of(some) for name, some in apart.items()}
    parts["train"] = parts["train"][kept(parts["train"], config)]
    everything = questions.of(given)
    run = _Run(before, Path(data), everything, config, seed, None if out is None else Path(out), quiet)
    run.met = seen.met(before, given, data)
    state = run.learned(_over(parts["train"], everything), _over(parts["val"], everything), resume, resume_command)
    return run.finish(state, {name: _over(part, everything) for name, part in parts.items()})


def kept(some: Questions, config: Config) -> np.ndarray:
    """The rows (n,) with as many votes, and as much agreement, as the settings ask for."""
    enough = some.votes.sum(1) >= config.least_votes
    return np.flatnonzero(enough & (some.votes.min(1) == 0) if config.unanimous else enough)


def _over(some: Questions, everything: Questions) -> Questions:
    """The same questions, their pictures numbered as in the whole."""
    number = {picture: place for place, picture in enumerate(everything.pictures)}
    map_ = np.array([number[picture] for picture in some.pictures] or [0], dtype=np.int64)
    places = map_[some.places] if len(some) else some.places
    return Questions(everything.pictures, places, some.votes, some.units)


class _Run:
    """One tuning: the untuned metric, a copy that learns, and the pictures' features."""

    def __init__(
        self, before: Metric, data: Path, every: Questions, config: Config, seed: int, out: Path | None, quiet: bool
    ) -> None:
        self.before, self.config, self.seed, self.out, self.quiet = before, config, seed, out, quiet
        model = copy.deepcopy(before.model)
        paths = [data / picture for picture in every.pictures]
        self.key = checkpoint.hash_json([before.hash, [checkpoint.hash_file(path) for path in paths]])
        self.store = Store(model, paths, aspect=before.aspect, deep=config.part == "lora")
        cache = None if out is None else out / "features"
        with bars.progress(len(paths), quiet) as bar:
            bar.say("Looking at every picture once")
            self.store.fill(cache, self.key, lambda done, total: bar.show(done, {}))
        self.student = Student(model, self.store, config, seed, self.key)
        self.start = {name: value.detach().clone() for name, value in self.student.named_parameters().items()}
        self.met: list[dict[str, Any]] = []  # the questions, by split, that this metric and those before it were given

    def learned(self, train: Questions, val: Questions, resume: bool, command: str | None) -> State:
        """The state after the last step."""
        if self.out is None:
            return self._without_folder(train, val)
        asked = {"settings": settings.record(self.config), "seed": self.seed, "triplets": train.hash}
        state = training.resume_state(self.out, asked) if resume else None
        total = learn.steps(train, self.config)
        training.run(
            learn.learn(self.student, train, val, self.config, self.seed, resume=state),
            folder=self.out,
            total=max(1, total),
            save_every=max(1, math.ceil(total / self.config.epochs)),
            keep=KEEP,
            quiet=self.quiet,
            config=asked,
            resume_command=command,
        )
        checkpoint.write_json(self.out / "record.json", records.record(self.config, seed=self.seed, data=train.hash))
        newest = training.resume_state(self.out, asked)
        assert newest is not None, "a finished run has a checkpoint"
        return newest

    def _without_folder(self, train: Questions, val: Questions) -> State:
        step = None
        for step in learn.learn(self.student, train, val, self.config, self.seed):
            wrong = {name: value for name, value in step.losses.items() if not math.isfinite(value)}
            if wrong:
                raise NonFiniteLossError(step.index, wrong, None)
        assert step is not None, "there is at least one step"
        return step.state()

    def finish(self, state: State, parts: Mapping[str, Questions]) -> Tuned:
        """Put the best weights in place, calibrate on the validation triplets, measure on those kept apart."""
        earlier = self._untuned(parts)
        self.student.put(learn.best(state))
        learned = not self.config.choose or self._worth(earlier["val"], parts["val"])
        if not learned:
            self.student.put(self.start)
        found = {name: self._now(part) for name, part in parts.items()}
        self.student.settle()
        fitted = "val" if len(parts["val"]) else "train"
        temperature = _temperature(found[fitted], parts[fitted])
        about = self._report(parts, earlier, found, temperature, learned)
        about |= {"learned": learned, "step": state.data["best"]["step"] if learned else 0}
        metric = Metric(
            self.student.ensemble,
            NAME,
            calibration=Calibration(temperature),  # distances have another scale now, so no curve of before holds
            aspect=self.before.aspect,
            about={**about, seen.KEY: self.met},
        )
        if self.out is not None:
            folder.save(metric, self.out / "metric", replace=True)
            checkpoint.write_json(self.out / "report.json", about)
        return Tuned(metric, about)

    def _worth(self, earlier: Distances, val: Questions) -> bool:
        """Whether the votes kept to choose by are likelier now than before, by more than luck; else warn.

        Shuffled votes teach too: distances that were large become small, and which of two is nearer drifts. The
        likelihood at the best temperature does not see that, as scale is nothing to it.
        """
        if not len(val):
            return True
        before, after = (calibration.likelihood(left - right, val.shares) for left, right in (earlier, self._now(val)))
        if after - before < EVIDENCE:
            warnings.warn(NothingLearnedWarning(after - before, EVIDENCE, len(val)), stacklevel=4)
            return False
        return True

    def _untuned(self, parts: Mapping[str, Questions]) -> dict[str, Distances]:
        """The distances before anything was learned, from the same features."""
        rows = np.zeros((len(self.store.paths), self.before.dimension), dtype=np.float32)
        numbers = np.unique(np.concatenate([part.places.ravel() for part in parts.values()]))
        rows[numbers] = self.before.embed([self.store.paths[number] for number in numbers])
        return {name: measuring.apart(rows, part) for name, part in parts.items()}

    def _now(self, part: Questions) -> Distances:
        if not len(part):
            return np.zeros(0), np.zeros(0)
        left, right = self.student.distances(part)
        return left.double().numpy(), right.double().numpy()

    def _report(
        self,
        parts: Mapping[str, Questions],
        earlier: Mapping[str, Distances],
        found: Mapping[str, Distances],
        temperature: float | None,
        learned: bool,
    ) -> dict[str, Any]:
        about: dict[str, Any] = {
            "metric": self.before.name,
            "settings": settings.record(self.config),
            "seed": self.seed,
            "triplets": {name: len(part) for name, part in parts.items()},
        }
        test = parts["test"]
        if not len(test):
            warnings.warn(NoHeldOutWarning("none that is new to the metric has the split test"), stacklevel=4)
            return about
        measuring.warn_few(test)
        about["before"] = measuring.report(earlier["test"], test, seed=self.seed)
        about["after"] = measuring.report(found["test"], test, temperature=temperature, seed=self.seed)
        difference = measuring.gain(earlier["test"], found["test"], test, self.seed)
        about["gain_by_vote"] = measuring.plain(difference)
        about["mcnemar"] = measuring.mcnemar(earlier["test"], found["test"], test)
        if learned and difference.value <= 0:
            told = [measuring.span(about[name]["by_vote"]) for name in ("before", "after")]
            warnings.warn(WorseMetricWarning(*told), stacklevel=4)
        return about


def _temperature(found: Distances, part: Questions) -> float | None:
    """The temperature of P(right) on these triplets; None where none fits."""
    try:
        return calibration.fit_temperature(found[0] - found[1], part.shares, part.votes.sum(1))
    except MeasureError:
        return None
