"""Watch a training by a few cheap pictures at every checkpoint, and end it once they no longer get better.

The measure is the verdict's worth (see `choose`), on four prompts and one picture each, so that it costs seconds. The
rule is patience: stop when the best worth was `patience` checkpoints ago, but never before likeness has come a tenth of
its way. Training loss has no part in it. Scores go to scores.jsonl; a resumed run forgets those after its checkpoint
and judges from the rest, so that it stops where an uninterrupted one does.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from likewise.diffusion.backbone import Backbone, Words
from likewise.records import Events
from likewise.training import Step
from likewise.verdict import runs
from likewise.verdict.choose import Weights, judge
from likewise.verdict.config import Config
from likewise.verdict.draw import Brush, Model
from likewise.verdict.gauge import gauge
from likewise.verdict.judging import measuring
from likewise.verdict.scores import Drawn

FILE = "scores.jsonl"
PATIENCE = 2  # checkpoints
LEARNED = 0.1  # share of the way of likeness before which nothing is stopped
CHEAP = Config(images=1, class_images=1, steps=8)


class Watch:
    """Scores the model at its checkpoints and says when to stop. Made before training, with the base model as it is."""

    def __init__(
        self,
        backbone: Backbone,
        run: Path,
        words: Callable[[Mapping[str, torch.Tensor]], Words],
        *,
        every: int,
        last: int,
        since: int = 0,
        patience: int = PATIENCE,
        config: Config | None = None,
    ) -> None:
        """words: the vectors in a state's tensors. every: steps between checkpoints; last: the last step, which has
        one too; since: the step resumed from."""
        config = config or CHEAP
        self.about = runs.read(run)
        self.words, self.every, self.last, self.patience, self.config = words, every, last, patience, config
        prompts = config.drawn(backbone.facts.family, self.about.noun)
        self.brush = Brush(backbone, config, len(prompts), models=1)
        self.asked = self.about.asked(prompts)
        self.base = self._drawn(Model(0, self.about.meant(prompts), self.about.bare))
        self.judge = measuring(self.about, backbone, config, prompts)
        self.before = self.judge.measure(self.base, self.base)
        self.gauge = gauge(self.judge, self.before, config.seed, config.level)
        self.events = Events(run / FILE)
        self.events.truncate(since)

    def __call__(self, step: Step) -> str | None:
        """Why to stop after this step, or None. Draws and writes a score at checkpoints alone."""
        if step.index % self.every and step.index != self.last:
            return None
        self.score(step.index, self.words(step.state().tensors))
        return verdict_of(self.events.read(), self.patience)

    def score(self, step: int, words: Words) -> dict[str, Any]:
        """Score the model as it is now, and write that down."""
        drawn = self._drawn(Model(step, self.asked, self.about.bare, pooling=self.about.pooling), words)
        scores = [self.before, self.judge.measure(drawn, self.base)]
        found, _, _ = judge(scores, self.gauge, Weights(self.config.weight, level=self.config.level))
        names = ("worth", "gain", "fidelity", "drift", "copied")
        values = {name: getattr(found[1], name) for name in names}
        row = {"step": step} | {name: round(one.value, 6) for name, one in values.items() if one is not None}
        self.events.append(row)
        self.events.close()
        return row

    @torch.no_grad()
    def _drawn(self, model: Model, words: Words | None = None) -> Drawn:
        cards = list(range(torch.cuda.device_count())) if torch.cuda.is_initialized() else []
        with torch.random.fork_rng(devices=cards):  # training draws as if nobody had looked
            return self.brush.draw(model, words)


def verdict_of(rows: list[dict[str, Any]], patience: int = PATIENCE) -> str | None:
    """Why the training whose scores these are should stop, or None."""
    if not rows or max(row["gain"] for row in rows) < LEARNED:
        return None
    top = max(range(len(rows)), key=lambda index: rows[index]["worth"])
    if len(rows) - 1 - top < patience:
        return None
    return f"stopped early: its pictures have not become worth more since step {rows[top]['step']}"


def best(run: Path) -> int | None:
    """The step of the best score of a run that was watched; the earliest of equals."""
    rows = Events(run / FILE).read()
    return max(rows, key=lambda row: (row["worth"], -row["step"]))["step"] if rows else None
