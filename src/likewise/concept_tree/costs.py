"""What a split costs, counted before it starts: rows through the network, in which progress is measured too."""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise

from likewise.concept_tree.config import Config

BACKWARD = 3  # a row that gradients flow through costs about three that are only read
Report = Callable[[str, float, float], None]  # what is being done, units done, units in all


def learned(config: Config, seeds: int, start: int, end: int) -> int:
    """Rows that `seeds` seeds learn from in the optimiser steps after `start` up to `end`."""
    return seeds * config.samples * (end - start)


def drawn(config: Config, pictures: int) -> int:
    """Rows that drawing pictures takes."""
    return pictures * config.draw_steps * (2 if config.guidance > 1 else 1)


def sizes(config: Config) -> list[int]:
    """How many seeds learn before each of config.cuts, and after the last."""
    found, left = [len(config.seeds)], len(config.seeds)
    for _ in config.cuts[:-1]:
        left = survivors(left) if config.early == "on" else left
        found.append(left)
    return [*found, 1]


def survivors(seeds: int) -> int:
    """How many seeds an early test lets go on: the better half, but at least two, so that the full test decides."""
    return max(min(2, seeds), -(-seeds // 2))


def of_split(config: Config) -> dict[str, int]:
    """Counters of one split from its beginning to its two children."""
    counts, ends = sizes(config), [0, *config.cuts, config.steps]
    samples = sum(learned(config, count, *span) for count, span in zip(counts, pairwise(ends), strict=True))
    early = sum(2 * count * config.early_images for count in counts[: len(config.cuts) - 1])
    tested = 2 * counts[-2] * config.images
    pictures = early + tested + 2 * config.images
    return {
        "samples": samples,
        "test_pictures": early + tested,
        "child_pictures": 2 * config.images,
        "rows_drawn": drawn(config, pictures),
        "optimiser_steps": config.steps,
    }


def units(config: Config) -> int:
    """Rows read that a split is worth."""
    counted = of_split(config)
    return BACKWARD * counted["samples"] + counted["rows_drawn"]


@dataclass
class Meter:
    """How far several splits are, for whoever shows it."""

    total: float
    report: Report | None = None
    done: float = 0.0
    text: str = field(default="")

    def stage(self, text: str) -> None:
        """Say what is being done from now on."""
        self.text = text
        self.add(0)

    def add(self, rows: float) -> None:
        """Count rows."""
        self.done += rows
        if self.report:
            self.report(self.text, min(self.done, self.total), self.total)
