"""Train the masked transformer: each step one task, on hidden slots alone, with UnrollMask and MixSel where asked.

The released code has no training; what it leaves open is marked in config.py and docs/magvlt.md.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor

from likewise import seeds, settings
from likewise.devices import Device
from likewise.errors import MixSelError, SettingError
from likewise.magvlt import masking, mixsel, objective, unroll
from likewise.magvlt.config import TASKS, Config, Task
from likewise.magvlt.data import Pairs
from likewise.magvlt.layout import Pair
from likewise.magvlt.model import Transformer
from likewise.training import State, Step
from likewise.tuning.memory import Memory
from likewise.tuning.memory import weights as weights

BETAS = (0.9, 0.96)


def learn(
    model: Transformer,
    pairs: Pairs,
    config: Config,
    seed: int,
    *,
    resume: State | None = None,
    device: Device | None = None,
) -> Iterator[Step]:
    """Yield after each step. The model is on `device` already, which gives the precision.

    Losses of a step: "loss"; "t2i", "i2t" or "it2it", its task's weighted sum; "image", "text" and "length", the terms;
    the same with "unroll_" and "mixsel_" before them. `weights(state)` are the weights to keep.

    Raises MixSelError if mixing is asked for and cannot be done, SettingError for BPE-dropout of pairs without a
    tokenizer, ResumeMismatchError if `resume` is of another model, data, seed or settings (the number of steps may
    grow).
    """
    if config.mixsel:
        _check_mixing(model, pairs, config)
    if config.bpe_dropout and pairs.pieces is None:
        raise SettingError(
            "bpe_dropout", config.bpe_dropout, "these pairs bring no tokenizer whose merges to leave out"
        )
    model.drop(config)
    named = dict(model.named_parameters())
    optimiser = torch.optim.AdamW(_groups(named, config), lr=config.lr, betas=BETAS)
    book = Memory(named, optimiser, config.ema, origin(model, pairs, config, seed))
    first = book.restore(resume) if resume else 0
    for index in range(first + 1, config.steps + 1):
        lr = rate(config, index)
        for group in optimiser.param_groups:
            group["lr"] = lr
        model.train()
        losses = gradients(model, pairs, config, seed, index, device)
        if all(map(math.isfinite, losses.values())):  # otherwise the caller stops, and the last good weights stay
            torch.nn.utils.clip_grad_norm_(named.values(), config.clip)
            optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        model.eval()
        book.average()
        yield Step(index, losses, lr, book.snapshot(index))


def origin(model: Transformer, pairs: Pairs, config: Config, seed: int) -> dict[str, Any]:
    """What a state was made from. A stretch may be followed by a longer one, so the number of steps is left out."""
    chosen = {name: value for name, value in settings.record(config).items() if name != "steps"}
    return {"settings": chosen, "seed": seed, "model": settings.record(model.shape), "pairs": pairs.hash}


def gradients(
    model: Transformer, pairs: Pairs, config: Config, seed: int, index: int, device: Device | None = None
) -> dict[str, float]:
    """Accumulate the gradient of step `index` and return its losses."""
    rng, scope = seeds.stream(seed, "magvlt", index), device.autocast if device else nullcontext
    task = pick(config, rng)
    rows = drawn(len(pairs), config.batch, seed, index)
    plain = whole = _batch(pairs, rows, config, seed, index)
    if task == "t2i" and config.drop:
        plain = pairs.emptied(plain, torch.rand(len(plain), generator=rng) < config.drop)
    passes = Passes(model, task, config, rng, scope)
    with dropping(seed, index, model.device):
        passes.plain(masking.hide(task, plain, config, rng))
        if config.mixsel and float(torch.rand((), generator=rng)) < config.mixsel:
            assert pairs.joined is not None
            mixed = mixsel.mix(task, whole, rows, pairs.joined, pairs.marks, model.shape, config, rng)
            passes.run("mixsel_", mixed, config.mixsel_weight)
    return {"loss": sum(passes.sums.values()), **passes.losses}


def _batch(pairs: Pairs, rows: Tensor, config: Config, seed: int, index: int) -> Pair:
    found = pairs.batch(rows)
    if not config.bpe_dropout:
        return found
    return pairs.recut(found, config.bpe_dropout, seeds.numpy_stream(seed, "pieces", index))


class Passes:
    """The passes of one step: each is gone back through at once, so that only one is held in memory."""

    def __init__(self, model: Transformer, task: Task, config: Config, rng: torch.Generator, scope: Any) -> None:
        self.model, self.config, self.rng, self.scope = model, config, rng, scope
        self.task: Task = task
        self.losses: dict[str, float] = {}
        self.sums: dict[str, float] = {}

    def plain(self, shown: Pair) -> None:
        """The pass of the task itself, and the unrolled one after it."""
        config = self.config
        alone = config.unroll != "off" and float(torch.rand((), generator=self.rng)) < config.unroll_alone
        logits = self._guess(shown) if alone else self.run("", shown, 1.0)
        rows = unroll.lightly(shown, config) if config.unroll != "off" else torch.arange(0)
        if len(rows):
            chosen = shown[rows]
            kept = {name: _rows_of(value, getattr(shown, f"{name}_hidden"), rows) for name, value in logits.items()}
            self.run("unroll_", unroll.again(self.task, chosen, kept, config, self.rng), config.unroll_weight, chosen)

    def run(self, prefix: str, shown: Pair, weight: float, truth: Pair | None = None) -> dict[str, Tensor]:
        """One pass forth and back; the logits of its hidden slots, without gradient."""
        shown, truth = self._ready(shown), truth and self._ready(truth)
        with self.scope():
            hidden = self.model(self.task, shown)
            losses, logits = objective.masked(self.model, hidden, shown, self.config, truth)
            if self.task != "t2i" and self.config.length_weight:
                losses["length"] = objective.length(self.model, self.task, shown, hidden)
            loss = objective.total(losses, self.config)
        (weight * loss).backward()
        self.losses |= {f"{prefix}{self.task}": loss.item()}
        self.losses |= {f"{prefix}{name}": value.item() for name, value in losses.items()}
        self.sums[prefix] = weight * loss.item()
        return logits

    @torch.no_grad()
    def _guess(self, shown: Pair) -> dict[str, Tensor]:
        shown = self._ready(shown)
        with self.scope():
            return objective.masked(self.model, self.model(self.task, shown), shown, self.config)[1]

    def _ready(self, shown: Pair) -> Pair:
        return shown.trimmed().to(self.model.device)


def _rows_of(logits: Tensor, hidden: Tensor, rows: Tensor) -> Tensor:
    """The logits of hidden slots, of these rows alone."""
    owner = hidden.nonzero()[:, 0]
    return logits[torch.isin(owner, rows).to(logits.device)]


def pick(config: Config, rng: torch.Generator) -> Task:
    """The task of a step, by the weights."""
    weights = torch.tensor([config.t2i, config.i2t, config.it2it])
    return TASKS[int(torch.multinomial(weights, 1, generator=rng))]


def drawn(count: int, batch: int, seed: int, index: int) -> Tensor:
    """The rows of step `index`: each epoch is a keyed permutation of all pairs, gone through batch by batch."""
    at = range((index - 1) * batch, index * batch)
    orders = {epoch: seeds.numpy_stream(seed, "epoch", epoch).permutation(count) for epoch in {i // count for i in at}}
    return torch.tensor([int(orders[i // count][i % count]) for i in at])


def rate(config: Config, index: int) -> float:
    """The learning rate of step `index`, from 1."""
    rise = config.warmup * config.steps
    if index <= rise:
        return config.lr * index / rise
    left = (config.steps - index + 1) / max(1.0, config.steps - rise)
    if config.decay == "cosine":
        return config.lr * 0.5 * (1 + math.cos(math.pi * (1 - left)))
    if config.decay == "plateau":
        return config.lr * min(1.0, (config.steps - index + 1) / max(1.0, 0.3 * config.steps))
    return config.lr * left


@contextmanager
def dropping(seed: int, index: int, device: torch.device) -> Iterator[None]:
    """A scope in which dropout, which torch draws from global generators, is keyed by the step; they are put back."""
    cards = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=cards):
        torch.default_generator.manual_seed(seeds.key(seed, "dropout", index))
        for card in cards:
            torch.cuda.default_generators[card.index or 0].manual_seed(seeds.key(seed, "dropout", index))
        yield


def _groups(named: dict[str, torch.nn.Parameter], config: Config) -> list[dict[str, Any]]:
    """Matrices decay; norms, biases, tables of tokens and of positions do not."""
    decays = {name for name, p in named.items() if p.ndim > 1 and not name.startswith(("tok_emb", "pos_emb"))}
    return [
        {"params": [p for name, p in named.items() if (name in decays) == chosen], "weight_decay": decay}
        for chosen, decay in ((True, config.weight_decay), (False, 0.0))
    ]


def _check_mixing(model: Transformer, pairs: Pairs, config: Config) -> None:
    if pairs.joined is None:
        raise MixSelError("the pictures themselves are not at hand, and halves of codes are not codes of halves")
    if pairs.marks[0] < 0:
        raise MixSelError("the tokenizer has no token '|' to stand between two captions")
    if model.shape.special < 10:
        raise MixSelError("the model lacks the four tokens that select a half")
    if config.batch < 2:
        raise MixSelError("a batch of 1 has no second pair to mix with")
