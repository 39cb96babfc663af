"""From a name to a model: the embedded Toybox, or any folder that fits."""

from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from likewise.errors import ModelNotFoundError, ToyboxMissingError

if TYPE_CHECKING:
    from likewise.diffusion.backbone import Backbone


def toybox_folder() -> Path:
    """Where the embedded pipeline is, whether or not its weights are there yet."""
    return Path(str(files("likewise"))) / "weights" / "toybox"


def load(name_or_folder: str | Path = "toybox") -> "Backbone":
    """A frozen float32 model on the CPU, from "toybox" or a StableDiffusionPipeline folder (safetensors only).

    ToyboxMissingError, ModelNotFoundError and ModelFolderError say what is missing or does not fit.
    """
    folder = toybox_folder() if str(name_or_folder) == "toybox" else Path(name_or_folder).expanduser()
    if str(name_or_folder) == "toybox" and not (folder / "model_index.json").is_file():
        raise ToyboxMissingError
    if folder.is_file():
        raise ModelNotFoundError(folder, "it is a file; single-file checkpoints are not read")
    from likewise.diffusion.folder import Folder
    from likewise.diffusion.stable import StableDiffusion

    name = "toybox" if str(name_or_folder) == "toybox" else folder.resolve().name
    return StableDiffusion(Folder(folder), name)
