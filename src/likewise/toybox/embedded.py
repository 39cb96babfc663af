"""The embedded weights as a place to start from: what is shipped, put back into the modules that train."""

from pathlib import Path
from typing import TYPE_CHECKING

from torch import nn

from likewise.checkpoint import read_tensors
from likewise.errors import EmbeddedMismatchError, ToyboxMissingError

if TYPE_CHECKING:
    from likewise.encoders.towers import Towers

WEIGHTS = Path(__file__).parents[1] / "weights"


def fill(module: nn.Module, file: str, prefix: str = "", skip: tuple[str, ...] = ()) -> None:
    """Load an embedded file into a module, every key matched but those that start with one of `skip`.

    Raises EmbeddedMismatchError where the recipe has other sizes, ToyboxMissingError where nothing is embedded.
    """
    if not (WEIGHTS / file).is_file():
        raise ToyboxMissingError
    tensors, _ = read_tensors(WEIGHTS / file)
    state = {key.removeprefix(prefix): value.float() for key, value in tensors.items()}
    try:
        absent, extra = module.load_state_dict(state, strict=False)
    except RuntimeError as error:
        raise EmbeddedMismatchError(file, str(error).splitlines()[-1].strip()) from error
    absent = [key for key in absent if not key.startswith(skip)] if skip else absent
    if absent or extra:
        raise EmbeddedMismatchError(file, f"missing {absent[:2]}, unknown {extra[:2]}")


def fill_unet(unet: nn.Module) -> None:
    """The embedded U-Net."""
    fill(unet, "toybox/unet/diffusion_pytorch_model.safetensors")


def fill_autoencoder(vae: nn.Module) -> None:
    """The embedded autoencoder, encoder and decoder."""
    fill(vae, "toybox/vae/diffusion_pytorch_model.safetensors")


def fill_towers(towers: "Towers") -> None:
    """The embedded image tower, projections and text tower."""
    fill(towers, "towers/towers.safetensors", skip=("text.",))
    fill(towers.text, "toybox/text_encoder/model.safetensors", prefix="text_model.", skip=("embeddings.position_ids",))
