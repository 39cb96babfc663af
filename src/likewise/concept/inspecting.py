"""What a file of any program holds: adapters, a learned word or a whole model, and how it fits a base model."""

import json
import warnings
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from likewise.concept import bases
from likewise.diffusion import lora_formats
from likewise.diffusion.backbone import word_table
from likewise.diffusion.formats import lora_files, lora_names, single_file, skeleton, word_files
from likewise.diffusion.formats.skeleton import Skeleton
from likewise.diffusion.formats.unet_names import Blocks
from likewise.errors import BrokenFileError, ImportFilesError, LoraCoverageWarning, LoraFileError

Kind = Literal["lora", "word", "model"]
MODEL = (single_file.UNET, "cond_stage_model.", "conditioner.")
FAMILY_MARKS: dict[str, skeleton.Known] = {
    "conditioner.embedders.1.": "sdxl", "cond_stage_model.model.": "sd2", "cond_stage_model.transformer.": "sd1"
}  # fmt: skip


def kind(path: Path) -> Kind:
    """What a file is, by the names of its tensors; ImportFilesError for anything else."""
    if path.suffix.lower() in word_files.PICKLED:
        return "word"
    held, _ = shapes(path)
    if any(name.startswith(MODEL) for name in held):
        return "model"
    if any(lora_names.read(name, Blocks()) or _other_lora(name) for name in held):
        return "lora"
    if word_files.is_word(held):
        return "word"
    first = ", ".join(sorted(held)[:3]) or "nothing"
    raise ImportFilesError(f"{path} holds {len(held)} tensors of no kind that is known, such as {first}")


def shapes(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """A safetensors file's tensors without their values, and its header. BrokenFileError."""
    try:
        with safe_open(path, framework="pt") as file:
            names = list(file.keys())
            found = {name: torch.empty(file.get_slice(name).get_shape(), device="meta") for name in names}
            return found, file.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise BrokenFileError(path, f"it is not a whole safetensors file ({error})") from error


def inspect(path: Path, backbone: str | None = None) -> dict[str, Any]:
    """A report on a file, as JSON: kind, contents, header, and coverage of a base model.

    Without `backbone` it is the embedded model, if the header names its hash, or a published one of such shapes.
    LoraFileError if nothing fits, LoraCoverageWarning if some does not.
    """
    what = kind(path)
    header = {} if path.suffix.lower() in word_files.PICKLED else shapes(path)[1]
    found = bases.find(backbone) if backbone else bases.by_hash(header.get("likewise.base_hash"))
    base = found.skeleton if found else None
    look = {"lora": _lora, "word": _word, "model": _model}[what]
    return {"file": path.name, "kind": what, **look(path, base)}


def covered(file: lora_formats.LoraFile, base: Skeleton, source: object) -> lora_files.Report:
    """The coverage report; LoraFileError for none, LoraCoverageWarning for part."""
    found = lora_files.report(file, base)
    if not found.matched:
        first = next(iter(found.unmatched.items()), ("", ""))
        told = f"none of its {len(found.unmatched)} entries fits a layer of {base.name} ({first[0]}: {first[1]})"
        raise LoraFileError(source, told, "Name the base model that it was trained on with --backbone.")
    if found.unmatched:
        warnings.warn(LoraCoverageWarning(source, list(found.unmatched), 2 * len(found.matched)), stacklevel=3)
    return found


def _lora(path: Path, base: Skeleton | None) -> dict[str, Any]:
    file = lora_formats.read(path, base.blocks if base else None)
    known = lora_files.guess(file)
    against = base or (skeleton.of_family(known) if known else None)
    data = lora_files.summary(file)
    coverage = covered(file, against, path).as_json() if against else None
    return {
        **data,
        "family": against.family if against else None,
        "coverage": coverage,
        "metadata": _said(file.metadata),
    }


def _word(path: Path, base: Skeleton | None) -> dict[str, Any]:
    file = word_files.read(path)
    families = {(768,): "sd1", (1024,): "sd2", (768, 1280): "sdxl"}
    norms = [[round(norm, 6) for norm in rows.norm(dim=1).tolist()] for rows in file.rows]
    data: dict[str, Any] = {
        "scheme": file.layout, "token": file.token, "vectors": file.count, "widths": list(file.widths), "norms": norms,
        "family": families.get(file.widths), "metadata": _said(file.metadata), "coverage": None,
    }  # fmt: skip
    if base is not None:
        widths = text_widths(base)
        fits = word_files.order([file], widths) is not None
        data["coverage"] = {"base": base.name, "text_widths": widths, "fits": fits}
    return data


def _model(path: Path, base: Skeleton | None) -> dict[str, Any]:
    held, metadata = shapes(path)
    fits: list[skeleton.Known] = [
        known for mark, known in FAMILY_MARKS.items() if any(n.startswith(mark) for n in held)
    ]
    family = fits[0] if fits else None
    against = base or (skeleton.of_family(family) if family else None)
    data: dict[str, Any] = {"scheme": "original", "family": family, "tensors": len(held)}
    data["parameters"] = sum(one.numel() for one in held.values())
    if against is not None:
        parts, strange = single_file.unpack(against, held)
        missing = single_file.missing(against, parts)
        matched = sum(map(len, parts.values()))
        data["coverage"] = {"base": against.name, "matched": matched, "missing": missing, "unmatched": strange}
    return {**data, "metadata": _said(metadata)}


def text_widths(base: Skeleton) -> list[int]:
    """The widths of the text encoders' tables, in order."""
    names = [name for name in base.parts if name.startswith("text_encoder")]
    return [word_table(base.parts[name]).embedding_dim for name in sorted(names)]


def _other_lora(name: str) -> bool:
    return any(mark in name for mark in lora_formats.OTHER_KINDS)


def _said(metadata: dict[str, str]) -> dict[str, Any]:
    """The header, with the JSON that some of its strings are read."""
    found: dict[str, Any] = {}
    for key, text in sorted(metadata.items()):
        try:
            found[key] = json.loads(text) if text[:1] in "{[" else text
        except json.JSONDecodeError:
            found[key] = text
    return found
