"""What a run is about, settled before it starts and kept in its folder: photos, words, base model, settings, seed."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from likewise import checkpoint, devices, disk, images, records, settings, words
from likewise.diffusion.backbone import Backbone
from likewise.dreambooth.config import Config
from likewise.dreambooth.data import captions
from likewise.errors import NothingToResumeError, ResumeMismatchError
from likewise.imageset import ImageSet
from likewise.words.tokenizer import ids_of

FORMAT = 1
SIDE = 512  # pixels of the longer side of the copies of the photos


@dataclass(frozen=True)
class Plan:
    """One run. name: what the concept will be called; backbone: what the base model was asked for as."""

    method: str
    name: str
    noun: str
    identifier: str
    seed: int
    backbone: str
    base_hash: str
    photos_hash: str
    config: Config

    @property
    def subject(self) -> str:
        """What prompts call the subject: "zxq dog"."""
        return f"{self.identifier} {self.noun}"

    @property
    def class_prompt(self) -> str:
        """The prompt of the class."""
        return self.config.class_prompt.format(noun=self.noun)

    @property
    def hash(self) -> str:
        """SHA-256 of all of it, but for how the base model was asked for."""
        return checkpoint.hash_json({key: value for key, value in self.as_json().items() if key != "backbone"})

    def captions(self, photos: ImageSet) -> tuple[tuple[str, ...], list[str]]:
        """One caption a photo, and those that had to be changed; see `data.captions`."""
        return captions(photos.captions, self.config, self.identifier, self.noun, f"<{self.name}>")

    def as_json(self) -> dict[str, object]:
        """What config.json holds."""
        facts = {key: value for key, value in vars(self).items() if key != "config"}
        return {"format": FORMAT, **facts, "settings": settings.record(self.config)}


def identifier(backbone: Backbone, config: Config, noun: str, seed: int, taken: Sequence[str]) -> str:
    """The rare word for a new subject: the configured one, or one found by the specification's procedure."""
    if config.identifier is not None:
        return config.identifier
    return words.find_identifier(
        backbone.tokenizers, seed, noun, taken=taken, encode=lambda prompts: _last_states(backbone, prompts)
    ).token


def _last_states(backbone: Backbone, prompts: list[str]) -> list[list[float]]:
    """What the text encoder says at each prompt's end mark, which has read all of it."""
    ends = [1 + len(ids_of(backbone.tokenizers[0], prompt)) for prompt in prompts]
    embeds = backbone.encode_text(prompts).embeds.detach().float().cpu()
    return [embeds[row, end].tolist() for row, end in enumerate(ends)]


def start(folder: Path, plan: Plan, photos: ImageSet, device: devices.Device) -> None:
    """Make the run folder in one step: config.json, record.json, and upright copies of the photos."""
    with disk.new_folder(folder) as temp:
        checkpoint.write_json(temp / "config.json", plan.as_json())
        facts = {key: value for key, value in plan.as_json().items() if key not in ("settings", "format")}
        hashes = [photo.image_hash for photo in photos.photos]
        skipped = [list(row) for row in photos.skipped]
        record = records.record(plan.config, **facts, device=device.note, photos=hashes, skipped=skipped)
        checkpoint.write_json(temp / "record.json", record)
        for index, picture in enumerate(photos.images()):
            images.write_png(temp / "photos" / f"{index:03d}.png", _small(picture))


def _small(picture: Image.Image) -> Image.Image:
    copy = picture.copy()
    copy.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    return copy


def read(folder: Path) -> Plan:
    """The plan of a run folder. NothingToResumeError if there is none."""
    if not (folder / "config.json").is_file():
        raise NothingToResumeError(folder)
    saved = dict(checkpoint.read_json(folder / "config.json"))
    saved.pop("format")
    return Plan(**{key: value for key, value in saved.items() if key != "settings"}, config=Config(**saved["settings"]))


def compare(saved: Plan, now: Plan) -> None:
    """ResumeMismatchError that names every difference between the run in a folder and the one asked for."""
    found = records.differences(
        {key: value for key, value in saved.as_json().items() if key != "backbone"},
        {key: value for key, value in now.as_json().items() if key != "backbone"},
    )
    if found:
        raise ResumeMismatchError([f"{key} was {old!r} and is {new!r}" for key, old, new in found])
