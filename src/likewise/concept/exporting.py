"""A concept in the files of other programs, with a README.txt of the calls that load them."""

import os
import shutil
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, cast

import torch
from safetensors.torch import save
from torch import Tensor

from likewise import checkpoint, disk
from likewise.concept import bases, header
from likewise.concept.bases import Base
from likewise.concept.folder import LORA, PIPELINE, PREVIEW, WORDS, WORDS_2, Concept
from likewise.concept.readme import readme
from likewise.diffusion import lora_formats, saving
from likewise.diffusion.backbone import Backbone
from likewise.diffusion.folder import WEIGHTS, Folder
from likewise.diffusion.formats import lora_files, ranks, single_file, skeleton, word_files
from likewise.diffusion.formats.lora_names import Scheme
from likewise.diffusion.formats.unet_names import Blocks
from likewise.diffusion.lora_formats import LoraFile
from likewise.errors import BaseNeededError, ConceptFormatError, FolderExistsError

Format = Literal["all", "diffusers", "kohya", "a1111", "comfyui", "pipeline", "single-file"]
FORMATS: tuple[Format, ...] = ("all", "diffusers", "kohya", "a1111", "comfyui", "pipeline", "single-file")
SCHEMES: dict[str, tuple[Scheme, ...]] = {
    "all": ("diffusers", "kohya"), "diffusers": ("diffusers",), "kohya": ("kohya",), "a1111": ("kohya",),
    "comfyui": ("comfyui",),
}  # fmt: skip
DTYPES = {"float32": torch.float32, "float16": torch.float16}


@dataclass(frozen=True)
class Choices:
    """How to write.

    backbone: the concept's base model, where a format needs it; rank: of the LoRA, which is resized, or extracted from
    a whole model; dtype: "float32" or "float16", by default the first for adapters and the second for models.
    """

    format: Format = "all"
    backbone: str | None = None
    rank: int | None = None
    dtype: str | None = None
    licence: str = ""


@dataclass
class Exported:
    """What was written where; report: per file what of the base model it covers, and what a lower rank kept."""

    path: Path
    files: list[str] = field(default_factory=list)
    report: dict[str, Any] = field(default_factory=dict)


def export(concept: Concept, target: Path, choices: Choices | None = None) -> Exported:
    """Write a concept into a new folder, or into a file if target ends in .zip. FolderExistsError if it is there.

    Every LoRA that is written is read again and compared, tensor by tensor, and with the base model where it is known.
    """
    choices, found = choices or Choices(), Exported(target)
    if target.suffix.lower() == ".zip":
        if os.path.lexists(target):
            raise FolderExistsError(target)
        with tempfile.TemporaryDirectory() as files:
            _Export(concept, choices, Path(files), found).run()
            _zip(Path(files), target, concept.name)
    else:
        with disk.new_folder(target) as temp:
            _Export(concept, choices, temp, found).run()
    return found


class _Export:
    """One export: where it goes, and what is known of the base model."""

    def __init__(self, concept: Concept, choices: Choices, folder: Path, found: Exported) -> None:
        self.concept, self.choices, self.folder, self.found = concept, choices, folder, found
        self.parts = concept.parts()
        self.base = bases.own(concept, choices.backbone)

    def run(self) -> None:
        """Write everything."""
        if self.choices.format in ("pipeline", "single-file"):
            self._model()
        else:
            self._parts()
        self._words()
        text = readme(self.concept, self.choices.format, self._family(), pictured=(self.folder / PREVIEW).exists())
        (self.folder / "README.txt").write_text(text, encoding="utf-8")
        names = (path.relative_to(self.folder).as_posix() for path in self.folder.rglob("*") if path.is_file())
        self.found.files = sorted(names)

    def _parts(self) -> None:
        wanted = self.choices.format
        if wanted == "all":
            self._copy()
        if "lora" in self.parts or (self.choices.rank and PIPELINE in self.parts):
            file = self._adapters()
            for scheme in SCHEMES[wanted]:
                self._lora(file, scheme)
        elif PIPELINE in self.parts:
            if wanted not in ("all", "diffusers"):
                remedy = "Give --rank N to extract a LoRA of that rank, or --format single-file for the whole model."
                raise ConceptFormatError(self.concept.name, wanted, "all weights of a model are no LoRA", remedy)
            shutil.copytree(self.parts[PIPELINE], self.folder / PIPELINE, dirs_exist_ok=True)

    def _copy(self) -> None:
        """The concept as it is, so that it can be imported again."""
        changed = PIPELINE if self.choices.rank else None
        for path in self.concept.folder.iterdir():
            if path.is_dir() and path.name != changed:
                shutil.copytree(path, self.folder / path.name)
            elif path.is_file():
                shutil.copyfile(path, self.folder / path.name)

    def _adapters(self) -> LoraFile:
        rank = self.choices.rank
        if "lora" not in self.parts:
            base, learned = self._needed("extracting a LoRA").folder, Folder(self.parts[PIPELINE])
            assert rank is not None, "asked for by a rank"
            file, kept = ranks.extract(_matrices(base), _matrices(learned), rank)
        else:
            file = lora_formats.read(self.parts["lora"], self._blocks(needed=False))
            if rank is None:
                return file
            file, kept = ranks.resize(file, rank)
        self.found.report["kept"] = asdict(kept)
        return file

    def _lora(self, file: LoraFile, scheme: Scheme) -> None:
        name = LORA if scheme == "diffusers" else f"{self.concept.name}-lora.safetensors"
        if name == LORA and self.choices.format == "all" and self.choices.rank is None:
            self._check(self.folder / name, file)  # a copy, byte for byte
            return
        blocks, family = self._blocks(needed=scheme == "comfyui" or self._family() == "sdxl"), self._family()
        dtype = DTYPES[self.choices.dtype or "float32"]
        tensors = lora_files.rename(file, scheme, family, blocks, dtype)
        info = self._header("lora") | header.ranks(tensors)
        if scheme == "diffusers":
            info |= lora_formats.described(tensors)
        _write(self.folder / name, tensors, info)
        self._check(self.folder / name, file)

    def _check(self, path: Path, file: LoraFile) -> None:
        """What was written means what was meant, by the same reader that reads any file."""
        again = lora_formats.read(path, self._blocks(needed=False))
        assert again.pairs.keys() == file.pairs.keys() and not again.strange, f"{path.name} does not name every layer"
        data: dict[str, Any] = {"layers": len(again.pairs)}
        if self.base is not None:
            covered = lora_files.report(again, self.base.skeleton)
            assert not covered.unmatched, f"{path.name} does not fit its own base model"
            data = covered.as_json()
        self.found.report[path.name] = data

    def _words(self) -> None:
        rows = self.concept.rows()
        if not rows:
            return
        if self.choices.format in ("all", "diffusers", "pipeline", "single-file"):
            for name, own in zip((WORDS, WORDS_2), rows, strict=False):
                if not (self.folder / name).exists():
                    _write(self.folder / name, {self.concept.placeholder: own}, self._header("word"))
        if self.choices.format != "diffusers":
            tensors = word_files.for_others(rows)
            name = f"{self.concept.name}.safetensors"
            name = f"{self.concept.name}-word.safetensors" if (self.folder / name).exists() else name
            _write(self.folder / name, tensors, self._header("word"))

    def _model(self) -> None:
        """A whole model: the concept's own, or its base with the adapters merged in."""
        if PIPELINE in self.parts:
            source = Base(self.concept.base_name, self.parts[PIPELINE])
            tensors = {part: source.folder.tensors(part) for part in source.folder.parts}
        else:
            source = self._needed("a whole model")
            tensors = self._merged(source)
        dtype = DTYPES[self.choices.dtype or "float16"]
        if self.choices.format == "pipeline":
            write_pipeline(source.path, self.folder / PIPELINE, tensors, dtype)
            return
        packed = single_file.pack(source.skeleton, tensors, dtype)
        info = self._header("model")
        checkpoint.write_tensors(self.folder / f"{self.concept.name}.safetensors", packed, {**info, "format": "pt"})

    def _merged(self, source: Base) -> dict[str, dict[str, Tensor]]:
        model = cast(Backbone, source.load())
        if "lora" in self.parts:
            for one in lora_formats.load_into(model, self.parts["lora"], self.concept.scale)[0]:
                one.merge()
        modules = {**lora_formats.components(model), "vae": model.vae}
        return {part: dict(module.state_dict()) for part, module in modules.items()}

    def _needed(self, what: str) -> Base:
        if self.base is None:
            raise BaseNeededError(f"<{self.concept.name}>", f"{what} needs the weights of the base model")
        return self.base

    def _family(self) -> str:
        if self.base is not None:
            return self.base.skeleton.family
        if PIPELINE in self.parts:
            return skeleton.of_folder(self.parts[PIPELINE]).family
        if "lora" in self.parts:
            return lora_files.family(lora_formats.read(self.parts["lora"]))
        widths = [rows.shape[1] for rows in self.concept.rows()]
        return "sdxl" if len(widths) == 2 else {768: "sd1", 1024: "sd2"}.get(widths[0], "toybox")

    def _blocks(self, *, needed: bool) -> Blocks:
        """How the base's U-Net is built: of the base, or of the published model of its family."""
        if self.base is not None:
            return self.base.skeleton.blocks
        if PIPELINE in self.parts:
            return skeleton.of_folder(self.parts[PIPELINE]).blocks
        known = lora_files.guess(lora_formats.read(self.parts["lora"]))
        if known is not None:
            return skeleton.of_family(known).blocks
        if needed:
            raise BaseNeededError(f"<{self.concept.name}>", "the names in this format depend on how the U-Net is built")
        return Blocks()

    def _header(self, kind: str) -> dict[str, str]:
        facts: dict[str, Any] = {"licence": self.choices.licence}
        if self.base is not None:
            facts |= {"v_prediction": self.base.v_prediction, "size": self.base.skeleton.size}
        return header.header(self.concept.card, kind, self._family(), **facts)


def write_pipeline(
    source: Path, target: Path, tensors: Mapping[str, Mapping[str, Tensor]], dtype: torch.dtype = torch.float16
) -> None:
    """A model folder with the settings of `source` and these weights, as its modules name them."""
    target.mkdir(parents=True)
    saving.copy_settings(source, target)
    for part, own in tensors.items():
        prefix = "text_model." if part == "text_encoder" else ""  # older readers need it, newer ones accept it
        named = {
            f"{prefix}{name.removeprefix(prefix)}": value.to(dtype) if value.is_floating_point() else value
            for name, value in own.items()
        }
        checkpoint.write_tensors(target / part / f"{WEIGHTS[part]}.safetensors", named, {"format": "pt"})


def _matrices(folder: Folder) -> dict[tuple[str, str], Tensor]:
    """The weights that a LoRA can change: matrices and convolutions of the U-Net and the text towers."""
    return {
        (part, name.removesuffix(".weight").removeprefix("text_model." if part != "unet" else "")): value
        for part in folder.parts
        if part != "vae"
        for name, value in folder.tensors(part).items()
        if name.endswith(".weight") and value.ndim > 1 and "embeddings." not in name
    }


def _write(path: Path, tensors: Mapping[str, Tensor], info: Mapping[str, str]) -> None:
    """A safetensors file with its own hash in its header; the same arguments, the same bytes."""
    plain = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    data = save(plain, metadata={"format": "pt"})
    checkpoint.write_bytes(path, lora_formats.canonical(data, {**info, "format": "pt", **header.content_hash(data)}))


def _zip(folder: Path, target: Path, name: str) -> None:
    """All files of a folder under `name`/, with one fixed date, so that the same concept gives the same bytes."""
    with disk.new_file(target) as temp, zipfile.ZipFile(temp, "w") as bundle:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            entry = zipfile.ZipInfo(f"{name}/{path.relative_to(folder).as_posix()}")
            entry.external_attr = 0o644 << 16
            bundle.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED)
