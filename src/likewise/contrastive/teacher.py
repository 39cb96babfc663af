"""What a teacher says of photos: its unit rows, computed once and kept beside the run."""

from pathlib import Path

import numpy as np
import torch

from likewise import checkpoint
from likewise.contrastive.photos import Photos
from likewise.encoders.encoder import Encoder
from likewise.errors import ImageBatchError, TeacherInputError, TeacherRowsError
from likewise.images import to_pil

PART = 64  # photos at a time


def features(encoder: Encoder, photos: Photos, cache: Path | None = None) -> np.ndarray:
    """Unit rows (N, D) of the clean photos; taken from the folder `cache` if it holds those of this encoder and photos.

    TeacherInputError where the encoder cannot read such pictures, TeacherRowsError where what it gives does not fit.
    """
    made_for = {"encoder": encoder.hash, "photos": photos.hash}
    if cache is not None and (cache / checkpoint.MANIFEST).is_file():
        tensors, data = checkpoint.load_state(cache)
        if data == made_for:
            return tensors["rows"].numpy()
    rows = _embedded(encoder, photos)
    if rows.shape != (len(photos), encoder.dimension) or not np.isfinite(rows).all():
        raise TeacherRowsError(f"rows {rows.shape}", f"({len(photos)}, {encoder.dimension}), all finite")
    if cache is not None:
        if cache.is_dir():
            checkpoint.remove(cache)
        checkpoint.save_state(cache, {"rows": torch.from_numpy(rows)}, made_for)
    return rows


def _embedded(encoder: Encoder, photos: Photos) -> np.ndarray:
    found = []
    for start in range(0, len(photos), PART):
        pictures = to_pil(photos.pixels[start : start + PART].float() / 255)
        try:
            found.append(encoder.embed(pictures))
        except ImageBatchError as error:
            raise TeacherInputError(encoder.name, str(error)) from error
    return np.concatenate(found).astype(np.float32)
