"""What learns: a reader of pictures with a projection head, or with a tower of texts beside it."""

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from likewise.contrastive.config import Config
from likewise.encoders import loading
from likewise.encoders.efficientnet import FILE as EFFICIENTNET
from likewise.encoders.efficientnet import EfficientNetLite0
from likewise.encoders.learned import Reader, Writing, read_tokenizer, token_ids
from likewise.encoders.towers import LOGIT_SCALE_MAX
from likewise.errors import EncoderMissingError
from likewise.seeds import initialising

SHORTEST, LONGEST = 16, 64  # tokens that a text tower reads, both ends included
START = {
    "clip": (2.66, 0.0),
    "siglip": (2.303, -10.0),
    "spectral-pairs": (0.0, 0.0),
}  # log scale and bias, as published


class Student(nn.Module):
    """Pictures, and texts where there are any, to the rows that an objective sees."""

    def __init__(self, config: Config, text: Mapping[str, int] | None) -> None:
        """text: vocabulary and length of the tokens (see Writing); None for one modality."""
        super().__init__()
        self.objective = config.objective
        self.reader = Reader(config.backbone, config.size, config.projection if text else None)
        if text:
            self.writing = Writing(**text, projection=config.projection)
            log_scale, bias = START[config.objective]
            self.log_scale, self.bias = (nn.Parameter(torch.tensor(start)) for start in (log_scale, bias))
        else:
            self.head = nn.Sequential(
                nn.Linear(self.reader.features.dimension, config.hidden),
                nn.ReLU(),
                nn.Linear(config.hidden, config.projection),
            )

    @property
    def scale(self) -> Tensor:
        """Inverse temperature of texts and pictures, at most 100."""
        return self.log_scale.exp().clamp(max=LOGIT_SCALE_MAX)

    def view_rows(self, images: Tensor) -> Tensor:
        """Rows of views (B, 3, size, size) for an objective of one modality."""
        return self.head(self.reader(images))

    def pair_rows(self, images: Tensor, ids: Tensor) -> tuple[Tensor, Tensor]:
        """Rows of pictures and of their texts; unit rows but for the spectral loss."""
        rows = self.reader(images), self.writing(ids)
        return (
            rows if self.objective == "spectral-pairs" else (F.normalize(rows[0], dim=1), F.normalize(rows[1], dim=1))
        )

    def encoder_tensors(self) -> dict[str, Tensor]:
        """What an exported encoder keeps: all but the head and the temperature."""
        kept = ("reader.", "writing.")
        return {name: value for name, value in self.state_dict().items() if name.startswith(kept)}


def make(config: Config, seed: int, text: Mapping[str, int] | None = None) -> Student:
    """An untrained student, the same for the same seed; efficientnet-lite0 with its trained weights."""
    with initialising(seed, "contrastive", config.backbone):
        student = Student(config, text)
    if config.backbone == "efficientnet-lite0":
        folder = loading.WEIGHTS / "efficientnet_lite0"
        if not (folder / EFFICIENTNET).is_file():
            raise EncoderMissingError(config.backbone)
        trained = loading.load(config.backbone)
        assert isinstance(trained, EfficientNetLite0)
        student.reader.features.net.load_state_dict(trained.network.state_dict())
    return student


def tokenizer() -> Any:
    """The embedded tokenizer, which can spell any text. EncoderMissingError where it is not installed."""
    folder = loading.WEIGHTS / "toybox" / "tokenizer"
    if not folder.is_dir():
        raise EncoderMissingError("toybox")
    return read_tokenizer(folder)


def read_captions(words: Any, captions: list[str]) -> tuple[Tensor, int]:
    """Token ids (N, L) of captions, L the longest's but between SHORTEST and LONGEST, and how many were cut."""
    ids = token_ids(words, captions, LONGEST + 1, cut=True)
    lengths = (ids != words.pad_token_id).sum(1) + 1  # the end mark is the padding too
    length = max(SHORTEST, min(LONGEST, int(lengths.max())))
    return token_ids(words, captions, length, cut=True), int((lengths > LONGEST).sum())
