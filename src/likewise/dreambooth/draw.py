"""What a DreamBooth run learns from, and the batch of photos and class images that each step sees."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from likewise import seeds
from likewise.diffusion.backbone import Moments, Text
from likewise.dreambooth.config import Config
from likewise.tuning.samples import Batch, collate, sample


@dataclass(frozen=True)
class Data:
    """What a run learns from, encoded.

    photos: latent moments, one row a photo; with mirrored photos a second entry in the same order. captions: one a
    photo; plain: what all photos are called where captions are dropped. classes: as photos, of the class images, empty
    without them; class_captions: one a class image, or empty where all are called by the class prompt. texts: prompts
    that are encoded already, one row each, while the text encoder does not learn. hash: of the files that all this came
    from.
    """

    photos: tuple[Moments, ...]
    captions: tuple[str, ...]
    class_prompt: str
    classes: tuple[Moments, ...] = ()
    texts: Mapping[str, Text] = field(default_factory=dict)
    hash: str = ""
    plain: str = ""
    class_captions: tuple[str, ...] = ()


def draw(data: Data, config: Config, seed: int, first: int, timesteps: int) -> Batch:
    """The batch of samples first, first + 1, ... of the run, on the CPU.

    The prior's samples have photos, noise and timesteps of their own (equation of section 1.1: t', eps'). With the
    teacher as prior they are photos too, named by the class prompt.
    """
    numbers = range(first, first + config.batch)
    look = {"timesteps": timesteps, "flip": config.flip, "offset_noise": config.offset_noise}
    photos = [sample(data.photos, _called(data, config, seed, n), seed, "photo", n, **look) for n in numbers]
    if config.prior == "none":
        return collate(photos, len(photos))
    views = data.classes if config.prior == "images" else data.photos
    placed = data.class_captions if config.prior == "images" else ()
    prompts = placed or (data.class_prompt,) * len(views[0].mean)
    return collate([*photos, *(sample(views, prompts, seed, "class", n, **look) for n in numbers)], len(photos))


def _called(data: Data, config: Config, seed: int, n: int) -> tuple[str, ...]:
    """What each photo would be called as sample n."""
    if config.caption_dropout and seeds.numpy_stream(seed, "caption", n).random() < config.caption_dropout:
        assert data.plain, "captions can be dropped only for an instance prompt"
        return (data.plain,) * len(data.captions)
    return data.captions
