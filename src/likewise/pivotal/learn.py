"""First the word, then the adapters: Textual Inversion finds the pivot, a LoRA learns around it.

The idea is pivotal tuning's (arXiv:2106.05744), which first inverts a face and then tunes the generator around the
inversion; for diffusion it is what cloneofsimo's and diffusers' advanced scripts do. There both learn together and the
word stops half-way; here the adapters wait for the word, so that they learn what no word can say, and no more.
"""

import math
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial

import torch
from torch import nn

from likewise.devices import Device
from likewise.diffusion.backbone import Backbone, Text
from likewise.dreambooth import trained as adapters
from likewise.pivotal.config import Config
from likewise.textual_inversion import Data
from likewise.textual_inversion.draw import draw
from likewise.textual_inversion.rows import Trained as Rows
from likewise.training import State, Step
from likewise.tuning import memory
from likewise.tuning.objective import errors, read
from likewise.tuning.rates import adamw, lr_factor, many


def learn(
    backbone: Backbone,
    data: Data,
    config: Config,
    seed: int,
    *,
    resume: State | None = None,
    device: Device | None = None,
) -> Iterator[Step]:
    """Yield after each optimiser step: config.word_steps of the word, then those of the adapters.

    While it is open, `backbone` carries the adapters as learned so far; afterwards it is the base model again. resume:
    the state of an earlier step of the same run, of either part; ResumeMismatchError if it is of another one.
    """
    rows = Rows(backbone, [data.words])
    with adapters.thaw(backbone, config.adapters, seed) as loras:
        task = _Task(backbone, data, config, seed, rows, loras, device)
        optimiser = adamw(task.groups(), config)
        named = {**rows.named, **loras.named}
        book = memory.Memory(named, optimiser, config.ema, memory.origin(backbone, data.hash, config, seed))
        start = book.restore(resume) if resume else 0
        for index in range(start + 1, config.steps + 1):
            rate = task.begin(optimiser, index)
            losses = task.gradients(index)
            if all(map(math.isfinite, losses.values())):  # otherwise the caller stops, and the last good state stays
                optimiser.step()
                if task.word_learns(index):
                    rows.rescale(config.norm)
                book.average()
            optimiser.zero_grad(set_to_none=True)
            losses |= rows.measured(last=index == config.word_steps)
            yield Step(index, losses, rate, book.snapshot(index))


@dataclass(frozen=True)
class _Task:
    """What every step needs."""

    backbone: Backbone
    data: Data
    config: Config
    seed: int
    rows: Rows
    loras: adapters.Trained
    device: Device | None

    def groups(self) -> list[dict]:
        """The word, and the adapters."""
        word = {"params": list(self.rows.named.values()), "peak": self.config.rate}
        wide = many(list(self.loras.named.values()), self.config.lora_lr)
        return [word, {**wide, "weight_decay": self.config.lora_decay}]

    def first_part(self, index: int) -> bool:
        """Whether the word alone learns at this step."""
        return index <= self.config.word_steps

    def word_learns(self, index: int) -> bool:
        """Whether the word learns at this step, alone or not."""
        return self.first_part(index) or self.config.word_after == "trained"

    def begin(self, optimiser: torch.optim.Optimizer, index: int) -> float:
        """Let learn what is to learn at this step, at its rate; the rate of what the step is about is returned.

        What is not to learn gets no gradient, and AdamW leaves it alone, decay included.
        """
        word, wide = optimiser.param_groups
        for rows in word["params"]:
            rows.requires_grad_(self.word_learns(index))
        for pair in wide["params"]:
            pair.requires_grad_(not self.first_part(index))
        word["lr"] = word["peak"] * lr_factor(min(index, self.config.word_steps), self.config.word)
        wide["lr"] = wide["peak"]
        return word["lr"] if self.first_part(index) else wide["lr"]

    def gradients(self, index: int) -> dict[str, float]:
        """Accumulate the gradient of optimiser step `index`, clip it, and return the mean loss."""
        model, config, total = self.backbone, self.config, 0.0
        for part in range(config.accumulation):
            first = (index - 1) * config.samples + part * config.batch
            batch = draw(self.data, config, self.seed, first, model.schedule.timesteps)
            scope = self.loras.disabled if self.first_part(index) else nullcontext
            with scope(), self.device.autocast() if self.device else nullcontext():
                text = self._read(batch.prompts)
                loss = errors(model, batch.to(model.device), text, config.snr_gamma).mean()
            with scope():  # checkpointed layers run again here, and must be the layers that they were
                (loss / config.accumulation).backward()
            total += loss.item() / config.accumulation
        learning = [p for p in (*self.rows.named.values(), *self.loras.named.values()) if p.requires_grad]
        norm = nn.utils.clip_grad_norm_(learning, config.clip_norm or math.inf).item()
        return {"loss": total, "grad_norm": norm}

    def _read(self, prompts: tuple[str, ...]) -> Text:
        words, pooling = self.rows.words(0), self.config.pooling
        return read(partial(self.backbone.encode_text, words=words, pooling=pooling), prompts)
