"""Draw pictures of prompts, concepts and all; each depends on its own seed and settings, never on its neighbours."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch

from likewise import devices, images
from likewise.concept import Concept
from likewise.concept.applying import applied
from likewise.diffusion import load, sampling
from likewise.diffusion.backbone import Backbone, Text, join
from likewise.diffusion.sampling import Denoised
from likewise.errors import SettingError
from likewise.imagine import plan
from likewise.imagine.output import Output, Picture

Progress = Callable[[int, int], None]


def imagine(
    prompts: str | Sequence[str],
    *,
    concepts: plan.Sources = (),
    backbone: str | Path | Backbone = "toybox",
    n: int = 4,
    seed: int = 0,
    seeds: Sequence[int] | None = None,
    negative: str = "",
    guidance: float = 5.0,
    steps: int = 20,
    scheduler: str = "dpmsolver++",
    size: int | None = None,
    batch: int = 4,
    out: str | Path | None = None,
    device: str | None = None,
    progress: Progress | None = None,
) -> list[Picture]:
    """Pictures of each prompt, prompt by prompt, with the seeds seed, seed + 1, ... or `seeds`.

    A `<name>` in a prompt draws that concept, from `concepts` (names, folders, Concepts) or the library; those given
    take part in every picture, those only named in theirs. size: pixels a side. batch: pictures a call of the network,
    which is always filled up to so many: fewer take less memory, and single pictures less time. The seed's picture is
    the same whatever else is drawn; of another batch its last bits may differ, so it is in the metadata. out: a folder
    for PNG files and a contact sheet; each file is written as soon as it is drawn. progress(done, total) counts
    denoising steps of pictures. Raises a LikewiseError before anything is drawn.
    """
    settings = plan.Settings(negative, steps, guidance, scheduler, size)
    drawn_seeds = plan.picture_seeds(n, seed, seeds)
    jobs = plan.jobs(prompts, concepts, settings, drawn_seeds)
    output = None if out is None else Output(Path(out))
    if batch < 1:
        raise SettingError("batch", batch, "at least one picture must be drawn at a time")
    model = backbone if isinstance(backbone, Backbone) else _load(backbone, device)
    pictures = _Drawing(model, settings, jobs, batch, output, progress).run()
    if output is not None:
        output.sheet(pictures, columns=len(drawn_seeds) if len(jobs) > len(drawn_seeds) else 4)
    return pictures


def _load(name: str | Path, device: str | None) -> Backbone:
    return load(name).to(devices.choose(device).kind)


class _Drawing:
    """One call of imagine: texts first, so that a prompt that does not fit stops it all, then batch after batch."""

    def __init__(
        self,
        backbone: Backbone,
        settings: plan.Settings,
        jobs: list[plan.Job],
        batch: int,
        output: Output | None,
        progress: Progress | None,
    ) -> None:
        self.backbone, self.settings, self.jobs, self.batch = backbone, settings, jobs, batch
        self.output, self.progress = output, progress
        self.size = plan.check(settings, backbone)
        self.done = 0

    def run(self) -> list[Picture]:
        groups: dict[object, list[int]] = {}  # pictures with the same concepts on the model
        for index, job in enumerate(self.jobs):
            key = tuple((concept.folder, concept.scale) for concept in job.scene.concepts)
            groups.setdefault(key, []).append(index)
        texts: dict[tuple[int, bool], Text] = {}
        for members in groups.values():
            texts |= self._encode(members)
        pictures: dict[int, Picture] = {}
        for members in groups.values():
            with applied(self.backbone, self._concepts(members)):
                for start in range(0, len(members), self.batch):
                    pictures |= self._draw(members[start : start + self.batch], texts)
        return [pictures[index] for index in sorted(pictures)]

    def _concepts(self, members: list[int]) -> tuple[Concept, ...]:
        return self.jobs[members[0]].scene.concepts

    @torch.no_grad()
    def _encode(self, members: list[int]) -> dict[tuple[int, bool], Text]:
        """Each different prompt encoded alone: in a batch its last bits would depend on the others."""
        known: dict[str, Text] = {}
        pooling = plan.pooling(self._concepts(members))
        with applied(self.backbone, self._concepts(members)) as words:
            for index in members:
                scene = self.jobs[index].scene
                for prompt in (scene.expanded, scene.negative):
                    if prompt not in known:
                        known[prompt] = self.backbone.encode_text([prompt], words, pooling=pooling)
        scenes = {index: self.jobs[index].scene for index in members}
        wanted = {(index, True): scene.expanded for index, scene in scenes.items()}
        wanted |= {(index, False): scene.negative for index, scene in scenes.items()}
        return {place: known[prompt] for place, prompt in wanted.items()}

    def _draw(self, members: list[int], texts: dict[tuple[int, bool], Text]) -> dict[int, Picture]:
        steps = sampling.generate(
            self.backbone,
            join([texts[index, True] for index in members]),
            join([texts[index, False] for index in members]),
            noise=sampling.noise(self.backbone, [self.jobs[index].seed for index in members], self.size),
            steps=self.settings.steps,
            guidance=self.settings.guidance,
            scheduler=self.settings.scheduler,
            rows=2 * self.batch,
        )
        drawn = sampling.last(self._counted(steps, len(members))).images
        assert drawn is not None, "the last step has pictures"
        return {i: self._finish(i, image) for i, image in zip(members, images.to_pil(drawn), strict=True)}

    def _counted(self, steps: Iterator[Denoised], pictures: int) -> Iterator[Denoised]:
        for step in steps:
            self.done += pictures
            if self.progress is not None:
                self.progress(self.done, len(self.jobs) * self.settings.steps)
            yield step

    def _finish(self, index: int, image: Any) -> Picture:
        metadata = self._metadata(self.jobs[index])
        path = None if self.output is None else self.output.write(index, image, metadata)
        return Picture(image, metadata, path)

    def _metadata(self, job: plan.Job) -> dict[str, Any]:
        settings, scene = self.settings, job.scene
        return {
            "prompt": scene.prompt,
            "expanded": scene.expanded,
            "negative": settings.negative,
            "seed": job.seed,
            "steps": settings.steps,
            "guidance": settings.guidance,
            "scheduler": settings.scheduler,
            "batch": self.batch,
            **plan.origin(scene, self.backbone, self.size),
        }
