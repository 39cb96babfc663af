"""Which seed goes on: the one whose two words draw pictures that are alike within, and apart from each other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

from likewise import checkpoint
from likewise.concept_tree import consistency, costs
from likewise.concept_tree.config import Config
from likewise.concept_tree.consistency import Score
from likewise.concept_tree.costs import Meter
from likewise.concept_tree.pictures import Look, Order, draw
from likewise.concept_tree.record import Early, Tracked
from likewise.concept_tree.split import LEFT, RIGHT
from likewise.diffusion.backbone import Backbone, Words
from likewise.encoders.encoder import Encoder, embed
from likewise.metrics.neighbours import Embedding

FILE = "verdicts.json"
Pair = tuple[list[Image.Image], list[Image.Image]]


@dataclass
class Jury:
    """A `Judge` that draws, scores, and remembers: asked again, it answers from its file.

    encoders: the first one chooses, the others only say what they would. folder: where pictures and verdicts are kept.
    parent: the pictures that the words are to part. force: split even where there is little to part.
    """

    backbone: Backbone
    config: Config
    encoders: Sequence[Encoder]
    folder: Path
    parent: Sequence[Image.Image]
    force: bool = False
    meter: Meter = field(default_factory=lambda: Meter(1))

    def __call__(self, step: int, words: Mapping[int, Words]) -> list[int]:
        """The seeds that go on after a step; none where nothing is left to split."""
        said = self.verdicts()
        if str(step) not in said:
            said[str(step)] = self._early(step, words) if step != self.config.cuts[-1] else self._full(step, words)
            checkpoint.write_json(self.folder / FILE, said)
        return said[str(step)]["kept"]

    def verdicts(self) -> dict[str, Any]:
        """What was said so far, by step: "kept", "seeds", and of the full test "stopped" and "tracked"."""
        return checkpoint.read_json(self.folder / FILE) if (self.folder / FILE).is_file() else {}

    def _early(self, step: int, words: Mapping[int, Words]) -> dict[str, Any]:
        chooser = self.encoders[0]
        pairs = self._pictures(step, words, self.config.early_images)
        scores = {seed: consistency.measure(chooser, *pair) for seed, pair in pairs.items()}
        ranked = sorted(scores, key=lambda seed: -scores[seed].value)[: costs.survivors(len(scores))]
        better = [seed for seed in words if seed in ranked]
        kept = better if self.config.early == "on" else list(words)
        return {"kept": kept, "better": better, "seeds": _figures({s: {chooser.name: scores[s]} for s in scores})}

    def _full(self, step: int, words: Mapping[int, Words]) -> dict[str, Any]:
        pairs = self._pictures(step, words, self.config.images)
        rows = {seed: [[embed(e, side) for side in pair] for e in self.encoders] for seed, pair in pairs.items()}
        scores = {
            seed: {e.name: consistency.score(*own) for e, own in zip(self.encoders, each, strict=True)}
            for seed, each in rows.items()
        }
        chooser, order = self.encoders[0], list(words)
        winner = order[consistency.best([scores[seed][chooser.name] for seed in order])]
        parents = [embed(encoder, self.parent) for encoder in self.encoders]
        tracked = [
            track(step, encoder.name, parent, *own)
            for encoder, parent, own in zip(self.encoders, parents, rows[winner], strict=True)
        ]
        reason = self._nothing_left(scores[winner][chooser.name], parents[0], rows[winner][0])
        kept = [winner] if reason is None or self.force else []
        names = [encoder.name for encoder in self.encoders[1:]] if len(order) > 1 else []
        totals = {name: [scores[seed][name].value for seed in order] for name in [chooser.name, *names]}
        return {
            "kept": kept,
            "winner": winner,
            "stopped": None if kept else reason,
            "seeds": _figures(scores),
            "tracked": [one.model_dump() for one in tracked],
            "agreement": {name: consistency.agreement(totals[chooser.name], totals[name]) for name in names},
        }

    def _pictures(self, step: int, words: Mapping[int, Words], count: int) -> dict[int, Pair]:
        """What each seed's words draw, all of them in one batch."""
        self.meter.stage(f"drawing {2 * count} pictures of each of {len(words)} seeds at step {step}")
        orders = [
            Order(word, own, count, self.folder / f"{step:06d}" / f"seed-{seed}" / word.strip("<>"))
            for seed, own in words.items()
            for word in (LEFT, RIGHT)
        ]
        drawn = draw(
            self.backbone, orders, Look.of(self.config), lambda done: self.meter.add(costs.drawn(self.config, done))
        )
        self.meter.stage("comparing them")
        return {seed: (drawn[2 * place], drawn[2 * place + 1]) for place, seed in enumerate(words)}

    def _nothing_left(self, score: Score, parent: Embedding, sides: Sequence[Embedding]) -> str | None:
        """Why a split would be none, in words."""
        if score.apart < self.config.least_apart:
            own = min(score.left, score.right)
            return (
                f"the words of the best seed draw the same ({score.between:.2f} alike to each other, and the looser of "
                f"them {own:.2f} to itself)"
            )
        whole = consistency.within(parent)
        related = [consistency.across(parent, side) / whole for side in sides]
        if max(related) < self.config.least_related:
            return f"neither word has much of it ({max(related):.0%} of its own likeness at most)"
        return None


def track(step: int, encoder: str, parent: Embedding, left: Embedding, right: Embedding) -> Tracked:
    """Consistency, distinction and relevance of a pair of words at a step."""
    return Tracked(
        step=step,
        encoder=encoder,
        pictures=len(left),
        consistency=consistency.within(left) + consistency.within(right),
        distinction=consistency.across(left, right),
        relevance=consistency.across(parent, left) + consistency.across(parent, right),
    )


def early_report(config: Config, said: Mapping[str, Any], chooser: str) -> Early | None:
    """What dropping seeds early did to the choice; its regret is known only where the full test saw all seeds."""
    cuts = [str(cut) for cut in config.cuts[:-1]]
    if not cuts:
        return None
    full = said[str(config.cuts[-1])]
    alive = list(map(int, said[cuts[0]]["seeds"]))
    for cut in cuts:
        scores = {seed: said[cut]["seeds"][str(seed)][chooser]["score"] for seed in alive}
        ranked = sorted(scores, key=lambda seed: -scores[seed])[: costs.survivors(len(alive))]
        alive = [seed for seed in alive if seed in ranked]
    if config.early == "on":
        return Early(applied=True, survivors=alive)
    total = {int(seed): figures[chooser]["score"] for seed, figures in full["seeds"].items()}
    regret = total[full["winner"]] - max(total[seed] for seed in alive)
    return Early(applied=False, survivors=alive, agrees=full["winner"] in alive, regret=regret)


def _figures(scores: Mapping[int, Mapping[str, Score]]) -> dict[str, dict[str, dict[str, float]]]:
    return {str(seed): {name: one.as_json() for name, one in each.items()} for seed, each in scores.items()}
