"""What is embedded: where the models are, how large, what they can do, and how well they were measured to do it."""

from dataclasses import asdict
from math import prod
from pathlib import Path
from typing import Any

from safetensors import safe_open

from likewise import checkpoint, diffusion
from likewise.diffusion.loading import toybox_folder
from likewise.errors import BrokenFileError

QUALITY = "toybox_quality.json"  # a report of `toybox evaluate`, kept beside the weights that it is about
PARTS = {"unet": "unet", "autoencoder": "vae", "text tower": "text_encoder"}


def info() -> dict[str, Any]:
    """The embedded pipeline and towers: folders, hash, sizes in megabytes, facts, and quality as evaluate reported it.

    `quality` is None, and `note` says why, where nothing was measured, or other weights than these. Raises
    ToyboxMissingError where the weights are absent, BrokenFileError where only a part of them is there.
    """
    model = diffusion.load("toybox")
    folder = toybox_folder()
    towers = folder.with_name("towers")
    if not towers.is_dir():
        raise BrokenFileError(towers, "the towers are missing", "Install Likewise again.")
    beside = {"image tower": "towers", "draft model": "magvlt", "image tokens": "magvlt/vq"}
    parts = {name: size(folder / place) for name, place in PARTS.items()}
    parts |= {name: size(folder.parent / place) for name, place in beside.items()}
    quality, note = _quality(folder.with_name(QUALITY), model.hash)
    return {
        "folder": str(folder),
        "towers": str(towers),
        "hash": model.hash,
        "megabytes": round(sum(part["megabytes"] for part in parts.values()), 1),
        "parts": parts,
        "facts": asdict(model.facts),
        "quality": quality,
        "note": note,
    }


def size(folder: Path) -> dict[str, float]:
    """Parameters and megabytes of the safetensors files in a folder, read off their headers."""
    count, files = 0, sorted(folder.glob("*.safetensors"))
    for path in files:
        with safe_open(path, "pt") as tensors:
            count += sum(prod(tensors.get_slice(name).get_shape()) for name in tensors.keys())  # noqa: SIM118
    return {"parameters": count, "megabytes": round(sum(path.stat().st_size for path in files) / 1e6, 1)}


def _quality(path: Path, model: str) -> tuple[dict[str, Any] | None, str]:
    """The report, and what to know about it."""
    if not path.is_file():
        return None, "Not measured yet. Run: likewise toybox evaluate"
    report = checkpoint.read_json(path)
    if report.get("model") != model:
        return None, f"{path.name} is about other weights than these. Run: likewise toybox evaluate"
    return report, f"As {path.name} reports it, on prompts that training never saw."
