"""PNG files that carry the settings they were made with, for `imagine --from` and for other programs."""

import json
from collections.abc import Mapping
from io import BytesIO
from os import PathLike
from pathlib import Path
from typing import Any

from PIL import Image, PngImagePlugin

from likewise import checkpoint
from likewise.errors import ImageFileError, PictureMetadataError
from likewise.images.decoding import UNDECODABLE

KEY = "likewise"
MAX_METADATA = 1 << 20  # characters of JSON; what imagine writes is a few thousand

_PARAMETERS = (  # (our name, the name that A1111, its forks and ComfyUI read), in their order
    ("steps", "Steps"),
    ("scheduler", "Sampler"),
    ("guidance", "CFG scale"),
    ("seed", "Seed"),
    ("size", "Size"),
    ("backbone_hash", "Model hash"),
    ("backbone", "Model"),
)


def write_png(path: str | PathLike, image: Image.Image, metadata: Mapping[str, Any] | None = None) -> None:
    """Write the picture in one step: a reader sees the old file or the whole new one.

    metadata (JSON values) goes into the text chunks "likewise" (JSON) and "parameters" (the A1111 form); without it the
    file carries no text at all. The same picture and metadata give the same bytes.
    """
    chunks = PngImagePlugin.PngInfo()
    if metadata is not None:
        chunks.add_text(KEY, json.dumps(metadata, sort_keys=True, allow_nan=False))  # ASCII, as tEXt must be
        chunks.add_text("parameters", parameters(metadata))  # becomes iTXt where Latin-1 does not suffice
    bare = image.convert("RGB") if image.mode != "RGB" else image.copy()
    bare.info = {}  # what a photo brought along (place, profile) is not ours to publish
    buffer = BytesIO()
    bare.save(buffer, "PNG", pnginfo=chunks)
    checkpoint.write_bytes(Path(path), buffer.getvalue())


def read_metadata(path: str | PathLike) -> dict[str, Any]:
    """The settings that write_png stored; no pixel is decoded. PictureMetadataError when there are none to use."""
    text = _chunks(Path(path)).get(KEY)
    if not isinstance(text, str):
        raise PictureMetadataError(path, _instead(_chunks(Path(path))))
    if len(text) > MAX_METADATA:
        raise PictureMetadataError(path, f"{len(text):,} characters of them, where {MAX_METADATA:,} is the most")
    try:
        settings = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise PictureMetadataError(path, f"they are no JSON ({error})") from error
    if not isinstance(settings, dict):
        raise PictureMetadataError(path, f"they are a {type(settings).__name__}, not a table of names and values")
    return settings


def parameters(metadata: Mapping[str, Any]) -> str:
    """Prompt, negative prompt and one line of 'Name: value' pairs, as A1111 writes and others read them."""
    pairs = [(theirs, metadata[ours]) for ours, theirs in _PARAMETERS if metadata.get(ours) is not None]
    lines = [str(metadata.get("prompt", ""))]
    if metadata.get("negative"):
        lines.append(f"Negative prompt: {metadata['negative']}")
    made_with = f"likewise {metadata['version']}" if metadata.get("version") else "likewise"
    lines.append(", ".join(f"{name}: {_quoted(value)}" for name, value in [*pairs, ("Version", made_with)]))
    return "\n".join(lines)


def _quoted(value: object) -> str:
    if isinstance(value, (list, tuple)) and len(value) == 2:  # a size
        return f"{value[0]}x{value[1]}"
    text = str(value)
    return json.dumps(text, ensure_ascii=False) if any(mark in text for mark in ',:"\n') else text


def _chunks(path: Path) -> dict[Any, Any]:
    """The text before the pixels. Pillow refuses text that unpacks to more than its limits."""
    try:
        with Image.open(path, formats=("PNG",)) as file:
            return dict(file.info)
    except FileNotFoundError as error:
        raise ImageFileError(path, "there is no such file", "Give the path of a PNG") from error
    except Image.UnidentifiedImageError as error:
        raise PictureMetadataError(path, "it is not a PNG") from error
    except (*UNDECODABLE, Image.DecompressionBombError) as error:
        raise PictureMetadataError(path, f"the file is damaged ({error})") from error


def _instead(chunks: Mapping[Any, Any]) -> str:
    if "parameters" in chunks:
        return "it has those of another program (A1111 or a fork)"
    if "workflow" in chunks or "prompt" in chunks:
        return "it has those of ComfyUI"
    return "it has none"
