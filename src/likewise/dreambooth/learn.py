"""Teach a diffusion model one subject from a few photos, keeping what it knows of the class (arXiv:2208.12242).

The loop is a generator of optimiser steps: it never prints, saves, picks a device or reads a file. Randomness is named
by sample number (see tuning/samples.py), so a resumed run repeats the uninterrupted one bit for bit.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial

import torch
from torch import nn

from likewise.devices import Device
from likewise.diffusion.backbone import Backbone, Text, join
from likewise.dreambooth.config import Config
from likewise.dreambooth.draw import Data, draw
from likewise.dreambooth.loss import loss
from likewise.dreambooth.trained import Trained, teacher, thaw
from likewise.errors import NothingToLearnError
from likewise.training import State, Step
from likewise.tuning import memory
from likewise.tuning.objective import Teacher, read
from likewise.tuning.rates import adamw, set_rate

Read = Callable[[tuple[str, ...]], Text]  # prompts -> their encodings, row by row


def learn(
    backbone: Backbone,
    data: Data,
    config: Config,
    seed: int,
    *,
    resume: State | None = None,
    device: Device | None = None,
) -> Iterator[Step]:
    """Yield after each optimiser step; the caller logs, previews, saves, or stops by closing the generator.

    While it is open, `backbone` is the model as learned so far, so previews use it as it is; afterwards it is the base
    model again. resume: the state of an earlier step of the same run; ResumeMismatchError if it is of another one.
    device: for its autocast; weights and moments stay float32.
    """
    _refuse_nothing(data, config)
    with thaw(backbone, config, seed) as trained:
        read, guide = _prompts(backbone, data, config, trained)
        task = _Task(backbone, data, config, seed, read, guide, device)
        optimiser = adamw(trained.groups(config), config)
        book = memory.Memory(trained.named, optimiser, config.ema, memory.origin(backbone, data.hash, config, seed))
        start = book.restore(resume) if resume else 0
        for index in range(start + 1, config.steps + 1):
            rate = set_rate(optimiser, index, config)
            losses = {**_gradients(task, index), "grad_norm": _norm(trained, config)}
            if all(map(math.isfinite, losses.values())):  # otherwise the caller stops, and the last good weights stay
                optimiser.step()
                book.average()
            optimiser.zero_grad(set_to_none=True)
            yield Step(index, losses, rate, book.snapshot(index))


@dataclass(frozen=True)
class _Task:
    """What every step of a run needs."""

    backbone: Backbone
    data: Data
    config: Config
    seed: int
    read: Read
    teacher: Teacher | None
    device: Device | None


def _refuse_nothing(data: Data, config: Config) -> None:
    if not data.photos or not len(data.photos[0].mean):
        raise NothingToLearnError("There are no photos", "Give a folder with at least three.")
    if config.prior == "images" and not (data.classes and len(data.classes[0].mean)):
        raise NothingToLearnError(
            "There are no class images, which the prior asks for", "Make some, or set prior none."
        )


def _prompts(backbone: Backbone, data: Data, config: Config, trained: Trained) -> tuple[Read, Teacher | None]:
    """How prompts are read (once and for all while the text encoder is frozen), and the teacher, if asked for."""
    known = dict(data.texts)
    with torch.no_grad(), trained.disabled():
        plain = [data.plain] if config.caption_dropout else []
        spoken = {*data.captions, *data.class_captions, data.class_prompt, *plain}
        for prompt in sorted(spoken - known.keys()):
            known[prompt] = backbone.encode_text([prompt])  # one by one: the same bits as from a cache
    known = {prompt: text.to(backbone.device) for prompt, text in known.items()}
    guide = teacher(backbone, trained, known[data.class_prompt]) if config.prior == "teacher" else None
    if not config.train_text:
        return lambda prompts: join([known[prompt] for prompt in prompts]), guide
    return partial(read, backbone.encode_text), guide


def _gradients(task: _Task, index: int) -> dict[str, float]:
    """Accumulate the gradient of optimiser step `index` and return its mean losses."""
    total: dict[str, float] = {}
    parts, batch = task.config.accumulation, task.config.batch
    for part in range(parts):
        first = (index - 1) * task.config.samples + part * batch
        whole = draw(task.data, task.config, task.seed, first, task.backbone.schedule.timesteps)
        for samples in whole.halves() if task.config.prior_apart else [whole]:
            with task.device.autocast() if task.device else nullcontext():
                text = task.read(samples.prompts)
                losses = loss(task.backbone, samples.to(task.backbone.device), text, task.config, task.teacher)
            (losses["loss"] / parts).backward()
            for name, value in losses.items():
                total[name] = total.get(name, 0.0) + value.item() / parts
    return total


def _norm(trained: Trained, config: Config) -> float:
    """The gradient's norm over all trained tensors, before it is clipped."""
    limit = config.clip_norm or math.inf
    return nn.utils.clip_grad_norm_(list(trained.named.values()), limit).item()
