"""From a name to a model: the embedded Toybox, a folder that fits, or a repository on the Hugging Face hub."""

import re
from collections.abc import Mapping, Sequence
from fnmatch import fnmatch
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from likewise.errors import ModelNotFoundError, SettingError, ToyboxMissingError

if TYPE_CHECKING:
    from likewise.diffusion.backbone import Backbone

TOYBOX = "toybox"
PRECISIONS = ("float32", "bfloat16")
_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+(@[\w.-]+)?")
# All that is read of a repository: settings and safetensors of the parts, no code and no pickles.
_SETTINGS = ("model_index.json", "scheduler/*.json", "tokenizer*/*.json", "tokenizer*/merges.txt")
_PARTS = ("unet", "vae", "text_encoder", "text_encoder_2")
_CONFIGS = tuple(f"{part}/config.json" for part in _PARTS)
_WHOLE = tuple(f"{part}/*model*.safetensors*" for part in _PARTS)  # every variant


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
    made = kind(checked, name, getattr(torch, precision))
    return cast("Backbone", made)  # its hash is a str that is worked out when asked for


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
    """A snapshot in the hub's own cache: one precision of each part; what is there already is not asked for again."""
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.errors import (
        HfHubHTTPError,
        HFValidationError,
        HTTPError,  # pyright: ignore[reportPrivateImportUsage]  # of the network library that this version uses
    )

    repository, _, revision = name.partition("@")
    asked = {"repo_id": repository, "revision": revision or None}
    try:
        listed = HfApi().list_repo_files(**asked)
        return Path(snapshot_download(**asked, allow_patterns=[*_SETTINGS, *_CONFIGS, *_weights(listed)]))
    except (HTTPError, OSError) as error:  # a connection that fails is one or the other, by the hub's version
        if isinstance(error, HfHubHTTPError) and error.response is not None:  # the hub was reached, and said no
            raise ModelNotFoundError(name, _refused(error)) from error
        return _from_cache(name, asked, error)
    except HFValidationError as error:
        raise ModelNotFoundError(name, _refused(error)) from error


def _from_cache(name: str, asked: Mapping[str, Any], error: Exception) -> Path:
    """What an earlier download left."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        return Path(snapshot_download(**asked, allow_patterns=[*_SETTINGS, *_CONFIGS, *_WHOLE], local_files_only=True))
    except LocalEntryNotFoundError:
        raise ModelNotFoundError(
            name,
            "there is no such folder, the hub cannot be reached, and nothing of it was downloaded before. Where there "
            f"is a network: hf download {asked['repo_id']}",
        ) from error


def _weights(listed: Sequence[str]) -> list[str]:
    """The safetensors files of each part, full precision where there is one: half as many bytes as all variants."""
    chosen = []
    for part in _PARTS:
        files = [file for file in listed if fnmatch(file, f"{part}/*model*.safetensors*") and file.count("/") == 1]
        plain = [file for file in files if ".fp16." not in file and ".non_ema." not in file]
        chosen += plain or [file for file in files if ".fp16." in file]
    return chosen


def _refused(error: Exception) -> str:
    reason = str(error).strip().partition("\n")[0]
    return f"there is no such folder, and the hub did not give it ({reason})"
