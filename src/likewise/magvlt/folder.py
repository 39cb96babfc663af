"""A draft model as a folder: settings, the transformer, and where its tokenizers are; safetensors and JSON alone.

config.json names, relative to the folder, the text tokenizer, the VQModel and the autoencoder before it. The embedded
model shares the pipeline's; one that is saved brings its own.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from torch import Tensor

from likewise import checkpoint
from likewise.errors import BrokenFileError, DraftFolderError, DraftModelMissingError, OfficialWeightsError
from likewise.magvlt import official
from likewise.magvlt.config import Drawing, Shape
from likewise.magvlt.model import Transformer
from likewise.magvlt.vq import ImageTokens
from likewise.magvlt.words import TextTokens

EMBEDDED = Path(__file__).parents[1] / "weights" / "magvlt"
CONFIG, WEIGHTS, PART = "config.json", "model.safetensors", "diffusion_pytorch_model.safetensors"
KINDS = {"vq": "VQModel", "front": "AutoencoderTiny"}


@dataclass(frozen=True)
class Parts:
    """All that a draft model consists of; lengths: how often captions of 1, 2, ... tokens were trained on."""

    model: Transformer
    words: TextTokens
    pictures: ImageTokens
    lengths: Tensor
    name: str
    drawing: Mapping[str, float] = field(default_factory=dict)  # settings of Drawing that suit this model


def find(name: str | Path) -> Path:
    """The folder of "toybox" (the embedded model), or of a path. DraftModelMissingError, DraftFolderError."""
    if str(name) == "toybox":
        if not (EMBEDDED / CONFIG).is_file():
            raise DraftModelMissingError
        return EMBEDDED
    folder = Path(name).expanduser()
    if not (folder / CONFIG).is_file():
        inner = folder / "model"  # a run folder holds its model there
        if (inner / CONFIG).is_file():
            return inner
        raise DraftFolderError(folder, f"there is no {CONFIG} in it" if folder.is_dir() else "there is no such folder")
    return folder


def read(name: str | Path) -> Parts:
    """The parts of a draft model, on the CPU and frozen. DraftFolderError for what does not fit."""
    folder = find(name)
    about = checkpoint.read_json(folder / CONFIG)
    try:
        shape = Shape(**about["shape"])
        pixels, scale, lengths = int(about["pixels"]), float(about["scale"]), torch.tensor(about["lengths"])
        drawing = Drawing(**about.get("drawing", {})).model_dump(exclude_unset=True)
        places = {part: about[part] and folder / str(about[part]) for part in ("tokenizer", "vq", "front")}
    except (TypeError, KeyError, ValueError, ValidationError) as error:
        raise DraftFolderError(folder, f"its {CONFIG} lacks something or holds what does not fit ({error})") from error
    with torch.device("meta"):
        empty = Transformer(shape)
    model = _fitted(empty, checkpoint.read_tensors(folder / WEIGHTS)[0], folder / WEIGHTS)
    vq, front = (_network(part, places[part]) for part in ("vq", "front"))
    parts = Parts(
        model, TextTokens(_tokenizer(folder, places["tokenizer"]), shape.text_length),
        ImageTokens(vq, pixels, front, scale), lengths, folder.resolve().name if folder != EMBEDDED else "toybox",
        drawing,
    )  # fmt: skip
    _check(folder, parts)
    return parts


def _check(folder: Path, parts: Parts) -> None:
    shape = parts.model.shape
    found = {
        "image codes": (parts.pictures.count, shape.image_codes),
        "image tokens a side": (parts.pictures.side, shape.image_side),
        "text ids": (parts.words.count, shape.text_codes),
        "caption lengths": (len(parts.lengths), shape.text_length),
    }
    wrong = [f"{name} are {has}, and the model needs {needs}" for name, (has, needs) in found.items() if has != needs]
    if wrong:
        raise DraftFolderError(folder, "; ".join(wrong))


def write(
    target: Path, parts: Parts, shared: Mapping[str, str] | None = None, dtype: torch.dtype = torch.float32
) -> Path:
    """Write a new folder in one step. shared: where parts already are, as config.json shall name them; not copied."""
    shared = dict(shared or {})
    with checkpoint.new_folder(target, replace=True) as folder:
        networks = {"vq": parts.pictures.vq, "front": parts.pictures.front}
        for part, module in networks.items():
            if module is not None and part not in shared:
                (folder / part).mkdir()
                checkpoint.write_tensors(folder / part / PART, _as(module.state_dict(), dtype), {"format": "pt"})
                checkpoint.write_json(folder / part / CONFIG, _settings(module))
        if "tokenizer" not in shared:
            parts.words.tokenizer.save_pretrained(str(folder / "tokenizer"))
        checkpoint.write_tensors(folder / WEIGHTS, _as(parts.model.state_dict(), dtype), {"format": "pt"})
        places = {part: shared.get(part, part if networks[part] is not None else None) for part in networks}
        about = {
            "format": 1,
            "shape": parts.model.shape.model_dump(),
            "pixels": parts.pictures.pixels,
            "scale": parts.pictures.scale,
            "tokenizer": shared.get("tokenizer", "tokenizer"),
            **places,
            "lengths": parts.lengths.tolist(),
            "drawing": dict(parts.drawing),
        }
        checkpoint.write_json(folder / CONFIG, about)
        checkpoint.write_manifest(folder)
    return target


def _network(part: str, place: Path | None) -> Any:
    """A VQModel or AutoencoderTiny from its folder, or None where there is none."""
    if not place:
        return None
    settings = {k: v for k, v in checkpoint.read_json(place / CONFIG).items() if not k.startswith("_")}
    if part == "vq":
        from diffusers.models.autoencoders.vq_model import VQModel as Kind
    else:
        from diffusers.models.autoencoders.autoencoder_tiny import AutoencoderTiny as Kind

        settings.pop("block_out_channels", None)  # written by diffusers, not expected back
    try:
        with torch.device("meta"):
            made = Kind(**settings)
    except (TypeError, ValueError) as error:
        raise DraftFolderError(place, f"its settings are no {KINDS[part]}'s ({error})") from error
    return _fitted(made, checkpoint.read_tensors(place / PART)[0], place / PART)


def _fitted(module: Any, tensors: Mapping[str, Tensor], path: Path) -> Any:
    try:
        return official.filled(module, tensors, path)
    except OfficialWeightsError as error:
        raise BrokenFileError(path, str(error).splitlines()[0]) from error


def _tokenizer(folder: Path, place: Path | None) -> Any:
    from transformers.models.clip.tokenization_clip import CLIPTokenizer

    if not place or not any((place / file).is_file() for file in ("tokenizer.json", "vocab.json")):
        raise DraftFolderError(folder, f"its tokenizer {place} holds neither tokenizer.json nor vocab.json")
    return CLIPTokenizer.from_pretrained(str(place), local_files_only=True)


def _as(tensors: Mapping[str, Tensor], dtype: torch.dtype) -> dict[str, Tensor]:
    return {name: value.to(dtype) if value.is_floating_point() else value for name, value in tensors.items()}


def _settings(module: Any) -> dict[str, Any]:
    return {key: value for key, value in json.loads(module.to_json_string()).items() if key != "_name_or_path"}
