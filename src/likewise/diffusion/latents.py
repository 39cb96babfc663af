"""What training asks for again and again, computed once: latent moments of pictures and encodings of prompts.

Every entry is keyed by what it was made from (bytes of the file, size, weights), never by a name or a position, so an
edited photo or another model cannot be given an old answer, and shuffling cannot pair a picture with another's latents.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

import torch
from PIL import Image, ImageOps
from torch import Tensor

from likewise import checkpoint, images
from likewise.diffusion import ragged
from likewise.diffusion.backbone import Backbone, Moments, Text, join
from likewise.diffusion.buckets import Frame
from likewise.diffusion.tokens import tokenize
from likewise.errors import NonFiniteLatentsError

FORMAT = 2  # raise it when framing, scaling or what an entry holds changes, so that old entries are not found


@runtime_checkable
class Picture(Protocol):
    """What a cache needs of a photo: where it is, and the SHA-256 of its file."""

    @property
    def path(self) -> Path:
        """The file."""
        ...

    @property
    def image_hash(self) -> str:
        """The SHA-256 of the file's bytes."""
        ...


class Shelf:
    """Tensors by key: in memory, and in a folder of safetensors files if there is one."""

    def __init__(self, folder: Path | None) -> None:
        """folder: made when first written to; None keeps entries for this process alone."""
        self.folder = folder
        self._held: dict[str, dict[str, Tensor]] = {}

    def get(self, key: str) -> dict[str, Tensor] | None:
        """The entry, or None; BrokenFileError for a file that was damaged since it was written."""
        if key not in self._held and self.folder is not None and self._path(key).is_file():
            self._held[key] = checkpoint.read_tensors(self._path(key))[0]
        return self._held.get(key)

    def put(self, key: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """Keep an entry, on disk in one step, and return it."""
        self._held[key] = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
        if self.folder is not None:
            checkpoint.write_tensors(self._path(key), self._held[key])
        return self._held[key]

    def _path(self, key: str) -> Path:
        assert self.folder is not None
        return self.folder / f"{key}.safetensors"


class LatentCache:
    """Latent moments of photos, each framed by images.cover and encoded alone."""

    def __init__(self, folder: Path | None, backbone: Backbone) -> None:
        """Entries belong to the autoencoder's weights as they are now."""
        self._shelf, self._backbone = Shelf(folder), backbone
        self._weights = checkpoint.hash_tensors(backbone.vae.state_dict())

    def key(self, picture: Picture, size: int | Frame, mirrored: bool = False) -> str:
        """The SHA-256 of all that the moments depend on."""
        framing = ["cover", size, "mirrored" if mirrored else "as is"]
        facts = self._backbone.facts
        return checkpoint.hash_json([FORMAT, picture.image_hash, framing, self._weights, facts.scaling_factor])

    def moments(
        self, pictures: Sequence[Picture], size: int | Sequence[Frame] | None = None, *, mirrored: bool = False
    ) -> Moments:
        """Scaled moments (N, C, h, w) on the CPU, in the order asked for; logvar None for a deterministic encoder.

        Each picture has its own row of sizes: its file's height and width, and where it was cropped. size: pixels a
        side, the model's own by default, or each picture's width and height. Raises NonFiniteLatentsError, which names
        the file, and stores nothing then.
        """
        size = size or self._backbone.facts.image_size
        framed = [size] * len(pictures) if isinstance(size, int) else size
        entries = [self._one(picture, frame, mirrored) for picture, frame in zip(pictures, framed, strict=True)]
        spread = all("logvar" in entry for entry in entries)
        mean, shapes = ragged.stack([entry["mean"] for entry in entries])
        logvar = ragged.stack([entry["logvar"] for entry in entries])[0] if spread else None
        return Moments(mean, logvar, torch.stack([entry["sizes"] for entry in entries]), shapes)

    def _one(self, picture: Picture, size: int | Frame, mirrored: bool) -> dict[str, Tensor]:
        key = self.key(picture, size, mirrored)
        found = self._shelf.get(key)
        return found if found is not None else self._shelf.put(key, self._encode(picture, size, mirrored))

    @torch.no_grad()
    def _encode(self, picture: Picture, size: int | Frame, mirrored: bool) -> dict[str, Tensor]:
        whole: Image.Image = images.read(picture.path)
        framed = images.cover(whole, size)
        batch = images.to_tensor([ImageOps.mirror(framed) if mirrored else framed])
        moments = self._backbone.encode_images(batch.to(self._backbone.device))
        entry = {"mean": moments.mean[0]} | ({} if moments.logvar is None else {"logvar": moments.logvar[0]})
        if not all(torch.isfinite(value).all() for value in entry.values()):
            raise NonFiniteLatentsError(picture.path)
        return entry | {"sizes": sizes(whole.width, whole.height, framed.size)}


def sizes(width: int, height: int, frame: Frame) -> Tensor:
    """What SDXL is told of a picture of width x height pixels that `images.cover` framed: (6,) float32.

    Its height and width, the crop's top and left once the picture is scaled to cover the frame, the frame's height and
    width. The crop is in the middle, so a mirrored picture has the same.
    """
    scale = max(frame[0] / width, frame[1] / height)
    left, top = (round((full * scale - side) / 2) for full, side in zip((width, height), frame, strict=True))
    return torch.tensor([height, width, top, left, frame[1], frame[0]], dtype=torch.float32)


class TextCache:
    """Encoded prompts, each encoded alone; for text encoders that do not learn meanwhile."""

    def __init__(self, folder: Path | None, backbone: Backbone) -> None:
        """Entries belong to the text encoders' weights as they are now."""
        self._shelf, self._backbone = Shelf(folder), backbone
        weights = [checkpoint.hash_tensors(encoder.state_dict()) for encoder in backbone.text_encoders]
        self._weights = checkpoint.hash_json([FORMAT, *weights])

    def encode(self, prompts: Sequence[str]) -> Text:
        """Text (N, L, D) on the CPU, in the order asked for; errors as Backbone.encode_text."""
        return join([self._one(prompt) for prompt in prompts])

    @torch.no_grad()
    def _one(self, prompt: str) -> Text:
        length = self._backbone.facts.text_length
        ids = [tokenize(tokenizer, prompt, {}, length).ids for tokenizer in self._backbone.tokenizers]
        key = checkpoint.hash_json([self._weights, ids])  # token ids, so that another tokenizer is another key
        found = self._shelf.get(key)
        if found is None:
            text = self._backbone.encode_text([prompt])
            pooled = {} if text.pooled is None else {"pooled": text.pooled[0]}
            found = self._shelf.put(key, {"embeds": text.embeds[0]} | pooled)
        return Text(found["embeds"][None], found["pooled"][None] if "pooled" in found else None)
