"""Where a person's concepts live: one folder each, in the platform's place for user data or in LIKEWISE_HOME."""

import os
import shutil
import tempfile
import warnings
import zipfile
from pathlib import Path

import platformdirs

from likewise import disk
from likewise.concept import card as cards
from likewise.concept.folder import PREVIEW, WORDS, WORDS_2, Concept
from likewise.concept.loaders import readme
from likewise.errors import (
    BrokenConceptWarning,
    ConceptFolderError,
    FolderExistsError,
    NameTakenError,
    UnknownConceptError,
)


def home() -> Path:
    """The folder for what Likewise keeps between runs: LIKEWISE_HOME, or the platform's user data folder."""
    chosen = os.environ.get("LIKEWISE_HOME")
    return Path(chosen).expanduser() if chosen else platformdirs.user_data_path("likewise", appauthor=False)


def library(folder: Path | None = None) -> "Library":
    """The library in `folder`, by default home()/concepts."""
    return Library(folder or home() / "concepts")


class Library:
    """Concepts by name. Nothing is made on disk until something is added."""

    def __init__(self, folder: Path) -> None:
        """folder: holds one folder a concept, called as the concept is."""
        self.folder = folder

    def names(self) -> list[str]:
        """The names taken, in order; a folder that no concept could have made is no concept."""
        if not self.folder.is_dir():
            return []
        return sorted(path.parent.name for path in self.folder.glob(f"[!.]*/{cards.FILE}"))

    def list(self) -> "list[Concept]":
        """Every concept that can be read; BrokenConceptWarning for each that cannot."""
        found = []
        for name in self.names():
            try:
                found.append(self.get(name))
            except ConceptFolderError as error:
                warnings.warn(BrokenConceptWarning(name, str(error)), stacklevel=2)
        return found

    def get(self, name: str) -> Concept:
        """The concept of that name; brackets around it are fine. UnknownConceptError lists those there are."""
        plain = name.removeprefix("<").removesuffix(">").lower()
        if plain not in self.names():  # membership first: a name never becomes a path unchecked
            raise UnknownConceptError(plain, self.names())
        concept = Concept(self.folder / plain, cards.read(self.folder / plain))
        concept.parts()
        return concept

    def show(self, name: str | Path) -> Concept:
        """A concept by name or by its folder."""
        return Concept.load(name) if isinstance(name, Path) or Path(name).is_dir() else self.get(name)

    def add(self, concept: Concept, name: str | None = None) -> Concept:
        """Copy a concept in, under its own name or another; NameTakenError if the name is in use."""
        card = concept.card.renamed(name) if name else concept.card
        if card.name in self.names():
            raise NameTakenError(card.name)
        with disk.new_folder(disk.inside(self.folder, card.name)) as temp:
            shutil.copytree(concept.folder, temp, dirs_exist_ok=True)
            (temp / cards.FILE).write_text(card.as_text(), encoding="utf-8")
            for path in [temp / WORDS, temp / WORDS_2]:
                if path.exists() and card.placeholder != concept.placeholder:
                    from likewise import checkpoint

                    rows = next(iter(checkpoint.read_tensors(path)[0].values()))
                    checkpoint.write_tensors(path, {card.placeholder: rows})
        return self.get(card.name)

    def export(self, name: str | Path, target: str | Path) -> Path:
        """Copy a concept out with a README of load calls: into a new folder, or a file if target ends in .zip.

        Beside diffusers' files there are those that A1111 and ComfyUI read: NAME.safetensors for a learned word and
        NAME-lora.safetensors for adapters. FolderExistsError leaves what is there alone.
        """
        concept, target = self.show(name), Path(target)
        if target.suffix.lower() == ".zip":
            with tempfile.TemporaryDirectory() as files:
                _lay_out(concept, Path(files))
                _zip(Path(files), target, concept.name)
        else:
            with disk.new_folder(target) as temp:
                _lay_out(concept, temp)
        return target

    def delete(self, name: str) -> None:
        """Remove a concept of the library, at once or not at all; never a folder elsewhere."""
        disk.remove(self.get(name).folder)


def _lay_out(concept: Concept, folder: Path) -> None:
    shutil.copytree(concept.folder, folder, dirs_exist_ok=True)
    if "words" in concept.parts():
        from likewise import checkpoint

        rows = next(iter(checkpoint.read_tensors(concept.parts()["words"])[0].values()))
        checkpoint.write_tensors(folder / f"{concept.name}.safetensors", {"emb_params": rows})
    if "lora" in concept.parts():
        from likewise.concept import kohya

        kohya.write(concept, folder / f"{concept.name}-lora.safetensors")
    (folder / "README.md").write_text(readme(concept, (folder / PREVIEW).exists()), encoding="utf-8")


def _zip(folder: Path, target: Path, name: str) -> None:
    """All files of a folder under `name`/, with one fixed date, so that the same concept gives the same bytes."""
    if os.path.lexists(target):
        raise FolderExistsError(target)
    with disk.new_file(target) as temp, zipfile.ZipFile(temp, "w") as bundle:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            entry = zipfile.ZipInfo(f"{name}/{path.relative_to(folder).as_posix()}")
            entry.external_attr = 0o644 << 16
            bundle.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED)
