"""What an encoder is: pictures (or texts) to unit rows, stamped so that rows of two encoders are never compared."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from PIL import Image

from likewise.metrics.neighbours import Embedding


@runtime_checkable
class Encoder(Protocol):
    """Pictures to rows of length 1; a picture's row never depends on what else is in the batch."""

    name: str

    @property
    def hash(self) -> str:
        """sha256 over the weights and the preprocessing: equal hashes, comparable rows."""
        ...

    @property
    def preprocessing(self) -> str:
        """What happens to a picture first, in words that change whenever it does."""
        ...

    @property
    def dimension(self) -> int:
        """Numbers a row."""
        ...

    def embed(self, images: Sequence[Image.Image]) -> np.ndarray:
        """RGB pictures of any size to unit rows (N, dimension), float32."""
        ...


@runtime_checkable
class TextEncoder(Encoder, Protocol):
    """An encoder whose texts live in the same space as its pictures."""

    def embed_texts(self, texts: Sequence[str]) -> np.ndarray:
        """Texts to unit rows (N, dimension), float32."""
        ...


def embed(encoder: Encoder, images: Sequence[Image.Image]) -> Embedding:
    """The pictures' rows with the encoder's hash."""
    return Embedding(encoder.embed(images), encoder.hash)


def embed_texts(encoder: TextEncoder, texts: Sequence[str]) -> Embedding:
    """The texts' rows with the encoder's hash."""
    return Embedding(encoder.embed_texts(texts), encoder.hash)
