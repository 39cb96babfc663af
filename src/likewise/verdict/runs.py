"""What a run folder says of itself: the subject's words, the base model, the photos, the checkpoints."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from likewise import checkpoint
from likewise.diffusion.backbone import Pooling
from likewise.errors import BrokenFileError, NoCheckpointsError, NotARunError
from likewise.verdict import prompts as lists

NEEDED = ("method", "name", "noun", "identifier", "backbone", "base_hash", "photos_hash", "settings")


@dataclass(frozen=True)
class Run:
    """A run as its config.json tells it."""

    folder: Path
    method: str
    name: str  # of the concept
    noun: str
    identifier: str  # a rare word before the noun, or the placeholder of a word that was learned whole
    backbone: str  # what the base model was asked for as
    base_hash: str
    photos_hash: str
    settings: Mapping[str, object]  # the method's

    @property
    def photos(self) -> Path:
        """The folder with upright copies of the photos."""
        return self.folder / "photos"

    @property
    def bare(self) -> str:
        """The class prompt: "a dog"."""
        return lists.fill("{subject}", self._setting("class_prompt", "a {noun}"), self.noun, "")

    def asked(self, prompts: Sequence[str]) -> list[str]:
        """The prompts for a taught model: "a zxq dog on the beach"."""
        called = self.identifier or f"<{self.name}>"
        return [lists.fill(prompt, self._own(self.whole), self.noun, called) for prompt in prompts]

    @property
    def whole(self) -> bool:
        """Whether prompts name the subject by one learned word, with no noun behind it."""
        return not self.identifier or self.identifier.startswith("<")

    @property
    def pooling(self) -> Pooling:
        """Where a pooled text with a learned word in it is read."""
        return "eos" if self.settings.get("pooling") == "eos" else "argmax"

    def meant(self, prompts: Sequence[str]) -> list[str]:
        """The same with the identifier stripped: what any picture that fits the words should show."""
        template = self._own(False)
        template = template if "{noun}" in template else template.replace("{identifier}", "{noun}")
        return [lists.fill(prompt, template, self.noun, "") for prompt in prompts]

    def checkpoints(self, most: int) -> list[Path]:
        """At most `most` complete checkpoints, evenly spread in number, the last among them; NoCheckpointsError."""
        found = checkpoint.checkpoints(self.folder / "checkpoints")
        if not found:
            raise NoCheckpointsError(self.folder)
        kept = {round((index + 1) * len(found) / min(most, len(found))) - 1 for index in range(min(most, len(found)))}
        return [found[place] for place in sorted(kept)]

    def _own(self, whole: bool) -> str:
        return self._setting("instance_prompt", "a {identifier}" if whole else "a {identifier} {noun}")

    def _setting(self, name: str, default: str) -> str:
        return str(self.settings.get(name) or default)


def read(folder: Path) -> Run:
    """The run in a folder. NotARunError where there is none, BrokenFileError where config.json is no longer one."""
    path = folder / "config.json"
    if not path.is_file():
        raise NotARunError(folder)
    saved = checkpoint.read_json(path)
    missing = [name for name in NEEDED if not isinstance(saved, dict) or name not in saved]
    if missing:
        raise BrokenFileError(path, f"it does not say the run's {', '.join(missing)}")
    return Run(folder, **{name: saved[name] for name in NEEDED})
