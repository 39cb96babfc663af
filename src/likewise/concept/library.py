"""Where a person's concepts live: one folder each, in the platform's place for user data or in LIKEWISE_HOME."""

import os
import shutil
import tempfile
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs

from likewise import disk
from likewise.concept import card as cards
from likewise.concept.folder import WORDS, WORDS_2, Concept
from likewise.errors import (
    BrokenConceptWarning,
    ConceptFolderError,
    NameTakenError,
    UnknownConceptError,
)

if TYPE_CHECKING:
    from likewise.concept.exporting import Choices, Exported
    from likewise.concept.importing import Imported, Names


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

    def export(self, name: str | Path, target: str | Path, choices: "Choices | None" = None) -> "Exported":
        """Write a concept in the files of other programs: into a new folder, or a file if target ends in .zip.

        See likewise.concept.exporting. FolderExistsError leaves what is there alone.
        """
        from likewise.concept.exporting import export

        return export(self.show(name), Path(target), choices)

    def bring(
        self, paths: Sequence[str | Path], names: "Names | None" = None, backbone: str | None = None
    ) -> "Imported":
        """Add a concept from the files of any program; see likewise.concept.importing. NameTakenError."""
        from likewise.concept.importing import bring

        with tempfile.TemporaryDirectory() as folder:
            found = bring([Path(path) for path in paths], Path(folder) / "concept", names, backbone)
            return replace(found, concept=self.add(found.concept))

    def delete(self, name: str) -> None:
        """Remove a concept of the library, at once or not at all; never a folder elsewhere."""
        disk.remove(self.get(name).folder)
