"""Files of other programs as a concept: read in whatever names they have, fitted to a base model, kept in our own."""

import re
import tempfile
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from likewise import checkpoint, images
from likewise.concept import bases, inspecting
from likewise.concept import card as cards
from likewise.concept.bases import Base
from likewise.concept.card import Card
from likewise.concept.exporting import write_pipeline
from likewise.concept.folder import PREVIEW, Concept
from likewise.diffusion import lora_formats
from likewise.diffusion.formats import lora_files, single_file, word_files
from likewise.errors import (
    BaseNeededError,
    BrokenFileError,
    ImportFilesError,
    LoraCoverageWarning,
    LoraFileError,
    NoTriggerWarning,
    WordFileError,
)


@dataclass(frozen=True)
class Names:
    """What the user calls it: the concept's name, the kind of thing it is, the words that call it; None for unsaid."""

    name: str | None = None
    noun: str | None = None
    trigger: str | None = None


@dataclass(frozen=True)
class Imported:
    """The concept, and what of the base model each file covers."""

    concept: Concept
    report: dict[str, Any]


def bring(paths: Sequence[Path], target: Path, names: Names | None = None, backbone: str | None = None) -> Imported:
    """Make a concept folder `target` of one LoRA, the file(s) of one word, both, a whole model, or a concept's folder.

    Without `backbone` the base is the one whose hash is in the file's header, if that is the embedded model.
    LoraFileError when nothing of a LoRA fits the base, LoraCoverageWarning when something does not; BaseNeededError,
    WordFileError, UnsafeFileError, ImportFilesError.
    """
    names = names or Names()
    if len(paths) == 1 and paths[0].is_dir():
        return _folder(paths[0], target, names, backbone)
    kinds = {path: inspecting.kind(path) for path in paths}
    sorts = [[path for path in paths if kinds[path] == kind] for kind in ("lora", "word", "model")]
    loras, words, models = sorts
    if len(loras) > 1 or len(models) > 1 or (models and (loras or words)) or not paths:
        told = ", ".join(f"{path.name} ({kind})" for path, kind in kinds.items())
        raise ImportFilesError(f"got {told or 'none'}")
    base = _base(paths, backbone)
    if models:
        return _model(models[0], target, names, base)
    report: dict[str, Any] = {}
    header, data, rows = _headers(paths), None, None
    if loras:
        data, report[loras[0].name] = _lora(loras[0], base)
    if words:
        read = [word_files.read(path) for path in words]
        rows = word_files.order(read, inspecting.text_widths(base.skeleton))
        if rows is None:
            found = " and ".join(str(one.widths) for one in read)
            needed = inspecting.text_widths(base.skeleton)
            raise WordFileError(words[0], f"its rows are {found} wide, and {base.name} reads {needed}")
        header = {**header, "token": next((one.token for one in read if one.token), "")}
        report |= {path.name: {"vectors": len(rows[0]), "widths": [one.shape[1] for one in rows]} for path in words}
    card = _card(names, header, paths, base, is_word=rows is not None)
    return Imported(Concept.save(target, card, lora=data, words=rows), report)


def _lora(path: Path, base: Base) -> tuple[bytes, dict[str, Any]]:
    """The adapters that fit, as our own file, alpha folded in."""
    file = lora_formats.read(path, base.skeleton.blocks)
    covered = inspecting.covered(file, base.skeleton, path)
    summary = lora_files.summary(file)
    if not summary["norm"]["finite"]:
        raise LoraFileError(path, "it holds numbers that are not finite", "It is damaged, or its training went to NaN.")
    known = {(part, layer.removeprefix("text_model.")) for part, layer in covered.matched}
    kept = lora_formats.LoraFile({p: one for p, one in file.pairs.items() if p in known}, (), {})
    info = {key: value for key, value in file.metadata.items() if key.startswith(("modelspec.", "likewise."))}
    data = lora_formats.pack(kept.folded(), None, info)
    return data, {**summary, "coverage": covered.as_json()}


def _model(path: Path, target: Path, names: Names, base: Base) -> Imported:
    tensors, header = checkpoint.read_tensors(path)
    parts, strange = single_file.unpack(base.skeleton, tensors)
    lacking = single_file.missing(base.skeleton, parts)
    if lacking:
        advice = f"Name a base model of its own kind with --backbone; {base.name} was taken."
        raise BrokenFileError(
            path, f"{len(lacking)} tensors are missing or of another shape, first {lacking[0]}", advice
        )
    if strange:
        warnings.warn(LoraCoverageWarning(path, strange, sum(map(len, parts.values()))), stacklevel=3)
    card = _card(names, header, [path], base, is_word=False)
    with tempfile.TemporaryDirectory(dir=_parent(target)) as folder:
        write_pipeline(base.path, Path(folder) / "model", parts)
        concept = Concept.save(target, card, pipeline=Path(folder) / "model")
    return Imported(concept, {path.name: {"matched": sum(map(len, parts.values())), "unmatched": strange}})


def _folder(path: Path, target: Path, names: Names, backbone: str | None) -> Imported:
    if (path / "model_index.json").is_file():
        base = bases.find(backbone) if backbone else None
        if base is None:
            raise BaseNeededError(str(path), "a whole model is a change of some base model")
        card = _card(names, {}, [path], base, is_word=False)
        return Imported(Concept.save(target, card, pipeline=path), {})
    if not (path / cards.FILE).is_file() and not (path / "concept" / cards.FILE).is_file():
        raise ImportFilesError(f"{path} holds neither {cards.FILE} nor model_index.json")
    concept = Concept.load(path)
    if backbone:
        bases.find(backbone).check(concept)
    card = concept.card.renamed(names.name) if names.name else concept.card
    parts = concept.parts()
    drawn = concept.folder / PREVIEW
    kept = Concept.save(
        target,
        card,
        lora=parts.get("lora"),
        words=concept.rows() or None,
        pipeline=parts.get("pipeline"),
        preview=images.read(drawn) if drawn.is_file() else None,
    )
    return Imported(kept, {})


def _base(paths: Sequence[Path], backbone: str | None) -> Base:
    if backbone:
        return bases.find(backbone)
    found = bases.by_hash(_headers(paths).get("likewise.base_hash"))
    if found is None:
        raise BaseNeededError(paths[0].name, "no file says which model its numbers are a change of")
    return found


def _headers(paths: Sequence[Path]) -> dict[str, str]:
    """The strings of all files' headers together; the first file that says something counts."""
    plain = [path for path in paths if path.suffix.lower() not in word_files.PICKLED]
    found: dict[str, str] = {}
    for path in reversed(plain):
        found |= inspecting.shapes(path)[1]
    return found


def _card(names: Names, header: dict[str, str], paths: Sequence[Path], base: Base, *, is_word: bool) -> Card:
    said = header.get("likewise.name") or header.get("token", "").strip("<>") or paths[0].stem
    name = cards.check_name(names.name or re.sub(r"[^a-z0-9_-]+", "-", said.lower()).strip("-_")[:40])
    noun = names.noun if names.noun is not None else header.get("likewise.noun", "")
    identifier = _identifier(names, header, noun)
    if is_word and names.trigger is None and not header.get("likewise.identifier"):
        identifier = None
    if identifier == "" and not noun:
        warnings.warn(NoTriggerWarning(name), stacklevel=3)
    files = {path.name: checkpoint.hash_file(path) for path in paths if path.is_file()}
    return Card(
        name=name, placeholder=f"<{name}>", noun=noun, identifier=identifier, base_hash=base.hash, base_name=base.name,
        method="imported", provenance={"files": files},
    )  # fmt: skip


def _identifier(names: Names, header: dict[str, str], noun: str) -> str:
    """The words before the noun: those given, or those in the header, whose trigger may end in the noun."""
    said = names.trigger
    if said is None:
        said = header.get("likewise.identifier") or header.get("modelspec.trigger_phrase", "")
    return said.removesuffix(noun).strip() if noun else said


def _parent(target: Path) -> Path:
    target.parent.mkdir(parents=True, exist_ok=True)
    return target.parent
