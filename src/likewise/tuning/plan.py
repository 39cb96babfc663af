"""What a run is about, settled before it starts and kept in its folder: photos, words, base model, settings, seed."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from likewise import checkpoint, devices, disk, images, records, settings
from likewise.diffusion.backbone import Pooling
from likewise.errors import NothingToResumeError, ResumeMismatchError
from likewise.imageset import ImageSet
from likewise.tuning.config import Tuning

FORMAT = 1
SIDE = 512  # pixels of the longer side of the copies of the photos


@dataclass(frozen=True)
class Plan:
    """One run.

    name: what the concept will be called; identifier: what prompts say before the noun while it is learned, or the
    learned word in brackets, which stands for the noun too; backbone: what the base model was asked for as; config: the
    method's own.
    """

    method: str
    name: str
    noun: str
    identifier: str
    seed: int
    backbone: str
    base_hash: str
    photos_hash: str
    config: Any

    @property
    def placeholder(self) -> str:
        """What prompts will call it."""
        return f"<{self.name}>"

    @property
    def pooling(self) -> Pooling:
        """Where words are learned to be pooled; only methods that learn words have a choice."""
        return settings.record(self.config).get("pooling", "argmax")

    @property
    def hash(self) -> str:
        """SHA-256 of all of it, but for how the base model was asked for."""
        return checkpoint.hash_json({key: value for key, value in self.as_json().items() if key != "backbone"})

    def as_json(self) -> dict[str, object]:
        """What config.json holds."""
        facts = {key: value for key, value in vars(self).items() if key != "config"}
        return {"format": FORMAT, **facts, "settings": settings.record(self.config)}


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


def read(folder: Path, config: Callable[[str], type[Tuning]]) -> Plan:
    """The plan of a run folder; `config` finds a method's settings model. NothingToResumeError if there is none."""
    if not (folder / "config.json").is_file():
        raise NothingToResumeError(folder)
    saved = dict(checkpoint.read_json(folder / "config.json"))
    saved.pop("format")
    chosen = config(saved["method"])(**saved.pop("settings"))
    return Plan(**saved, config=chosen)


def compare(saved: Plan, now: Plan) -> None:
    """ResumeMismatchError that names every difference between the run in a folder and the one asked for."""
    found = records.differences(
        {key: value for key, value in saved.as_json().items() if key != "backbone"},
        {key: value for key, value in now.as_json().items() if key != "backbone"},
    )
    if found:
        raise ResumeMismatchError([f"{key} was {old!r} and is {new!r}" for key, old, new in found])
