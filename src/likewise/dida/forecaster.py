"""The forecaster: a graph, a network that learned from it, and what its scores mean."""

import math
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from likewise import checkpoint, records, settings, training
from likewise.dida import classifying, evaluation, reading, snapshots, storage
from likewise.dida.calibration import Calibration
from likewise.dida.changes import changes
from likewise.dida.classifying import Guess
from likewise.dida.config import Config
from likewise.dida.explain import Explanation, carriers
from likewise.dida.forecast import Forecast, rank
from likewise.dida.graph import Graph
from likewise.dida.learn import best, learn, stopping
from likewise.dida.model import Entrance, Network, score
from likewise.dida.networks import embed, make
from likewise.dida.splits import Split, split
from likewise.dida.stream import Stream
from likewise.errors import (
    NonFiniteLossError,
    NotFittedError,
    TaskError,
    UnexplainedModelError,
    UnmeasuredPartWarning,
    UnstreamedModelError,
    WeakClassesWarning,
    WeakForecastWarning,
)
from likewise.training import State

SAVES = 8  # about how many checkpoints a run makes


class DIDA:
    """Forecasts the links of an evolving graph (Zhang et al., NeurIPS 2022).

    `DIDA(strength=0.1).fit(graph).forecast(top=10)`; settings are those of `Config`.
    """

    def __init__(self, **options: Any) -> None:
        self.config = settings.build(Config, options, "DIDA")
        self.seed = 0
        self.held: tuple[str, ...] = ()
        self.calibration = Calibration()
        self.validation: dict[str, float] = {}
        self._learned = 0
        self._stream: Stream | None = None
        self._graph: Graph | None = None
        self._network: Entrance | None = None
        self._parts: dict[str, Tensor] = {}

    @property
    def graph(self) -> Graph:
        """The graph it learned from, held-out domains included."""
        if self._graph is None:
            raise NotFittedError("The graph")
        return self._graph

    @property
    def split(self) -> Split:
        """Which times were learned from, chosen by, and kept for evaluation; snapshots of `update` are among these."""
        learned = split(self._learned, self.config.val_snapshots, self.config.test_snapshots)
        return replace(learned, test=range(learned.val.stop, len(self.graph) - 1))

    def fit(
        self,
        data: Graph | str | Path,
        *,
        held: Sequence[str] = (),
        seed: int = 0,
        out: str | Path | None = None,
        resume: bool = False,
        quiet: bool = True,
        resume_command: str | None = None,
    ) -> Self:
        """Learn from a graph, or a file of links with columns source, target and time, cut into 16 snapshots.

        held: domains that training must not see, the shift of `evaluate`. out: a run folder, with a log, checkpoints
        and the result in `model`; it can be resumed after any stop, to the same bits. Without it nothing is written.
        quiet: show no progress. Raises the errors of `learn`; warns (WeakForecastWarning) where memory does as well.
        """
        graph = data if isinstance(data, Graph) else snapshots.cut(reading.read(data))
        seen = graph.without(held) if held else graph
        if out is None:
            state = self._learn(seen, seed)
        else:
            state = self._run(seen, seed, Path(out), resume, quiet, resume_command)
        self._take(graph, held, seed, best(state))
        self._calibrate(seen)
        self.validation["step"] = float(state.data["best"]["step"])
        if out is not None:
            self.save(Path(out) / "model", replace_old=True)
        return self

    def _learn(self, graph: Graph, seed: int) -> State:
        stop, step = stopping(self.config), None
        for step in learn(graph, self.config, seed):
            wrong = {name: value for name, value in step.losses.items() if not math.isfinite(value)}
            if wrong:
                raise NonFiniteLossError(step.index, wrong, None)
            if stop(step):
                break
        assert step is not None, "there is at least one step"
        return step.state()

    def _run(self, graph: Graph, seed: int, out: Path, resume: bool, quiet: bool, command: str | None) -> State:
        asked = {"settings": settings.record(self.config), "seed": seed, "graph": graph.hash}
        state = training.resume_state(out, asked) if resume else None
        training.run(
            learn(graph, self.config, seed, resume=state),
            folder=out,
            total=self.config.epochs,
            save_every=-(-self.config.epochs // SAVES),
            keep=2,
            stop=stopping(self.config),
            quiet=quiet,
            config=asked,
            resume_command=command,
        )
        checkpoint.write_json(out / "record.json", records.record(self.config, seed=seed, graph=graph.hash))
        newest = training.resume_state(out, asked)
        assert newest is not None, "a finished run has a checkpoint"
        return newest

    def _take(self, graph: Graph, held: Sequence[str], seed: int, weights: Mapping[str, Tensor]) -> None:
        network = make(self.config, graph, seed)
        network.load_state_dict(dict(weights))
        network.requires_grad_(False)
        self._graph, self._network, self._parts, self._stream = graph, network, {}, None
        self._learned = len(graph)
        self.held, self.seed = tuple(held), seed

    def _calibrate(self, seen: Graph) -> None:
        """Fit the probabilities on the validation snapshots, and compare with memory there."""
        if self.config.task == "classes":
            self.validation = classifying.validation(self._reader(), seen, self.split, self.seed)
            if self.validation["accuracy"] < self.validation["last seen"]:
                warnings.warn(WeakClassesWarning(*self.validation.values()), stacklevel=3)
            return
        times = list(self.split.val)
        self.calibration, self.validation = evaluation.validation(self._made(seen), seen, times, self.seed)
        if self.validation["auc"] < self.validation["edgebank"]:
            warnings.warn(WeakForecastWarning(self.validation["auc"], self.validation["edgebank"]), stacklevel=3)
        for why in evaluation.unmeasured(self.graph, self.held, self.split):
            warnings.warn(UnmeasuredPartWarning(why), stacklevel=3)

    def _made(self, graph: Graph) -> Tensor:
        """The invariant parts of every time and node, (T, N, d)."""
        if self._network is None:
            raise NotFittedError("A score")
        if graph.hash not in self._parts:
            self._parts[graph.hash] = embed(self._network, graph)
        return self._parts[graph.hash]

    def embed(self, t: int = -1) -> np.ndarray:
        """The invariant part of every node after snapshot t, (N, d) float32, in the order of graph.nodes."""
        return self._made(self.graph)[t].numpy().copy()

    def score(self, pairs: Iterable[tuple[str, str]], t: int = -1) -> np.ndarray:
        """The probability that each pair of names links in the snapshot after t, (P,)."""
        numbers = [[self.graph.number_of(name) for name in pair] for pair in pairs]
        rows = torch.tensor(numbers, dtype=torch.int64).reshape(-1, 2).T
        return self.calibration(score(self._linked()[t], rows).numpy())

    def forecast(self, top: int = 20, *, source: str | None = None, new: bool = False) -> list[Forecast]:
        """The likeliest links of the snapshot after the last, best first.

        source: only links of this node. new: only pairs that never linked.
        """
        number = None if source is None else self.graph.number_of(source)
        return rank(self._linked()[-1], self.graph, self.calibration, top=top, source=number, new=new)

    def _linked(self) -> Tensor:
        if self.config.task == "classes":
            raise TaskError("links", "classes")
        return self._made(self.graph)

    def classify(self, t: int = -1) -> list[Guess]:
        """What every node with a link by snapshot t is taken for after it, the surest first."""
        return classifying.guesses(self._reader(), self.graph, range(len(self.graph))[t])

    def _reader(self) -> Entrance:
        if self._network is None:
            raise NotFittedError("A class")
        if self._network.classify is None:
            raise TaskError("classes", "links")
        return self._network

    def update(
        self,
        links: Iterable[tuple[str, str]],
        *,
        label: str | None = None,
        domain: str | None = None,
        features: Tensor | None = None,
    ) -> Self:
        """Add one snapshot of links between known names, so that forecasts are of the one after it; nothing is learned.

        The first update goes through the whole past once; then each costs one time of it, with the same result. label:
        of the snapshot. domain: of the links, else the first. features (N, F): where they are of each snapshot. Raises
        UnknownNodeError, FeatureError, TimeTableFullError, UnstreamedModelError.
        """
        if not isinstance(self._network, Network):
            raise NotFittedError("An update") if self._network is None else UnstreamedModelError(self.config.model)
        pairs = [[self.graph.number_of(name) for name in pair] for pair in links]
        longer = self.graph.followed(pairs, label=label, domain=domain, features=features)
        stream, before = self._stream, self._parts.get(self.graph.hash)
        if stream is None or before is None:
            stream = Stream(self._network)
            before = stream.through(self.graph)
        newest = stream.advance(longer)
        self._parts = {longer.hash: torch.cat([before, newest[None]])}
        self._graph, self._stream = longer, stream
        return self

    def evaluate(self, *, kinds: Sequence[str] = ("auto", "historical"), seed: int = 0) -> dict[str, Any]:
        """How well it tells the links of the test snapshots (validation's, where none were kept), as JSON.

        By kind of negatives: its figures, under the name of its model, beside EdgeBank's, by snapshot and by domain;
        with held-out domains also "shift", where messages are of all domains and only held-out links count. What has
        no link to be judged by is left out, and "unmeasured" says why.
        "surprise": the share of links whose pair is new. "calibration": links expected and found. "leakage": see
        `likewise.dida.leakage`. A forecaster of classes tells accuracy and macro F1 beside each node's newest class.
        """
        if self.config.task == "classes":
            seen = self.graph.without(self.held) if self.held else self.graph
            cut = classifying.own(self.split)
            return classifying.report(self.config.model, self._reader(), seen, cut.test or cut.val, seed)
        case = evaluation.Case(self.config.model, self.graph, self.held, self.split, self.calibration, self._fresh)
        return evaluation.report(case, kinds, seed, self.seed)

    def _fresh(self, graph: Graph) -> Tensor:
        self._parts.pop(graph.hash, None)
        return self._made(graph)

    def explain(self, source: str, target: str, t: int = -1) -> Explanation:
        """Why this pair has its score after snapshot t: every past link of both ends, the strongest effect first.

        Raises UnexplainedModelError for a model without attention, UnknownNodeError.
        """
        network, t = self._attentive(), range(len(self.graph))[t]
        pair = (self.graph.number_of(source), self.graph.number_of(target))
        logit, own, found = carriers(network, self.graph, pair, t)
        probability = float(self.calibration(np.array([logit]))[0])
        return Explanation(source, target, self.graph.labels[t], logit, probability, own, tuple(found))

    def changes(self, seed: int = 0) -> dict[str, Any]:
        """What changed from training to test, with messages of all domains; see `likewise.dida.changes`."""
        network, parts = self._attentive(), self._made(self.graph)
        return changes(network, self.graph, parts, self.split, evaluation.scorer(parts), seed=seed)

    def _attentive(self) -> Network:
        if self._network is None:
            raise NotFittedError("An explanation")
        if not isinstance(self._network, Network):
            raise UnexplainedModelError(self.config.model)
        if self.config.task == "classes":
            raise TaskError("links", "classes")
        return self._network

    def save(self, folder: str | Path, *, replace_old: bool = False) -> None:
        """Write the graph, the weights and all that `load` needs; safetensors and JSON."""
        if self._network is None:
            raise NotFittedError("Saving")
        about = {
            "settings": settings.record(self.config),
            "seed": self.seed,
            "held_out": list(self.held),
            "learned_snapshots": self._learned,
            "calibration": asdict(self.calibration),
            "validation": self.validation,
        }
        storage.write(folder, about, self.graph, self._network.state_dict(), replace_old=replace_old)

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """What `save` wrote, or what a run folder holds. Raises ForecasterFolderError, BrokenCheckpointError."""
        about, graph, weights = storage.read(folder)
        made = cls(**about["settings"])
        made._take(graph, about["held_out"], about["seed"], weights)
        made._learned = about["learned_snapshots"]
        made.calibration, made.validation = Calibration(**about["calibration"]), about["validation"]
        return made
