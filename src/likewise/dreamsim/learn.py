"""Tune a metric to people's choices: the nearer of two pictures should be the one that they found more alike.

One step is a batch of triplets, each picture of which is encoded once. What learns is a head over frozen features, or
adapters in the networks; the base is never changed before the end, when adapters are merged.
"""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from likewise import seeds, settings
from likewise.dreamsim import heads, losses
from likewise.dreamsim.config import Config
from likewise.dreamsim.ensemble import Ensemble
from likewise.dreamsim.lora import Adapters
from likewise.dreamsim.questions import Questions
from likewise.dreamsim.store import Store
from likewise.errors import HeadMismatchError, NothingToLearnError
from likewise.training import State, Step
from likewise.tuning.memory import Memory

BETAS = (0.5, 0.999)  # of Adam, as in the paper
CHUNK = 64  # pictures a forward pass where nothing is learned


def steps(questions: Questions, config: Config) -> int:
    """Optimiser steps of a whole tuning."""
    return config.epochs * -(-len(questions) // config.batch)


def learn(
    student: "Student", train: Questions, val: Questions, config: Config, seed: int, *, resume: State | None = None
) -> Iterator[Step]:
    """Yield after each step; the caller logs, saves, or stops by leaving the loop.

    Losses of a step: "loss"; "right", the share of the batch's majority choices that the metric makes too; with
    validation triplets "val_loss", the newest, computed after each epoch. `best(state)` are the weights to keep.

    Raises NothingToLearnError; ResumeMismatchError if `resume` is of other triplets, settings or seed.
    """
    if not len(train):
        raise NothingToLearnError("No triplet is left to learn from", "Collect more votes, or ask for fewer a triplet.")
    named = student.named_parameters()
    optimiser = torch.optim.Adam(named.values(), lr=config.lr, betas=BETAS, weight_decay=config.weight_decay)
    origin = {"settings": settings.record(config), "seed": seed, "triplets": train.hash, "metric": student.origin}
    book, keeper = Memory(named, optimiser, 0.0, origin), _Keeper(bool(len(val)) and config.choose)
    first = 0
    if resume:
        first = book.restore(resume)
        keeper.restore(resume)
    pace = -(-len(train) // config.batch)
    for index in range(first + 1, steps(train, config) + 1):
        rows = _batch(len(train), index, config, seed)
        with seeds.initialising(seed, "dropout", index), student.learning():
            loss, right = _loss(student, train[rows.numpy()], config)
        loss.backward()
        optimiser.step()
        optimiser.zero_grad()
        book.average()
        if index % pace == 0:
            keeper.see(index, measured(student, val, config) if len(val) else loss.item(), named)
        said = {"loss": loss.item(), "right": right.item()}
        said |= {"val_loss": keeper.newest} if len(val) and keeper.newest is not None else {}
        yield Step(index, said, config.lr, keeper.added_to(book.snapshot(index)))


class Student:
    """An ensemble and the part of it that learns."""

    def __init__(self, ensemble: Ensemble, store: Store, config: Config, seed: int, origin: str) -> None:
        """store: filled with the pictures of the questions; deep where adapters learn. origin: the metric's hash.

        A head that is there learns on, so that step 0 is the metric as given. HeadMismatchError for one of another
        kind or size than the settings ask for.
        """
        self.ensemble, self.store, self.origin = ensemble, store, origin
        self.adapters: Adapters | None = None
        ensemble.requires_grad_(False)
        if config.part == "lora":
            self.adapters = Adapters(ensemble, config.rank, config.alpha, config.dropout, seed)
            return
        width = sum(branch.width for branch in ensemble.branches)
        if ensemble.head is None:
            with seeds.initialising(seed, "head"):
                ensemble.head = heads.make(config.part, width, config.hidden)
            return
        wanted = (config.part, config.hidden if config.part == "mlp" else 0)
        if (ensemble.head.kind, ensemble.head.size) != wanted:  # a fresh one in its place would forget what it learned
            raise HeadMismatchError((ensemble.head.kind, ensemble.head.size), wanted)
        ensemble.head.requires_grad_(True)

    def named_parameters(self) -> dict[str, nn.Parameter]:
        """What learns, by name."""
        if self.adapters is not None:
            return self.adapters.named_parameters()
        assert self.ensemble.head is not None
        return dict(self.ensemble.head.named_parameters())

    def learning(self):
        """A scope of training mode."""
        return self.adapters.learning() if self.adapters is not None else torch.enable_grad()

    def rows(self, numbers: Tensor) -> Tensor:
        """Unit rows of pictures by number."""
        return self.ensemble.rows(self.store.features(numbers))

    @torch.no_grad()
    def distances(self, questions: Questions) -> tuple[Tensor, Tensor]:
        """d_left and d_right of all questions, (N,) each, every picture encoded once."""
        needed, inside = losses.numbered(torch.from_numpy(questions.places))
        rows = torch.cat([self.rows(part) for part in needed.split(CHUNK)])
        return losses.distances(rows, inside)

    @torch.no_grad()
    def put(self, weights: dict[str, Tensor]) -> None:
        """Put these weights in place of what learns."""
        for name, parameter in self.named_parameters().items():
            parameter.copy_(weights[name])

    @torch.no_grad()
    def settle(self) -> None:
        """Learn no more: adapters go into the networks for good."""
        if self.adapters is not None:
            self.adapters.merge()
        self.ensemble.requires_grad_(False)


def best(state: State) -> dict[str, Tensor]:
    """The weights of the best epoch, or of the last where none was chosen."""
    kept = {name.removeprefix("best/"): value for name, value in state.tensors.items() if name.startswith("best/")}
    return kept or {n.removeprefix("weights/"): v for n, v in state.tensors.items() if n.startswith("weights/")}


def measured(student: Student, questions: Questions, config: Config) -> float:
    """The loss on questions that nothing is learned from."""
    left, right = student.distances(questions)
    return float(_value(left, right, questions, config))


def _batch(count: int, index: int, config: Config, seed: int) -> Tensor:
    """The questions of a step: each epoch all of them once, in an order of its own."""
    pace = -(-count // config.batch)
    epoch, place = divmod(index - 1, pace)
    order = torch.randperm(count, generator=seeds.stream(seed, "order", epoch))
    return order[place * config.batch : (place + 1) * config.batch]


def _loss(student: Student, questions: Questions, config: Config) -> tuple[Tensor, Tensor]:
    needed, inside = losses.numbered(torch.from_numpy(questions.places))
    left, right = losses.distances(student.rows(needed), inside)
    share = torch.from_numpy(questions.shares)
    agreed = torch.where(share == 0.5, 0.5, ((right < left) == (share > 0.5)).double())
    return _value(left, right, questions, config), agreed.mean()


def _value(left: Tensor, right: Tensor, questions: Questions, config: Config) -> Tensor:
    if config.loss == "hinge":
        return losses.hinge(left, right, torch.from_numpy(questions.shares).to(left), config.margin)
    return losses.votes(left, right, torch.from_numpy(questions.votes).to(left), config.temperature)


class _Keeper:
    """The weights of the epoch with the lowest validation loss."""

    def __init__(self, choosing: bool) -> None:
        self.choosing = choosing
        self.index, self.value, self.newest = 0, None, None
        self.weights: dict[str, Tensor] = {}

    def see(self, index: int, value: float, named: dict[str, nn.Parameter]) -> None:
        self.newest = value
        if self.choosing and (self.value is None or value < self.value):
            self.index, self.value = index, value
            self.weights = {f"best/{name}": weight.detach().clone() for name, weight in named.items()}

    def restore(self, state: State) -> None:
        kept = state.data["best"]
        self.index, self.value, self.newest = kept["step"], kept["value"], kept["newest"]
        self.weights = {name: value.clone() for name, value in state.tensors.items() if name.startswith("best/")}

    def added_to(self, snapshot: Callable[[], State]) -> Callable[[], State]:
        about = {"step": self.index, "value": self.value, "newest": self.newest}
        weights = dict(self.weights)

        def state() -> State:
            tensors, data = snapshot()
            return State({**tensors, **weights}, {**data, "best": about})

        return state
