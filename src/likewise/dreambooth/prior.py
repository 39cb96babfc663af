"""Class images: what the base model draws for "a noun", so that the noun keeps its meaning (arXiv:2208.12242, 3.2).

Image i depends on the seed and on i alone, so a folder that is topped up later holds the same pixels as one that was
filled at once. They are PNG, because the prior would teach the artefacts of JPEG.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from likewise import checkpoint, images, seeds
from likewise.diffusion.backbone import Backbone
from likewise.dreambooth.config import Config
from likewise.errors import ClassImagesMismatchError, ImageFileError
from likewise.tuning.drawing import draw
from likewise.words.places import PLACES

ORIGIN = "class.json"
TOGETHER = 4  # images denoised at a time, which is what a guided call holds


@dataclass(frozen=True)
class Wanted:
    """Everything that decides what class images look like, but for their number."""

    base_hash: str
    prompt: str
    places: tuple[str, ...]  # where images 1, 3, 5, ... are, in turn
    size: int  # pixels a side
    sampler: str
    steps: int
    guidance: float
    seed: int

    @property
    def facts(self) -> dict[str, object]:
        """As JSON has them."""
        return {**asdict(self), "places": list(self.places)}

    @property
    def fingerprint(self) -> str:
        """16 hex digits that name the folder of such images."""
        return checkpoint.hash_json(self.facts)[:16]

    def caption(self, index: int) -> str:
        """What image `index` is to show."""
        if not self.places or index % 2 == 0:
            return self.prompt
        return f"{self.prompt} {self.places[index // 2 % len(self.places)]}"


@dataclass(frozen=True)
class ClassImage:
    """One class image on disk, as a latent cache wants it."""

    path: Path

    @property
    def image_hash(self) -> str:
        """SHA-256 of the file."""
        return checkpoint.hash_file(self.path)


def wanted(backbone: Backbone, config: Config, noun: str) -> Wanted:
    """The class images that a run with these settings needs."""
    prompt = config.class_prompt.format(noun=noun)
    look = {"steps": config.class_steps, "guidance": config.class_guidance, "seed": config.class_seed}
    places = PLACES if config.class_places else ()
    return Wanted(backbone.hash, prompt, places, backbone.facts.image_size, "dpmsolver++", **look)


def listed(folder: Path, count: int) -> list[ClassImage]:
    """Images 0..count-1 of a folder, in order."""
    return [ClassImage(folder / f"{index:06d}.png") for index in range(count)]


def make(backbone: Backbone, want: Wanted, folder: Path, count: int) -> Iterator[int]:
    """Draw those of images 0..count-1 that the folder lacks, and yield how many it holds, at first and as they come.

    A file that does not decode is drawn again; nothing else in the folder is touched. ClassImagesMismatchError for a
    folder with anything in it that other settings, or another model, made.
    """
    _refuse_foreign(folder, want)
    checkpoint.write_json(folder / ORIGIN, want.facts)
    pictures = listed(folder, count)
    missing = [index for index, picture in enumerate(pictures) if not _decodes(picture.path)]
    yield count - len(missing)
    while missing:
        batch, missing = missing[:TOGETHER], missing[TOGETHER:]
        picture_seeds = [seeds.key(want.seed, "class image", index) for index in batch]
        look = {"steps": want.steps, "guidance": want.guidance, "scheduler": want.sampler}
        prompts = [want.caption(index) for index in batch]
        drawn = draw(backbone, prompts, picture_seeds, **look)
        for index, prompt, picture in zip(batch, prompts, drawn, strict=True):
            images.write_png(pictures[index].path, picture, {"prompt": prompt, "index": index})
        yield count - len(missing)


def _refuse_foreign(folder: Path, want: Wanted) -> None:
    if not folder.exists() or not any(folder.iterdir()):
        return
    found = checkpoint.read_json(folder / ORIGIN) if (folder / ORIGIN).is_file() else None
    if found is None:
        raise ClassImagesMismatchError(folder, ["it does not say what made them"])
    wrong = [
        f"{key}: {found.get(key)!r}, not {value!r}" for key, value in want.facts.items() if found.get(key) != value
    ]
    if wrong:
        raise ClassImagesMismatchError(folder, wrong)


def _decodes(path: Path) -> bool:
    try:
        images.read(path)
    except ImageFileError:
        return False
    return True
