"""Train a student on views of photos, or on photos with their captions, one optimiser step a yield."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from likewise import settings
from likewise.contrastive import views
from likewise.contrastive.cached import accumulate
from likewise.contrastive.config import Config
from likewise.contrastive.distributed import average_gradients, rank, world
from likewise.contrastive.lars import LARS
from likewise.contrastive.learn import restore, snapshot
from likewise.contrastive.objectives import OBJECTIVES
from likewise.contrastive.student import Student
from likewise.contrastive.views import Recipe
from likewise.devices import Device
from likewise.encoders.encoder import Encoder
from likewise.errors import ResumeMismatchError, SettingError
from likewise.images import to_pil
from likewise.records import differences
from likewise.seeds import stream
from likewise.training import State, Step


@dataclass(frozen=True, eq=False)
class Material:
    """What is learned from: N photos, and what goes with them."""

    pixels: Tensor  # (N, 3, side, side) uint8
    hash: str
    ids: Tensor | None = None  # (N, L) token ids of captions
    taught: Tensor | None = None  # (N, D) the teacher's unit rows of the clean photos
    teacher: Encoder | None = None  # where it sees every view instead


def learn(
    student: Student,
    material: Material,
    config: Config,
    seed: int,
    device: Device,
    *,
    views_on: str = "cpu",
    resume: State | None = None,
) -> Iterator[Step]:
    """Yield after each step. Losses: "contrastive", of the whole batch of all processes.

    Rows are drawn without repeats inside a batch, keyed by the step. SettingError where the batch is larger than the
    photos; ResumeMismatchError where `resume` is of other photos, settings or seed.
    """
    if len(material.pixels) < config.batch:
        raise SettingError(
            "batch", config.batch, f"there are {len(material.pixels)} photos; lower --batch, or add some"
        )
    student.to(device.kind).train()
    optimiser = _optimiser(student, config)
    made_from = {**settings.record(config), "seed": seed, "photos": material.hash}
    done = 0 if resume is None else _resumed(student, optimiser, resume, made_from)
    lesson = _Lesson(student, material, config, seed, device, views_on)
    for index in range(done + 1, config.steps + 1):
        lr = rate(config, index)
        for group in optimiser.param_groups:
            group["lr"] = lr
        loss = lesson.gradients(index)
        average_gradients(student.parameters())
        if math.isfinite(loss):  # otherwise the caller stops, and the last good weights stay
            torch.nn.utils.clip_grad_norm_(student.parameters(), 10.0)
            optimiser.step()
        optimiser.zero_grad()
        yield Step(index, {"contrastive": loss}, lr, lambda i=index: _state(student, optimiser, i, made_from))


def rate(config: Config, index: int) -> float:
    """The learning rate of step `index`: a linear rise, then half a cosine."""
    rise = config.warmup * config.steps
    if index <= rise:
        return config.lr * index / rise
    return config.lr * 0.5 * (1 + math.cos(math.pi * (index - rise) / max(1, config.steps - rise + 1)))


def recipe(config: Config) -> Recipe:
    """How views are made; of photos with captions gently, as a caption says what colours there are."""
    shared = {name: getattr(config, name) for name in Recipe.model_fields}
    if config.reads_texts:
        shared |= {"crop": max(config.crop, 0.5), "colour": 0.0, "jitter": 0.0, "grey": 0.0, "blur": 0.0}
    return Recipe(**shared)


class _Lesson:
    """One step's loss and gradients, whatever the objective."""

    def __init__(
        self, student: Student, material: Material, config: Config, seed: int, device: Device, views_on: str
    ) -> None:
        self.student, self.material, self.config, self.seed, self.device = student, material, config, seed, device
        self.recipe, self.views_on = recipe(config), views_on
        self.rules = dict(zip(config.rules, config.shares, strict=True)) if config.shares else config.rules

    def gradients(self, index: int) -> float:
        """Accumulate the gradient of step `index`; the loss of the whole batch."""
        config, count = self.config, len(self.material.pixels)
        batch = torch.randperm(count, generator=stream(self.seed, "rows", index))[: config.batch]
        here = torch.arange(config.batch).tensor_split(world())[rank()]
        rows = batch[here]
        made = [self._views(rows, here, index, view) for view in range(config.view_count)]
        loss = self._pairs_loss if config.reads_texts else self._views_loss(rows, made)
        embed = self._embed(made, rows)
        if config.part and config.part < len(rows):
            value = accumulate(embed, torch.arange(len(rows)), config.part, loss, self.student)
        else:
            value = loss(*embed(torch.arange(len(rows))))
            value.backward()
        return _mean(value.detach())

    def _views(self, rows: Tensor, here: Tensor, index: int, view: int) -> Tensor:
        side = self.material.pixels.shape[-1]
        chances = views.draw(self.recipe, self.config.batch, side, self.seed, index, view)[here]
        return views.views(self.material.pixels[rows].to(self.views_on), chances, self.recipe).to(self.device.kind)

    def _embed(self, made: Sequence[Tensor], rows: Tensor) -> Callable[[Tensor], Sequence[Tensor]]:
        ids = self.material.ids

        def embed(which: Tensor) -> Sequence[Tensor]:
            with self.device.autocast():
                if ids is not None:
                    found = self.student.pair_rows(made[0][which], ids[rows[which]].to(self.device.kind))
                else:  # all views pass together, so that batch normalisation sees them as one batch
                    together = self.student.view_rows(torch.cat([view[which] for view in made]))
                    found = together.chunk(len(made))
            return [one.float() for one in found]

        return embed

    def _views_loss(self, rows: Tensor, made: Sequence[Tensor]) -> Callable[..., Tensor]:
        config = self.config
        if config.objective == "spectral":
            return lambda first, second: OBJECTIVES["spectral"].loss(first, second, chunk=config.chunk)
        teacher = self._taught(rows, made) if self.rules else None
        more: dict[str, Any] = {"temperature": config.temperature, "chunk": config.chunk, "mode": config.count_mode}
        return lambda *found: OBJECTIVES["ntxent"].loss(torch.stack(found), teacher=teacher, rules=self.rules, **more)

    def _taught(self, rows: Tensor, made: Sequence[Tensor]) -> Tensor:
        """The teacher's unit rows of this process's views, (V, B, D)."""
        if self.material.taught is not None:
            found = self.material.taught[rows].expand(len(made), -1, -1)
        else:
            assert self.material.teacher is not None, "a rule has a teacher"
            found = torch.stack([torch.from_numpy(self.material.teacher.embed(to_pil(view))) for view in made])
        return found.to(self.device.kind)

    def _pairs_loss(self, images: Tensor, texts: Tensor) -> Tensor:
        config, student = self.config, self.student
        more: dict[str, Any] = {} if config.objective == "spectral-pairs" else {"scale": student.scale}
        if config.objective == "siglip":
            more["bias"] = student.bias
        return OBJECTIVES[config.objective].loss(images, texts, chunk=config.chunk, **more)


def _optimiser(student: Student, config: Config) -> torch.optim.Optimizer:
    matrices = [p for p in student.parameters() if p.ndim > 1]
    others = [p for p in student.parameters() if p.ndim <= 1]
    groups = [{"params": matrices, "weight_decay": config.weight_decay}, {"params": others, "weight_decay": 0.0}]
    if config.optimiser == "adamw":
        return torch.optim.AdamW(groups, lr=config.lr)
    return LARS([{**group, "adapt": adapt} for group, adapt in zip(groups, (True, False), strict=True)], config.lr)


def _state(student: Student, optimiser: torch.optim.Optimizer, index: int, made_from: dict) -> State:
    tensors, data = snapshot(student, optimiser, index)
    return State({name: value.cpu() for name, value in tensors.items()}, {**data, "made_from": made_from})


def _resumed(student: Student, optimiser: torch.optim.Optimizer, state: State, made_from: dict) -> int:
    changed = differences(state.data["made_from"], made_from)
    if changed:
        raise ResumeMismatchError([f"{name} was {old!r} and is {new!r}" for name, old, new in changed])
    return restore(student, optimiser, state)


def _mean(value: Tensor) -> float:
    if world() > 1:
        torch.distributed.all_reduce(value)
        value = value / world()
    return value.item()
