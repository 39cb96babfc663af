"""Pictures of words, of all seeds and both children in one batch; what is on disk already is not drawn again."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image

from likewise import images
from likewise.concept_tree.config import Config
from likewise.diffusion import sampling
from likewise.diffusion.backbone import Backbone, Pooling, Words, join

GROUP = 4  # calls of the network's width that go through the steps together, and reach the disk together


@dataclass(frozen=True)
class Order:
    """`count` pictures of a prompt, from the seeds 0, 1, ..., in a folder; words: its placeholders' vectors."""

    prompt: str
    words: Words
    count: int
    folder: Path

    def path(self, index: int) -> Path:
        """Where picture `index` is."""
        return self.folder / f"{index:02d}.png"

    @property
    def missing(self) -> list[int]:
        """The pictures that are still to be drawn."""
        return [index for index in range(self.count) if not self.path(index).is_file()]


@dataclass(frozen=True)
class Look:
    """How pictures are drawn."""

    steps: int
    guidance: float
    scheduler: str
    rows: int = 8  # of the network a call; fixed, so that a picture's bits do not depend on its neighbours
    pooling: Pooling = "argmax"

    @classmethod
    def of(cls, config: Config) -> "Look":
        """As the settings say."""
        return cls(config.draw_steps, config.guidance, config.scheduler, config.rows)

    @property
    def width(self) -> int:
        """Pictures a call of the network."""
        return max(1, self.rows // 2) if self.guidance > 1 else self.rows


def draw(
    backbone: Backbone, orders: Sequence[Order], look: Look, tick: Callable[[int], None] | None = None
) -> list[list[Image.Image]]:
    """The pictures of each order. Picture i begins from the noise of seed i whatever its words are.

    tick: told how many pictures came to be, those found on disk first. Every picture is written as soon as it is there,
    with the settings to draw it again; a picture that was drawn before is the same, bit for bit.
    """
    tick = tick or (lambda _: None)
    jobs = [(order, index) for order in orders for index in order.missing]
    tick(sum(order.count for order in orders) - len(jobs))
    size = look.width * GROUP
    for start in range(0, len(jobs), size):
        group = jobs[start : start + size]
        for (order, index), picture in zip(group, _drawn(backbone, group, look), strict=True):
            images.write_png(order.path(index), picture, _facts(backbone, order, index, look))
        tick(len(group))
    return [[images.read(order.path(index)) for index in range(order.count)] for order in orders]


@torch.no_grad()
def _drawn(backbone: Backbone, jobs: Sequence[tuple[Order, int]], look: Look) -> list[Image.Image]:
    texts = {id(order): backbone.encode_text([order.prompt], order.words, pooling=look.pooling) for order, _ in jobs}
    last = sampling.last(
        sampling.generate(
            backbone,
            join([texts[id(order)] for order, _ in jobs]),
            backbone.encode_text([""]),
            noise=sampling.noise(backbone, [index for _, index in jobs]),
            steps=look.steps,
            guidance=look.guidance,
            scheduler=look.scheduler,
            rows=look.rows,
        )
    )
    assert last.images is not None, "the last step carries the pictures"
    return images.to_pil(last.images)


def _facts(backbone: Backbone, order: Order, index: int, look: Look) -> dict[str, object]:
    size = backbone.facts.image_size
    return {
        "prompt": order.prompt, "seed": index, "steps": look.steps, "guidance": look.guidance, "size": [size, size],
        "scheduler": look.scheduler, "backbone": backbone.name, "backbone_hash": backbone.hash,
    }  # fmt: skip
