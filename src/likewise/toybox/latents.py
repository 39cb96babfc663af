"""What the autoencoder makes of the training pictures: computed once and kept, as three stages learn from it."""

import torch
from torch import Tensor

from likewise import checkpoint
from likewise.toybox.shop import Shop

ROWS = 250  # pictures encoded at once
FILE = "latents.safetensors"


@torch.no_grad()
def latents(shop: Shop, encoder: torch.nn.Module) -> Tensor:
    """What an AutoencoderTiny's encoder makes of all pictures, (N, C, H / 8, W / 8) in half precision, on the CPU.

    Kept in learn/latents.safetensors; another encoder's, or other pictures', are made anew.
    """
    path = shop.folder / "learn" / FILE
    made_by = f"{checkpoint.hash_tensors(encoder.state_dict())} {shop.pictures.hash}"
    if path.is_file():
        tensors, about = checkpoint.read_tensors(path)
        if about.get("made_by") == made_by:
            return tensors["latents"]
    shop.on(encoder)
    starts = range(0, len(shop.pictures), ROWS)
    parts = [encoder(shop.on(shop.pictures.images(slice(at, at + ROWS))) * 2 - 1).half().cpu() for at in starts]
    found = torch.cat(parts)
    checkpoint.write_tensors(path, {"latents": found}, {"made_by": made_by})
    return found
