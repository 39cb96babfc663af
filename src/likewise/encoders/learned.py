"""Encoders that `likewise contrastive learn` wrote: a folder with a backbone, and a text tower where it read captions.

config.json names the backbone and the size of pictures; contrastive.safetensors holds the weights; `tokenizer/` is
there for encoders of texts. Pictures are embedded by the features before the projection that training used, except
where texts are read too: those meet the pictures in the projected space.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from likewise.checkpoint import hash_json, hash_tensors, read_json, read_tensors, write_json, write_manifest
from likewise.checkpoint import write_tensors as write
from likewise.disk import new_folder
from likewise.encoders.backbones import BACKBONES, Features
from likewise.errors import BrokenFileError
from likewise.images import cover, to_tensor
from likewise.metrics.neighbours import unit

FILE, CONFIG, TOKENIZER = "contrastive.safetensors", "config.json", "tokenizer"
BATCH = 8  # every forward pass has this many rows, filled up, so that a row cannot depend on its company


class Reader(nn.Module):
    """Pictures in [0, 1], (B, 3, size, size), to features; with a projection, to where texts are."""

    def __init__(self, backbone: str, size: int, projection: int | None = None) -> None:
        super().__init__()
        self.features = Features(backbone, size)
        self.projection = nn.Linear(self.features.dimension, projection, bias=False) if projection else None

    def forward(self, images: Tensor) -> Tensor:
        """Rows of any length."""
        found = self.features(images)
        return found if self.projection is None else self.projection(found)


class LearnedEncoder:
    """Pictures of any size to unit rows (N, dimension). A row is bit-equal in any batch of pictures."""

    def __init__(self, reader: Reader, config: Mapping[str, Any], device: str | None = None) -> None:
        """config: at least backbone, size and name."""
        self.reader = reader.requires_grad_(False).eval()
        self.name, self.size = config["name"], config["size"]
        self.preprocessing = f"cover {self.size}x{self.size} lanczos, {config['backbone']}"
        self.dimension = config["projection"] or reader.features.dimension
        self.device = torch.device(device or "cpu")
        self.reader.to(self.device)
        self.hash = hash_json([hash_tensors(reader.state_dict()), self.preprocessing])

    def embed(self, images: Sequence[Image.Image]) -> np.ndarray:
        """RGB pictures to unit rows (N, dimension), float32."""
        return self.rows([to_tensor([cover(image, self.size)]) for image in images], self.reader)

    @torch.no_grad()
    def rows(self, inputs: Sequence[Tensor], forward: nn.Module) -> np.ndarray:
        """Unit rows of inputs, one a tensor (1, ...)."""
        found = []
        for start in range(0, len(inputs), BATCH):
            batch = torch.cat(list(inputs[start : start + BATCH]))
            filled = torch.cat([batch, batch[:1].expand(BATCH - len(batch), *batch.shape[1:])])
            found.append(forward(filled.to(self.device))[: len(batch)].cpu().numpy())
        return unit(np.concatenate(found)) if found else np.zeros((0, self.dimension), np.float32)


class Writing(nn.Module):
    """Token ids (B, L), ends and padding included, to rows where pictures are; read at the first end mark."""

    def __init__(self, vocabulary: int, length: int, width: int, layers: int, projection: int) -> None:
        super().__init__()
        from likewise.encoders.towers import text_tower

        self.text = text_tower(vocabulary, length, width, layers)
        self.projection = nn.Linear(width, projection, bias=False)

    def forward(self, ids: Tensor) -> Tensor:
        """Rows of any length."""
        hidden = self.text(input_ids=ids).last_hidden_state
        end = (ids == cast(int, self.text.config.eos_token_id)).int().argmax(dim=1)
        return self.projection(hidden[torch.arange(len(ids), device=ids.device), end])


class LearnedTextEncoder(LearnedEncoder):
    """An encoder whose texts are where its pictures are."""

    def __init__(
        self, reader: Reader, writing: Writing, tokenizer: Any, config: Mapping[str, Any], device: str | None = None
    ) -> None:
        """tokenizer: a CLIPTokenizer."""
        super().__init__(reader, config, device)
        self.writing = writing.requires_grad_(False).eval().to(self.device)
        self.tokenizer = tokenizer
        self.hash = hash_json([self.hash, hash_tensors(writing.state_dict())])

    def embed_texts(self, texts: Sequence[str]) -> np.ndarray:
        """Texts to unit rows (N, dimension); PromptTooLongError for one that cannot be read whole."""
        length = self.writing.text.config.max_position_embeddings
        return self.rows([token_ids(self.tokenizer, [text], length) for text in texts], self.writing)


def token_ids(tokenizer: Any, texts: Sequence[str], length: int, *, cut: bool = False) -> Tensor:
    """(N, length) ids with their ends and padding. cut: shorten a text that is too long, instead of refusing it."""
    from likewise.words.lengths import check_length
    from likewise.words.tokenizer import ids_of

    rows = []
    for text in texts:
        ids = ids_of(tokenizer, text)
        if not cut:
            check_length(tokenizer, text, length, {})
        ids = [tokenizer.bos_token_id, *ids[: length - 2], tokenizer.eos_token_id]
        rows.append(ids + [tokenizer.pad_token_id] * (length - len(ids)))
    return torch.tensor(rows)


def read_tokenizer(folder: Path) -> Any:
    """The tokenizer of a folder. Raises BrokenFileError."""
    from transformers import CLIPTokenizer

    if not any((folder / file).is_file() for file in ("tokenizer.json", "vocab.json")):
        raise BrokenFileError(folder, "it holds neither tokenizer.json nor vocab.json")
    return CLIPTokenizer.from_pretrained(str(folder), local_files_only=True)


def save(
    folder: Path,
    config: Mapping[str, Any],
    tensors: Mapping[str, Tensor],
    tokenizer: Any = None,
    *,
    replace: bool = False,
) -> None:
    """Write an encoder's folder whole. tensors: 'reader.*' and, with a text tower, 'writing.*'."""
    with new_folder(folder, replace=replace) as temp:
        write_json(temp / CONFIG, {"format": 1, **config})
        write(temp / FILE, tensors)
        if tokenizer is not None:
            tokenizer.save_pretrained(str(temp / TOKENIZER))
        write_manifest(temp)


def load(folder: Path, *, device: str | None = None) -> LearnedEncoder:
    """The encoder of a folder. Raises BrokenFileError."""
    config = read_json(folder / CONFIG)
    if not isinstance(config, dict) or config.get("format") != 1 or config.get("backbone") not in BACKBONES:
        raise BrokenFileError(folder / CONFIG, "it is not the config of an encoder that this version knows")
    tensors, _ = read_tensors(folder / FILE)
    reader = Reader(config["backbone"], config["size"], config["projection"])
    _fill(folder, reader, "reader.", tensors)
    if config.get("text") is None:
        return LearnedEncoder(reader, config, device)
    writing = Writing(**config["text"], projection=config["projection"])
    _fill(folder, writing, "writing.", tensors)
    return LearnedTextEncoder(reader, writing, read_tokenizer(folder / TOKENIZER), config, device)


def _fill(folder: Path, module: nn.Module, prefix: str, tensors: Mapping[str, Tensor]) -> None:
    own = {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
    try:
        module.load_state_dict(own)
    except RuntimeError as error:
        raise BrokenFileError(folder / FILE, f"it does not fit its config ({error})") from error
