"""Prompts, likes and dislikes to pictures: `imagine` with references."""

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from likewise import devices, images
from likewise import settings as values
from likewise.concept.applying import applied
from likewise.diffusion import load, sampling
from likewise.diffusion.backbone import Backbone, join
from likewise.diffusion.sampling import Denoised
from likewise.errors import IdleSettingWarning
from likewise.fabric import strength
from likewise.fabric.config import Config
from likewise.fabric.features import Features
from likewise.fabric.generation import Start, generate
from likewise.fabric.references import Reference, encode, reference
from likewise.imagine import plan
from likewise.imagine.output import Output, Picture

Progress = Callable[[int, int], None]
DRAWING = ("negative", "steps", "guidance", "scheduler", "size")  # the settings that imagine has too


def draw(
    prompts: str | Sequence[str],
    *,
    likes: Sequence[Any] = (),
    dislikes: Sequence[Any] = (),
    concepts: plan.Sources = (),
    backbone: str | Path | Backbone = "toybox",
    seed: int = 0,
    seeds: Sequence[int] | None = None,
    begin: Any = None,
    change: float = 0.6,
    out: str | Path | None = None,
    device: str | None = None,
    progress: Progress | None = None,
    features: Features | None = None,
    config: Config | None = None,
    **settings: Any,
) -> list[Picture]:
    """Pictures of each prompt, prompt by prompt, that lean towards what is liked and away from what is disliked.

    likes, dislikes: files, PIL pictures, pictures drawn before, or References with weights and windows of their own;
    oldest first. seed, seeds, concepts, out, progress: as imagine, whose pictures these are without references. begin:
    a picture to start from, of which `change` (0 to 1) is drawn anew. features: where those of references are kept from
    call to call, with fixed noise. config, or settings by name: see Config.
    """
    config = config or values.build(Config, settings)
    for name in ("cache", "precision"):
        if config.noise == "fresh" and getattr(config, name) != Config.model_fields[name].default:
            warnings.warn(IdleSettingWarning(name, "noise", "fresh", ("fixed",)), stacklevel=2)
    good, bad = ([reference(one) for one in side] for side in (likes, dislikes))
    first = None if begin is None else reference(begin)
    drawn = plan.Settings(**{name: getattr(config, name) for name in DRAWING})
    jobs = plan.jobs(prompts, concepts, drawn, plan.picture_seeds(config.n, seed, seeds))
    output = None if out is None else Output(Path(out))
    model = backbone if isinstance(backbone, Backbone) else load(backbone).to(devices.choose(device).kind)
    drawing = _Drawing(model, config, plan.check(drawn, model), seed if seeds is None else jobs[0].seed, progress)
    drawing.features = features
    drawing.look_at(*strength.capped(good, bad, config.newest), first, change)
    pictures = drawing.run(jobs)
    if output is not None:
        pictures = [
            Picture(one.image, one.metadata, output.write(index, one.image, one.metadata))
            for index, one in enumerate(pictures)
        ]
        output.sheet(pictures, columns=4)
    return pictures


class _Drawing:
    """One call of draw: references are encoded once, texts where their concepts are on the model."""

    def __init__(self, backbone: Backbone, config: Config, size: int, seed: int, progress: Progress | None) -> None:
        self.backbone, self.config, self.size, self.seed, self.progress = backbone, config, size, seed, progress
        self.done = self.total = 0
        self.features: Features | None = None

    def look_at(
        self, likes: Sequence[Reference], dislikes: Sequence[Reference], begin: Reference | None, change: float
    ) -> None:
        self.likes, self.dislikes = (encode(self.backbone, side, self.size) for side in (likes, dislikes))
        latents = None if begin is None else encode(self.backbone, [begin], self.size)[0].latents
        self.start = None if latents is None else Start(latents, change)

    def run(self, jobs: Sequence[plan.Job]) -> list[Picture]:
        groups: dict[object, list[int]] = {}  # pictures with the same concepts on the model
        for index, job in enumerate(jobs):
            key = tuple((concept.folder, concept.scale) for concept in job.scene.concepts)
            groups.setdefault(key, []).append(index)
        self.total = len(jobs) * (self.config.steps - (self.start.skipped(self.config.steps) if self.start else 0))
        pictures: dict[int, Picture] = {}
        for members in groups.values():
            made = self._draw([jobs[index] for index in members])
            pictures |= dict(zip(members, made, strict=True))
        return [pictures[index] for index in sorted(pictures)]

    @torch.no_grad()
    def _draw(self, jobs: Sequence[plan.Job]) -> list[Picture]:
        with applied(self.backbone, jobs[0].scene.concepts) as words:
            wanted = dict.fromkeys(["", *(text for one in jobs for text in (one.scene.expanded, one.scene.negative))])
            pooling = plan.pooling(jobs[0].scene.concepts)
            known = {text: self.backbone.encode_text([text], words, pooling=pooling) for text in wanted}  # each alone
            steps = generate(
                self.backbone,
                join([known[job.scene.expanded] for job in jobs]),
                join([known[job.scene.negative] for job in jobs]),
                noise=sampling.noise(self.backbone, [job.seed for job in jobs], self.size),
                likes=self.likes,
                dislikes=self.dislikes,
                blank=known[""],
                config=self.config,
                seed=self.seed,
                start=self.start,
                features=self.features,
            )
            drawn = sampling.last(self._counted(steps, len(jobs))).images
        assert drawn is not None, "the last step has pictures"
        return [Picture(one, self._metadata(job)) for job, one in zip(jobs, images.to_pil(drawn), strict=True)]

    def _counted(self, steps: Iterator[Denoised], pictures: int) -> Iterator[Denoised]:
        for step in steps:
            self.done += pictures
            if self.progress is not None:
                self.progress(self.done, self.total)
            yield step

    def _metadata(self, job: plan.Job) -> dict[str, Any]:
        """What imagine writes, and the feedback."""
        scene = job.scene
        return {
            "prompt": scene.prompt,
            "expanded": scene.expanded,
            "seed": job.seed,
            **{name: getattr(self.config, name) for name in DRAWING if name != "size"},
            **plan.origin(scene, self.backbone, self.size),
            "fabric": {
                "likes": [_cited(one.reference) for one in self.likes],
                "dislikes": [_cited(one.reference) for one in self.dislikes],
                "seed": self.seed,
                "change": None if self.start is None else self.start.change,
                **{name: value for name, value in self.config.model_dump().items() if name not in (*DRAWING, "n")},
            },
        }


def _cited(one: Reference) -> Mapping[str, Any]:
    return {"id": one.id, "weight": one.weight, "window": one.window}
