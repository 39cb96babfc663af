"""Learn vectors by gradient descent: several words, from several seeds, side by side (arXiv:2208.01618, equation 2).

v* = argmin_v E[ w(t) || eps - eps_theta(z_t, t, c(v)) ||^2 ], with every weight of the model frozen. Gradients still
flow through its U-Net and text encoders, so nothing here is without them.
"""

import math
from collections.abc import Generator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial

import torch
from torch import nn

from likewise import checkpoint
from likewise.devices import Device
from likewise.diffusion.backbone import Backbone, Text, Vectors, join
from likewise.errors import NothingToLearnError
from likewise.textual_inversion.config import Config
from likewise.textual_inversion.draw import Data, draw
from likewise.textual_inversion.rows import Trained
from likewise.training import State, Step
from likewise.tuning import memory
from likewise.tuning.frugal import recomputing
from likewise.tuning.objective import errors, read
from likewise.tuning.rates import adamw, set_rate
from likewise.tuning.samples import beside


def optimise(
    backbone: Backbone,
    data: Data,
    config: Config,
    seeds: Sequence[int],
    starts: Sequence[Mapping[str, Vectors]],
    *,
    resume: State | None = None,
    device: Device | None = None,
) -> Generator[Step, None, None]:
    """Yield after each optimiser step; the caller logs, previews, saves, or stops by closing the generator.

    starts: for each of the seeds, every placeholder in data's prompts and captions -> where its vectors start; they
    are copied, and only the copies learn. All seeds go through the network in one batch of len(seeds) * config.batch
    rows, each with photos, sentences, noise and timesteps of its own; their losses are summed, and as no vector belongs
    to two of them, each learns as it would alone. `vectors(weights(state), i)` are the words of seed i.

    Losses of a step: "loss", the mean over seeds, and "loss i" of seed i where there are several; "grad_norm" before
    clipping; "moved", |v - v0| / |v0| of the row that moved least; "length", |v| over the median of the model's own
    rows, of the longest. StillWordWarning at the end for less than 1 % of movement, LongWordWarning once beyond 3.
    resume: the state of an earlier step of the same run; ResumeMismatchError if it is of another one. device: for its
    autocast; vectors and moments stay float32.
    """
    _refuse_nothing(data, seeds, starts)
    trained = Trained(backbone, starts)
    optimiser = adamw([{"params": list(trained.named.values()), "peak": config.rate}], config)
    origin = {"seeds": list(seeds), "starts": checkpoint.hash_tensors(trained.named)}
    book = memory.Memory(
        trained.named, optimiser, config.ema, memory.origin(backbone, data.hash, config, seeds[0], **origin)
    )
    task = _Task(backbone, data, config, tuple(seeds), trained, device)
    with recomputing(backbone.unet, config.checkpointing):
        first = book.restore(resume) if resume else 0
        for index in range(first + 1, config.steps + 1):
            rate = set_rate(optimiser, index, config)
            losses = task.gradients(index)
            if all(map(math.isfinite, losses.values())):  # otherwise the caller stops, and the last good rows stay
                optimiser.step()
                trained.rescale(config.norm)
                book.average()
            optimiser.zero_grad(set_to_none=True)
            losses |= trained.measured(last=index == config.steps)
            yield Step(index, losses, rate, book.snapshot(index))


def _refuse_nothing(data: Data, seeds: Sequence[int], starts: Sequence[Mapping[str, Vectors]]) -> None:
    if not data.photos or not len(data.photos[0].mean):
        raise NothingToLearnError("There are no photos", "Give a folder with at least three.")
    assert len(seeds) == len(starts) > 0, "every seed needs a start"
    said = [*data.prompts, *filter(None, data.captions)]
    silent = [word for words in starts for word in words if not any(word in text for text in said)]
    if silent or not any(starts):
        raise NothingToLearnError(
            f"No sentence holds {silent[0] if silent else 'a word'}", "Put it into the captions, or leave them out."
        )


@dataclass(frozen=True)
class _Task:
    """What every step needs."""

    backbone: Backbone
    data: Data
    config: Config
    seeds: tuple[int, ...]
    trained: Trained
    device: Device | None

    def gradients(self, index: int) -> dict[str, float]:
        """Accumulate the gradient of optimiser step `index`, clip it seed by seed, and return the mean losses."""
        parts, total = self.config.accumulation, torch.zeros(len(self.seeds))
        for part in range(parts):
            found = self._losses((index - 1) * self.config.samples + part * self.config.batch)
            (found.sum() / parts).backward()
            total += found.detach().cpu() / parts
        limit = self.config.clip_norm or math.inf
        norms = [nn.utils.clip_grad_norm_(self.trained.own(i), limit).item() for i in range(len(self.seeds))]
        several = {f"loss {i}": value.item() for i, value in enumerate(total)} if len(self.seeds) > 1 else {}
        return {"loss": total.mean().item(), **several, "grad_norm": max(norms)}

    def _losses(self, first: int) -> torch.Tensor:
        """The loss of each seed's samples first, first + 1, ..., (seeds,), after one pass through the network."""
        model, size = self.backbone, self.config.batch
        batches = [draw(self.data, self.config, seed, first, model.schedule.timesteps) for seed in self.seeds]
        with self.device.autocast() if self.device else nullcontext():
            text = join([self._read(batch.prompts, seed) for seed, batch in enumerate(batches)])
            found = errors(model, beside(batches).to(model.device), text, self.config.snr_gamma)
        return found.view(len(self.seeds), size).mean(dim=1)

    def _read(self, prompts: tuple[str, ...], seed: int) -> Text:
        words, pooling = self.trained.words(seed), self.config.pooling
        return read(partial(self.backbone.encode_text, words=words, pooling=pooling), prompts)
