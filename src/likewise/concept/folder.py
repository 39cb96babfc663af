"""A concept on disk: a card, the weights that it adds to its base model, and a picture of it."""

import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from likewise import disk
from likewise.concept import card as cards
from likewise.concept.card import Card
from likewise.errors import ConceptFolderError, WrongBaseError

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor

    from likewise.diffusion.backbone import Backbone, Vectors, Words

LORA = "pytorch_lora_weights.safetensors"
WORDS = "learned_embeds.safetensors"
WORDS_2 = "learned_embeds_2.safetensors"  # of the second text encoder, where the base model has two
PIPELINE = "pipeline"
PREVIEW = "preview.png"


@dataclass(frozen=True)
class Concept:
    """A concept that was read. scale: how much of it to apply; 1 is as learned, 0 is the base model."""

    folder: Path
    card: Card
    scale: float = 1.0

    @classmethod
    def load(cls, source: "str | Path | Concept", scale: float = 1.0) -> "Concept":
        """From a name in the library, a concept folder, or a run folder that holds one.

        A str that the library knows is that concept, whatever folders lie about; a Path is always a folder. Raises
        UnknownConceptError or ConceptFolderError.
        """
        from likewise.concept.library import library

        if isinstance(source, Concept):
            return source
        shelf = library()
        if isinstance(source, str) and (source in shelf.names() or not Path(source).is_dir()):
            return shelf.get(source).scaled(scale)
        folder = Path(source)
        if not (folder / cards.FILE).is_file() and (folder / "concept" / cards.FILE).is_file():
            folder = folder / "concept"
        concept = cls(folder, cards.read(folder), scale)
        concept.parts()
        return concept

    @classmethod
    def save(
        cls,
        folder: Path,
        card: Card,
        *,
        lora: "bytes | Path | None" = None,
        words: "Vectors | None" = None,
        pipeline: Path | None = None,
        preview: "Image | None" = None,
        replace: bool = False,
    ) -> "Concept":
        """Write a concept folder in one step.

        lora: a LoRA file or its bytes; words: (K, D) rows that the placeholder stands for, or one such tensor a text
        encoder; pipeline: a model folder with weights of its own, to be copied; at least one of the three. Raises
        FolderExistsError unless `replace`.
        """
        assert lora is not None or words is not None or pipeline is not None, "a concept without weights does nothing"
        with disk.new_folder(folder, replace) as temp:
            if isinstance(lora, Path):
                shutil.copyfile(lora, temp / LORA)
            elif lora is not None:
                (temp / LORA).write_bytes(lora)
            if words is not None:
                from likewise import checkpoint

                for name, rows in zip((WORDS, WORDS_2), words if isinstance(words, tuple) else (words,), strict=False):
                    checkpoint.write_tensors(temp / name, {card.placeholder: rows})
            if pipeline is not None:
                shutil.copytree(pipeline, temp / PIPELINE)
            if preview is not None:
                preview.save(temp / PREVIEW)
            (temp / cards.FILE).write_text(card.as_text(), encoding="utf-8")
        return cls(Path(folder), card)

    @property
    def name(self) -> str:
        """What prompts call it, without brackets."""
        return self.card.name

    @property
    def placeholder(self) -> str:
        """What prompts call it, with brackets."""
        return self.card.placeholder

    @property
    def noun(self) -> str:
        """The kind of thing it is."""
        return self.card.noun

    @property
    def identifier(self) -> str | None:
        """The rare word before the noun, if one was used."""
        return self.card.identifier

    @property
    def method(self) -> str:
        """How it was learned."""
        return self.card.method

    @property
    def base_name(self) -> str:
        """What the base model is called."""
        return self.card.base_name

    @cached_property
    def hash(self) -> str:
        """SHA-256 over what changes a picture: the bytes of the weight files, the identifier and the noun."""
        digests = {}
        for path in self.weight_files():
            with path.open("rb") as file:
                digests[path.relative_to(self.folder).as_posix()] = hashlib.file_digest(file, "sha256").hexdigest()
        content = [self.card.identifier, self.card.noun, digests]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    def parts(self) -> Mapping[str, Path]:
        """Its weights: "lora", "words" and "pipeline" to their paths, those that there are, at least one."""
        places = {"lora": LORA, "words": WORDS, "pipeline": PIPELINE}
        found = {part: self.folder / name for part, name in places.items() if (self.folder / name).exists()}
        if not found:
            raise ConceptFolderError(self.folder, f"it holds none of {', '.join(places.values())}")
        return found

    def rows(self) -> "tuple[Tensor, ...]":
        """The learned word's (K, D) rows, one tensor a text encoder; () if it has no learned word."""
        from likewise import checkpoint

        found = []
        for path in (self.folder / WORDS, self.folder / WORDS_2):
            tensors = list(checkpoint.read_tensors(path)[0].values()) if path.is_file() else []
            if path.is_file() and (len(tensors) != 1 or tensors[0].ndim != 2):
                raise ConceptFolderError(self.folder, f"{path.name} does not hold the rows of one word")
            found += tensors
        return tuple(found)

    def weight_files(self) -> list[Path]:
        """Every safetensors file that it consists of, in order."""
        files = [path for path in self.parts().values() if path.is_file()]
        return sorted([*files, *self.folder.glob(WORDS_2), *(self.folder / PIPELINE).rglob("*.safetensors")])

    def check(self, backbone: "Backbone") -> None:
        """Raise WrongBaseError unless it was taught on this very model."""
        if backbone.hash != self.card.base_hash:
            raise WrongBaseError(self.name, (self.base_name, self.card.base_hash), (backbone.name, backbone.hash))

    @contextmanager
    def apply(self, backbone: "Backbone") -> Iterator["Words"]:
        """While inside, the model has learned the concept; afterwards it is bit for bit what it was.

        Yields the word vectors to pass to encode_text, {} if it has none. WrongBaseError for another base model.
        """
        from likewise.concept.applying import applied

        with applied(backbone, [self]) as words:
            yield words

    def as_json(self) -> dict[str, Any]:
        """The card, with the hash, the kinds of weights and their bytes."""
        size = sum(path.stat().st_size for path in self.weight_files())
        return {**self.card.model_dump(), "hash": self.hash, "parts": sorted(self.parts()), "bytes": size}

    def scaled(self, scale: float) -> "Concept":
        """The same concept, applied more or less."""
        return type(self)(self.folder, self.card, scale)
