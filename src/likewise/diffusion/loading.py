"""From a name to a model: the embedded Toybox, a folder that fits, or a repository on the Hugging Face hub."""

import re
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from likewise.errors import ModelNotFoundError, SettingError, ToyboxMissingError

if TYPE_CHECKING:
    from likewise.diffusion.backbone import Backbone

TOYBOX = "toybox"
PRECISIONS = ("float32", "bfloat16")
_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+(@[\w.-]+)?")
# All that is read of a repository: settings and safetensors of the four parts, no code and no pickles.
_READ = (
    "model_index.json",
    "scheduler/*.json",
    "tokenizer/*.json",
    "tokenizer/merges.txt",
    *(f"{part}/{name}" for part in ("unet", "vae", "text_encoder") for name in ("config.json", "*model.safetensors*")),
)


def toybox_folder() -> Path:
    """Where the embedded pipeline is, whether or not its weights are there yet."""
    return Path(str(files("likewise"))) / "weights" / TOYBOX


def load(name_or_folder: str | Path = TOYBOX, precision: str = "float32") -> "Backbone":
    """A frozen model on the CPU, from "toybox", a diffusers pipeline folder, or "owner/name" on the hub.

    A folder wins over a hub repository of the same name; "owner/name@revision" pins one. Safetensors only. precision:
    "float32", or "bfloat16" for a U-Net and text towers of half the size; the autoencoder is float32 always. Raises
    ToyboxMissingError, ModelNotFoundError or ModelFolderError, which say what is missing or does not fit.
    """
    if precision not in PRECISIONS:
        raise SettingError("precision", precision, f"it must be one of {', '.join(PRECISIONS)}")
    folder = find(name_or_folder)
    import torch

    from likewise.diffusion.folder import Folder
    from likewise.diffusion.stable import StableDiffusion
    from likewise.diffusion.xl import StableDiffusionXL

    is_folder = folder == Path(name_or_folder).expanduser()
    checked = Folder(folder)
    kind = StableDiffusionXL if checked.is_xl else StableDiffusion
    name = folder.resolve().name if is_folder else str(name_or_folder)
    return kind(checked, name, getattr(torch, precision))


def find(name_or_folder: str | Path) -> Path:
    """The folder of a model, fetched first if it is on the hub; errors as `load`."""
    name = str(name_or_folder)
    if name == TOYBOX:
        if not (toybox_folder() / "model_index.json").is_file():
            raise ToyboxMissingError
        return toybox_folder()
    folder = Path(name).expanduser()
    if folder.is_file():
        raise ModelNotFoundError(folder, "it is a file; single-file checkpoints are not read")
    if isinstance(name_or_folder, str) and not folder.exists() and _HUB_ID.fullmatch(name):
        return _from_hub(name)
    return folder


def _from_hub(name: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    repository, _, revision = name.partition("@")
    try:
        found = snapshot_download(repository, revision=revision or None, allow_patterns=list(_READ))
    except (HfHubHTTPError, HFValidationError, OSError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise ModelNotFoundError(name, f"there is no such folder, and the hub did not give it ({reason})") from error
    return Path(found)
