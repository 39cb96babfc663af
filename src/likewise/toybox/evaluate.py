"""How well the embedded models draw what they were asked for, on compositions that training never saw."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from likewise import images, seeds
from likewise.diffusion import sampling
from likewise.diffusion.backbone import Backbone
from likewise.metrics.frechet import frechet_distance
from likewise.metrics.intervals import bootstrap, wilson
from likewise.toybox import judge as judging
from likewise.toybox.captions import plain_caption
from likewise.toybox.world import World

FRECHET_WIDTH = 64  # principal components: 1280 features would need tens of thousands of pictures
UNSEEN = 10_000_000  # pictures from this index on are never trained on


@dataclass(frozen=True)
class Asked:
    """One held-out prompt and what it names."""

    name: str
    style: str
    background: str

    @property
    def prompt(self) -> str:
        """'a 3d dog on the beach'."""
        return plain_caption(self.style, self.name, self.background)


def compositions(world: World, count: int) -> list[Asked]:
    """The first `count` held-out compositions, in the world's keyed order; styles take turns."""
    return [Asked(*parts) for parts in world.held_compositions[:count]]


def pairs(world: World, count: int) -> list[Asked]:
    """Held-out subject-and-style pairs on backgrounds drawn by the world's seed."""
    from likewise.toybox.scenes import BACKGROUNDS

    rng = seeds.numpy_stream(world.seed, "held pairs' backgrounds")
    places = list(BACKGROUNDS)
    return [Asked(name, style, places[rng.integers(len(places))]) for name, style in sorted(world.held_pairs)[:count]]


def draw(
    backbone: Backbone,
    asked: Sequence[Asked],
    *,
    steps: int = 20,
    guidance: float = 7.0,
    batch: int = 8,
    progress: Callable[[int, int], None] | None = None,
) -> list[Image.Image]:
    """One picture a prompt; seeds are their positions."""
    drawn: list[Image.Image] = []
    empty = backbone.encode_text([""])
    for start in range(0, len(asked), batch):
        part = asked[start : start + batch]
        text = backbone.encode_text([one.prompt for one in part])
        noise = sampling.noise(backbone, range(start, start + len(part)))
        done = sampling.last(sampling.generate(backbone, text, empty, noise=noise, steps=steps, guidance=guidance))
        assert done.images is not None, "the last step has pictures"
        drawn += images.to_pil(done.images)
        if progress:
            progress(len(drawn), len(asked))
    return drawn


def scores(judge: judging.Judge, asked: Sequence[Asked], pictures: list[Image.Image]) -> dict[str, object]:
    """Shares of right subjects (nearest, among five nearest), styles and backgrounds, each with Wilson's interval."""
    seen = judging.look(judge.encoder, pictures)
    ranked = judge.subjects(seen.whole, [one.background for one in asked])
    right = {
        "subject_top1": [one.name == names[0] for one, names in zip(asked, ranked, strict=True)],
        "subject_top5": [one.name in names[:5] for one, names in zip(asked, ranked, strict=True)],
        "style": list(judge.style.predict(seen.style) == np.array([one.style for one in asked])),
        "background": list(judge.background.predict(seen.around) == np.array([one.background for one in asked])),
    }
    report: dict[str, object] = {name: share(hits) for name, hits in right.items()}
    report["subject_top1_by_style"] = {
        style: share([hit for hit, one in zip(right["subject_top1"], asked, strict=True) if one.style == style])
        for style in sorted({one.style for one in asked})
    }
    return report


def share(hits: Sequence[bool]) -> dict[str, float | int]:
    """How often something was right, with Wilson's interval."""
    interval = wilson(int(sum(hits)), len(hits))
    return {"value": interval.value, "low": interval.low, "high": interval.high, "count": len(hits)}


def frechet(judge: judging.Judge, drawn: list[Image.Image], real: list[Image.Image]) -> float:
    """Frechet distance of two equally large sets in the principal components of the real one's features."""
    ours, theirs = judging.embed(judge.encoder, drawn), judging.embed(judge.encoder, real)
    mean = theirs.mean(0)
    _, _, axes = np.linalg.svd(theirs - mean, full_matrices=False)
    return frechet_distance((ours - mean) @ axes[:FRECHET_WIDTH].T, (theirs - mean) @ axes[:FRECHET_WIDTH].T)


@torch.no_grad()
def reconstruction(backbone: Backbone, world: World, count: int = 64) -> dict[str, float | int]:
    """Decibels of encode-decode on unseen pictures of the world, with a bootstrap interval."""
    values = []
    for index in range(UNSEEN, UNSEEN + count):
        image = images.to_tensor([world.picture(index)[0]]).to(backbone.device)
        again = sampling.decode(backbone, backbone.encode_images(image).mean)
        values.append(float(-10 * torch.log10((again.clamp(0, 1) - image).square().mean())))
    interval = bootstrap(values)
    return {"value": interval.value, "low": interval.low, "high": interval.high, "count": count}


def evaluate(
    world: World,
    backbone: Backbone,
    encoder: judging.Encoder,
    *,
    count: int = 200,
    steps: int = 20,
    guidance: float = 7.0,
    cache: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[dict[str, object], list[Image.Image], list[Asked]]:
    """The report, and the pictures of the held-out compositions with what was asked. cache: see judge.build."""
    judge = judging.build(world, encoder, cache)
    asked, unseen = compositions(world, count), pairs(world, min(count, 60))
    settings = {"steps": steps, "guidance": guidance, "progress": progress}
    drawn = draw(backbone, asked, **settings)
    real = [world.draw(world.composition(one.name, one.style, one.background, 7)) for one in asked]
    report = {
        "model": backbone.hash,
        "encoder": encoder.hash,
        "concepts": len(world.concepts),
        "steps": steps,
        "guidance": guidance,
        "held_out_compositions": scores(judge, asked, drawn),
        "real_pictures": scores(judge, asked, real),  # the judge's own ceiling
        "held_out_pairs": scores(judge, unseen, draw(backbone, unseen, **settings)),
        "frechet": frechet(judge, drawn, real),
        "reconstruction_psnr": reconstruction(backbone, world),
    }
    return report, drawn, asked
