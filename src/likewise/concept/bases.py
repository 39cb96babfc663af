"""The base model of a conversion, by its configs alone: its layers' names and shapes, and its hash."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from likewise import diffusion
from likewise.concept.folder import Concept
from likewise.diffusion.folder import Folder
from likewise.diffusion.formats import skeleton
from likewise.diffusion.formats.skeleton import Skeleton
from likewise.diffusion.loading import TOYBOX, toybox_folder
from likewise.diffusion.stable import StableDiffusion
from likewise.diffusion.xl import StableDiffusionXL
from likewise.errors import WrongBaseError


@dataclass(frozen=True)
class Base:
    """A model folder, not loaded."""

    name: str
    path: Path

    @cached_property
    def folder(self) -> Folder:
        """The folder, checked."""
        return Folder(self.path)

    @cached_property
    def skeleton(self) -> Skeleton:
        """Its layers, without weights."""
        found = skeleton.of_folder(self.path)
        return Skeleton(self.name, found.family, found.parts)

    @cached_property
    def hash(self) -> str:
        """As Backbone.hash."""
        return self.folder.hash()

    @property
    def v_prediction(self) -> bool:
        """Whether its network predicts v."""
        return self.folder.scheduler_config.get("prediction_type", "epsilon") == "v_prediction"

    def load(self) -> StableDiffusion | StableDiffusionXL:
        """The model itself, float32."""
        found = diffusion.load(self.path)
        assert isinstance(found, (StableDiffusion, StableDiffusionXL)), "folders hold these two kinds"
        return found

    def check(self, concept: Concept) -> "Base":
        """Itself, or WrongBaseError if the concept was taught on another model."""
        if self.hash != concept.card.base_hash:
            taught = (concept.base_name, concept.card.base_hash)
            raise WrongBaseError(concept.name, taught, (self.name, self.hash))
        return self


def find(name: str) -> Base:
    """ "toybox", a model folder or a hub id as a Base; errors as of `likewise.load`."""
    if name == TOYBOX and (toybox_folder() / "model_index.json").is_file():
        return Base(name, toybox_folder())
    path = Path(name).expanduser()
    if path.is_dir():
        return Base(path.resolve().name, path)
    loaded = diffusion.load(name)
    assert isinstance(loaded, (StableDiffusion, StableDiffusionXL)), "folders hold these two kinds"
    return Base(name, loaded.folder)


def by_hash(wanted: str | None) -> Base | None:
    """The embedded model, if that is the one of this hash; no other can be found by it."""
    if not wanted or not (toybox_folder() / "model_index.json").is_file():
        return None
    found = find(TOYBOX)
    return found if found.hash == wanted else None


def own(concept: Concept, name: str | None) -> Base | None:
    """The concept's base model: the one named, which must be it, or the embedded one if it is; else None."""
    if name is not None:
        return find(name).check(concept)
    return by_hash(concept.card.base_hash) if concept.base_name == TOYBOX else None
