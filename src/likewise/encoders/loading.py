"""From a name or a folder to an encoder, without importing any that is not asked for."""

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from likewise.errors import EncoderFolderError, EncoderMissingError, UnknownNameError

if TYPE_CHECKING:
    from likewise.encoders.encoder import Encoder

WEIGHTS = Path(__file__).parents[1] / "weights"
# name -> its folder among the embedded weights, the file that marks such a folder, and "module:function" that loads it
ENCODERS: Mapping[str, tuple[str, str, str]] = {
    "efficientnet-lite0": (
        "efficientnet_lite0",
        "efficientnet_lite0.safetensors",
        "likewise.encoders.efficientnet:load",
    ),
    "toybox": ("towers", "towers.safetensors", "likewise.encoders.toybox:load"),
}
METRICS = "likewise.dreamsim.loading:load"  # a metric of likeness is an encoder too: "dreamsim", or a folder
METRIC_FILE = "dreamsim.json"
# the file that marks a folder of an encoder that has no name, and "module:function" that loads it
FOLDERS: Mapping[str, str] = {
    **{marker: loader for _, marker, loader in ENCODERS.values()},
    "contrastive.safetensors": "likewise.encoders.learned:load",
}


def load(name: str | Path = "efficientnet-lite0", *, device: str | None = None) -> "Encoder":
    """An embedded encoder by its name, or one from a folder: of the same layout, or a metric that was tuned.

    UnknownNameError for a name that is neither, EncoderMissingError for an embedded one without weights here,
    EncoderFolderError for a folder that holds none.
    """
    tuned = any((Path(name) / place / METRIC_FILE).is_file() for place in (".", "metric"))  # a run's is inside
    if str(name) == "dreamsim" or tuned:
        return _resolve(METRICS)(name, device=device)
    if str(name) in ENCODERS:
        place, marker, loader = ENCODERS[str(name)]
        if not (WEIGHTS / place / marker).is_file():
            raise EncoderMissingError(str(name))
        return _resolve(loader)(WEIGHTS / place, device=device)
    folder = Path(name)
    if not folder.is_dir():
        raise UnknownNameError("encoder", str(name), [*ENCODERS, "dreamsim"])
    for place in (folder, folder / "encoder"):  # a run of contrastive learn has its encoder in a folder inside
        for marker, loader in FOLDERS.items():
            if (place / marker).is_file():
                return _resolve(loader)(place, device=device)
    raise EncoderFolderError(folder, list(FOLDERS))


def lasting(name: str | Path) -> str:
    """What `load` finds the same encoder by from anywhere: the folder of one that has no name in full."""
    return str(Path(name).resolve()) if str(name) not in ENCODERS and Path(name).is_dir() else str(name)


def _resolve(reference: str):
    module, _, name = reference.partition(":")
    return getattr(import_module(module), name)
