"""The Toybox towers as an encoder: pictures and texts in one space, learned on the embedded world."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from likewise.checkpoint import hash_json, hash_tensors, read_json, read_tensors
from likewise.errors import BrokenFileError
from likewise.images import cover, to_tensor
from likewise.metrics.neighbours import unit

FILE, CONFIG = "towers.safetensors", "config.json"
BATCH = 8  # every forward pass has this many rows, filled up, so that a row cannot depend on its company
SIZE = 128  # px; the image tower itself reduces to half of it


class ToyboxTowers:
    """Pictures of any size, or texts, to unit rows (N, dimension). The text tower is the pipeline's own."""

    name, size = "toybox", SIZE
    preprocessing = f"cover {SIZE}x{SIZE} lanczos, area to 64, rgb in [-1, 1]"

    def __init__(self, towers, tokenizer, device: str | None = None) -> None:
        """towers: encoders.towers.Towers; tokenizer: the pipeline's CLIPTokenizer."""
        self.towers, self.tokenizer = towers.requires_grad_(False).eval(), tokenizer
        self.device = torch.device(device or "cpu")
        self.towers.to(self.device)
        self.dimension = self.towers.image_projection.out_features
        self.hash = hash_json([hash_tensors(self.towers.state_dict()), self.preprocessing])

    def embed(self, images: Sequence[Image.Image]) -> np.ndarray:
        """RGB pictures to unit rows (N, dimension), float32."""
        return self._rows([to_tensor([cover(image, SIZE)]) for image in images], self.towers.embed_images)

    def embed_texts(self, texts: Sequence[str]) -> np.ndarray:
        """Texts to unit rows (N, dimension); PromptTooLongError for one that the tower cannot read whole."""
        from likewise.diffusion.tokens import tokenize

        length = self.towers.text.config.max_position_embeddings
        ids = [torch.tensor([tokenize(self.tokenizer, text, {}, length).ids]) for text in texts]
        return self._rows(ids, self.towers.embed_texts)

    @torch.no_grad()
    def _rows(self, inputs: Sequence[Tensor], forward) -> np.ndarray:
        rows = []
        for start in range(0, len(inputs), BATCH):
            batch = torch.cat(list(inputs[start : start + BATCH]))
            filled = torch.cat([batch, batch[:1].expand(BATCH - len(batch), *batch.shape[1:])])
            rows.append(forward(filled.to(self.device))[: len(batch)].cpu().numpy())
        return unit(np.concatenate(rows)) if rows else np.zeros((0, self.dimension), np.float32)


def load(folder: Path, *, device: str | None = None) -> ToyboxTowers:
    """The towers from their folder, whose config names the pipeline's text encoder. Raises BrokenFileError."""
    from likewise.diffusion.folder import Folder
    from likewise.encoders.towers import ImageTower, Towers

    config = read_json(folder / CONFIG)
    pipeline = Folder((folder / config["text_encoder"]).resolve().parent)
    towers = Towers(ImageTower(**config["image"]), pipeline.text_encoder(), config["projection_dim"])
    tensors, _ = read_tensors(folder / FILE)
    try:
        absent, extra = towers.load_state_dict({k: v.float() for k, v in tensors.items()}, strict=False)
    except RuntimeError as error:  # shapes of another network
        raise BrokenFileError(folder / FILE, f"it does not fit its config ({error})") from error
    absent = [name for name in absent if not name.startswith("text.")]
    if absent or extra:
        raise BrokenFileError(folder / FILE, f"keys missing: {absent[:3]}, keys unknown: {extra[:3]}")
    return ToyboxTowers(towers, pipeline.tokenizer(), device)
