"""What a Textual Inversion run learns from, and the batch of photos and sentences that each step sees."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from likewise import seeds
from likewise.diffusion.backbone import Moments, Vectors
from likewise.textual_inversion.config import Config
from likewise.textual_inversion.timesteps import timestep
from likewise.tuning.samples import Batch, collate, sample


@dataclass(frozen=True)
class Data:
    """What vectors are learned from, encoded.

    photos: latent moments, one row a photo; with mirrored photos a second entry in the same order. prompts: sentences
    with the placeholders in them, of which each sample draws one. captions: one a photo, or None where the sentences
    serve. words: where the vectors start. hash: of the files and sentences that all this came from.
    """

    photos: tuple[Moments, ...]
    prompts: tuple[str, ...]
    captions: tuple[str | None, ...]
    words: Mapping[str, Vectors] = field(default_factory=dict)
    hash: str = ""


def draw(data: Data, config: Config, seed: int, first: int, timesteps: int) -> Batch:
    """The batch of samples first, first + 1, ... of a seed, on the CPU; a batch of another size holds the same ones."""
    look = {"timesteps": timesteps, "flip": config.flip, "offset_noise": config.offset_noise}
    rows = [
        sample(data.photos, _sentences(data, seed, n), seed, "photo", n, **look)
        for n in range(first, first + config.batch)
    ]
    if config.timestep_alpha:
        law = (timesteps, config.timestep_alpha)
        rows = [replace(row, t=timestep(seed, n, *law)) for n, row in enumerate(rows, start=first)]
    return collate(rows, len(rows))


def _sentences(data: Data, seed: int, n: int) -> list[str]:
    """What each photo would be called as sample n: its caption, or a sentence drawn uniformly."""
    drawn = data.prompts[int(seeds.numpy_stream(seed, "sentence", n).integers(len(data.prompts)))]
    return [drawn if caption is None else caption for caption in data.captions]
