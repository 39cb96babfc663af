"""Learn to tell the links of the next snapshot from pairs that are none, under interventions on the variant parts.

One step is the whole training window: embeddings of t = 0 .. L - 2 are asked for the links of t + 1, against as many
negatives, drawn anew each step; or, with `batch`, some of those links, with `fan_out` past links a node. Nothing after
the window is looked at but by the validation, which has no gradient.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from likewise import seeds, settings
from likewise.dida import negatives, sampling
from likewise.dida.classifying import ClassTask
from likewise.dida.config import Config
from likewise.dida.graph import Graph
from likewise.dida.model import Entrance, Network, score
from likewise.dida.networks import make, plan
from likewise.dida.penalty import Picks, donors, groups, penalty
from likewise.dida.robust import Robust
from likewise.dida.sampling import Sampler
from likewise.dida.splits import Split, split
from likewise.errors import NothingToLearnError
from likewise.metrics.ranking import auc
from likewise.training import State, Step
from likewise.tuning.memory import Memory


def learn(graph: Graph, config: Config, seed: int, *, resume: State | None = None) -> Iterator[Step]:
    """Yield after each step; the caller logs, saves, or stops (see `stopping`).

    Losses of a step: "loss"; "task", the mean binary cross-entropy, whatever the objective; with a penalty "risk" and
    "risk_variance" over the interventions and "spread", the standard deviation of the variant scores; "val_auc", the
    newest, of the mean over validation snapshots; "stale", steps since it was best. `best(state)` are the weights of
    the best validation.

    Raises TooFewSnapshotsError, NothingToLearnError, NoNegativesError; ResumeMismatchError if `resume` is of another
    graph, seed or setting.
    """
    kind = ClassTask if config.task == "classes" else Task
    task = kind(graph, split(len(graph), config.val_snapshots, config.test_snapshots), config, seed)
    network = make(config, graph, seed)
    if isinstance(network, Network):
        network.variant.requires_grad_(config.variant_decoder == "trained" and config.intervenes)
    if network.reclassify is not None:
        network.reclassify.requires_grad_(config.variant_decoder == "trained" and config.intervenes)
    optimiser = torch.optim.Adam(
        [weight for weight in network.parameters() if weight.requires_grad],
        lr=config.lr,
        weight_decay=config.weight_decay,
    )
    origin = {"settings": settings.record(config), "seed": seed, "graph": graph.hash}
    book = Memory({**dict(network.named_parameters()), **task.objective.state}, optimiser, 0.0, origin)
    record = _Best()
    first = 0
    if resume:
        first = book.restore(resume)
        record.restore(resume)
    for index in range(first + 1, config.epochs + 1):
        losses = task.gradients(network, index)
        if all(map(math.isfinite, losses.values())):  # otherwise the caller stops, and the last good weights stay
            optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        book.average()
        if index == 1 or index % config.validate_every == 0 or index == config.epochs:
            record.see(index, task.validate(network), network)
        losses |= {"val_auc": record.newest, "stale": float(index - record.index)}
        yield Step(index, losses, config.lr, record.added_to(book.snapshot(index)))


def stopping(config: Config) -> Callable[[Step], str | None]:
    """The early stop of a run, for `training.run`: past min_epochs, and patience steps without a better validation."""

    def stop(step: Step) -> str | None:
        if step.index > config.min_epochs and step.losses["stale"] > config.patience:
            return f"no better validation for {step.losses['stale']:.0f} steps"
        return None

    return stop


def best(state: State) -> dict[str, Tensor]:
    """The network's weights at its best validation so far."""
    return {name.removeprefix("best/"): value for name, value in state.tensors.items() if name.startswith("best/")}


class _Best:
    """The best validation of a run, and the weights that made it."""

    def __init__(self) -> None:
        self.index, self.value, self.newest = 0, -1.0, 0.5
        self.weights: dict[str, Tensor] = {}

    def see(self, index: int, value: float, network: Entrance) -> None:
        self.newest = value
        if value > self.value:
            self.index, self.value = index, value
            self.weights = {f"best/{name}": weight.detach().clone() for name, weight in network.named_parameters()}

    def restore(self, state: State) -> None:
        kept = state.data["best"]
        self.index, self.value, self.newest = kept["step"], kept["val_auc"], kept["newest"]
        self.weights = {name: value.clone() for name, value in state.tensors.items() if name.startswith("best/")}

    def added_to(self, snapshot: Callable[[], State]) -> Callable[[], State]:
        about = {"step": self.index, "val_auc": self.value, "newest": self.newest}
        weights = dict(self.weights)

        def state() -> State:
            tensors, data = snapshot()
            return State({**tensors, **weights}, {**data, "best": about})

        return state


@dataclass(frozen=True)
class Pairs:
    """P pairs at the times of their embeddings."""

    rows: Tensor  # (2, P) rows of the parts laid flat, t * N + node
    labels: Tensor  # (P,) 1 for a link
    snapshot: Tensor  # (P,)
    source: Tensor  # (P,)


class Task:
    """What every step needs, made once: the plan of attention over the window, and the fixed pairs of validation."""

    def __init__(self, graph: Graph, cut: Split, config: Config, seed: int) -> None:
        self.config, self.seed, self.cut = config, seed, cut
        self.window, self.seen = graph.until(cut.window), graph.until(cut.val.stop)
        self.known = graph.until(cut.window + 1)  # the links that training may know of: the last are only asked for
        if config.batch:
            self.sampler = Sampler(self.seen, both_ways=config.both_ways, fan_out=config.fan_out)
        else:
            self.past, self.later = plan(config, self.window), plan(config, self.seen)
        self.objective = Robust(config.objective, config.objective_strength, len(cut.train))
        if not any(self.known.links(t + 1).numel() for t in cut.train):
            raise NothingToLearnError(
                "No snapshot of the training window but the first has links", "Cut time otherwise, or give more."
            )
        judged = graph.until(cut.val.stop + 1)
        self.trials = [
            (t, judged.links(t + 1), negatives.draw(judged, t + 1, "auto", judged.links(t + 1).shape[1], seed, "val"))
            for t in cut.val
            if judged.links(t + 1).numel()
        ]
        if not self.trials:
            raise NothingToLearnError("No snapshot of the validation has links", "Cut time otherwise, or give more.")

    def pairs(self, index: int) -> Pairs:
        """The links to learn in step `index`, each snapshot's followed by as many negatives."""
        pairs, labels, times = [], [], []
        for t, links in self._links(index):
            count = links.shape[1]
            others = negatives.draw(self.known, t + 1, self.config.negatives, count, self.seed, "train", index)
            pairs += [links, others]
            labels += [torch.ones(count), torch.zeros(count)]
            times.append(torch.full((2 * count,), t))
        both, snapshot = torch.cat(pairs, dim=1), torch.cat(times)
        return Pairs(both + snapshot * self.known.size, torch.cat(labels), snapshot, both[0])

    def _links(self, index: int) -> Iterator[tuple[int, Tensor]]:
        """(t, links of t + 1) of all training times, or those of a batch."""
        if not self.config.batch:
            yield from ((t, self.known.links(t + 1)) for t in self.cut.train)
            return
        first, last = self.known.ends[0], self.known.ends[-1]
        random = seeds.numpy_stream(self.seed, "batch", index)
        chosen = np.sort(random.choice(last - first, min(self.config.batch, last - first), replace=False)) + first
        snapshot = self.known.snapshot_of[chosen]
        for t in snapshot.unique().tolist():
            yield t - 1, self.known.edges[:, chosen[(snapshot == t).numpy()]]

    def gradients(self, network: Entrance, index: int) -> dict[str, float]:
        """Accumulate the gradient of step `index` and return its losses."""
        config, pairs = self.config, self.pairs(index)
        random = seeds.stream(self.seed, "dropout", index) if config.dropout else None
        parts, others, rows = self._parts(network, pairs, random, index)
        logits = score(parts, rows)
        loss = self.objective(logits, pairs.labels, pairs.snapshot)
        losses = {"task": F.binary_cross_entropy_with_logits(logits.detach(), pairs.labels).item()}
        if others is not None:
            assert isinstance(network, Network), "only DIDA has a variant part"
            read = network.variant_score(others, rows)
            scales = torch.sigmoid(read) if config.penalty == "reference" else read
            found = penalty(logits, pairs.labels, scales, *self._donors(pairs, index), config.draws, config.penalty)
            loss = loss + config.strength * found.value
            losses |= {"risk": found.mean, "risk_variance": found.variance, "spread": found.spread}
            if config.variant_decoder == "trained":  # reaches the decoder alone, as its inputs and scores are detached
                loss = loss + F.binary_cross_entropy(read, pairs.labels)
        loss.backward()
        return {"loss": loss.item(), **losses}

    def _parts(
        self, network: Entrance, pairs: Pairs, random: torch.Generator | None, index: int
    ) -> tuple[Tensor, Tensor | None, Tensor]:
        """The invariant and variant parts in rows, and the rows of every pair (2, P)."""
        variant = self.config.intervenes
        if self.config.batch:
            assert isinstance(network, Network), "only DIDA and plain attention take batches"
            return self._sampled(network, pairs.rows, random, "train", index, variant=variant)
        parts, others = network(self.past, network.features_of(self.window), random, variant=variant)
        return parts.flatten(0, 1), None if others is None else others.flatten(0, 1), pairs.rows

    def _sampled(
        self, network: Network, asked: Tensor, random: torch.Generator | None, *names: str | int, variant: bool
    ) -> tuple[Tensor, Tensor | None, Tensor]:
        """As `_parts`, of the rows asked for (2, P), with past links drawn by the names; no row asks after its time."""
        cells, rows = torch.unique(asked, return_inverse=True)
        sampled = self.sampler.rows(cells, self.config.layers, self.seed, *names)
        return *sampling.parts(network, sampled, network.features_of(self.seen), random, variant=variant), rows

    def _donors(self, pairs: Pairs, index: int) -> tuple[Tensor, Picks]:
        kind = self.config.intervention
        group = groups(kind, pairs.snapshot, pairs.source)
        return group, donors(kind, group, self.config.draws, self.seed, index)

    @torch.no_grad()
    def validate(self, network: Entrance) -> float:
        """The AUC on the fixed pairs, the mean over validation snapshots; with batches by the same draws each time."""
        read, found = self._batches(network) if self.config.batch else self._whole(network), []
        for t, links, others in self.trials:
            scores = read(t, torch.cat([links, others], dim=1)).numpy()
            if not np.isfinite(scores).all():
                return math.nan  # a loss that the caller stops at
            found.append(auc(scores, np.arange(len(scores)) < links.shape[1]))
        return sum(found) / len(found)

    def _whole(self, network: Entrance) -> Callable[[int, Tensor], Tensor]:
        parts, _ = network(self.later, network.features_of(self.seen), variant=False)
        return lambda t, pairs: score(parts[t], pairs)

    def _batches(self, network: Entrance) -> Callable[[int, Tensor], Tensor]:
        assert isinstance(network, Network), "only DIDA and plain attention take batches"

        def read(t: int, pairs: Tensor) -> Tensor:
            found = []
            for number, some in enumerate((pairs + t * self.seen.size).split(2 * self.config.batch, dim=1)):
                parts, _, rows = self._sampled(network, some, None, "val", t, number, variant=False)
                found.append(score(parts, rows))
            return torch.cat(found)

        return read
