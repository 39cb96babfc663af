"""Weights of the authors' release: tensors only, every key matched, and the VQGAN's layout as diffusers' VQModel.

A Lightning file holds `model.*` and `model_vqvae.*` under `state_dict` (sharded runs: `module`, with one prefix more).
The original VQGAN's file holds the same autoencoder and its loss, which is left out.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from likewise.checkpoint import read_tensors
from likewise.diffusion.formats import inert, vae_names
from likewise.errors import BrokenFileError, OfficialWeightsError
from likewise.magvlt.config import Shape
from likewise.magvlt.model import Transformer

MODEL, VQGAN = "model.", "model_vqvae."
MOST_BYTES = 16 * 2**30  # of a file
VQGAN_CONFIG: dict[str, Any] = {
    "in_channels": 3,
    "out_channels": 3,
    "down_block_types": ("DownEncoderBlock2D",) * 4 + ("AttnDownEncoderBlock2D",),
    "up_block_types": ("AttnUpDecoderBlock2D",) + ("UpDecoderBlock2D",) * 4,
    "block_out_channels": (128, 128, 256, 256, 512),
    "layers_per_block": 2,
    "latent_channels": 256,
    "num_vq_embeddings": 16384,
    "vq_embed_dim": 256,
    "sample_size": 256,
}
_ATTENTION = re.compile(r"(encoder|decoder)\.(down|up)\.(\d+)\.attn\.(\d+)\.(norm|q|k|v|proj_out)\.(weight|bias)")
_NAMES = {"norm": "group_norm", "q": "to_q", "k": "to_k", "v": "to_v", "proj_out": "to_out.0"}


def read(path: Path) -> dict[str, Tensor]:
    """The tensors of a checkpoint, .ckpt or .safetensors, by their bare keys.

    UnsafeFileError for a file that asks for more than tensors and plain values, BrokenFileError for no such file.
    """
    if path.suffix == ".safetensors":
        return dict(read_tensors(path)[0])
    held = inert.read(path, MOST_BYTES)
    if not isinstance(held, dict):
        raise BrokenFileError(path, "it holds no table of tensors")
    sharded = "module" in held and "state_dict" not in held
    found = held.get("module") if sharded else held.get("state_dict", held)
    if not isinstance(found, dict) or not all(isinstance(value, Tensor) for value in found.values()):
        raise BrokenFileError(path, "its state_dict holds other things than tensors")
    return {name[7:] if sharded else name: value for name, value in found.items()}


def transformer(path: Path, shape: Shape) -> Transformer:
    """The transformer of a checkpoint. OfficialWeightsError names keys that are missing, unknown or misshapen."""
    tensors = {n.removeprefix(MODEL): v for n, v in read(path).items() if n.startswith(MODEL)}
    return filled(Transformer(shape), tensors, path)


def vqgan(path: Path, config: Mapping[str, Any] | None = None) -> Any:
    """The VQGAN of a checkpoint, its own or MAGVLT's, as diffusers' VQModel, strictly."""
    from diffusers.models.autoencoders.vq_model import VQModel

    chosen = dict(config or VQGAN_CONFIG)
    tensors = read(path)
    inside = {n.removeprefix(VQGAN): v for n, v in tensors.items() if n.startswith(VQGAN)}
    kept = inside or {n: v for n, v in tensors.items() if not n.startswith("loss")}
    return filled(VQModel(**chosen), to_diffusers(kept, len(chosen["block_out_channels"])), path)


def to_diffusers(tensors: Mapping[str, Tensor], levels: int) -> dict[str, Tensor]:
    """A VQGAN's tensors by diffusers' names; attention's 1 x 1 convolutions become matrices."""
    found = {}
    for name, value in tensors.items():
        match = _ATTENTION.fullmatch(name)
        if match:
            level = int(match[3]) if match[2] == "down" else levels - 1 - int(match[3])
            new = f"{match[1]}.{match[2]}_blocks.{level}.attentions.{match[4]}.{_NAMES[match[5]]}.{match[6]}"
        else:
            new = vae_names.to_diffusers(name, levels)
        found[new] = value.flatten(1) if value.ndim == 4 and ".to_" in new else value
    return found


def filled(module: Any, tensors: Mapping[str, Tensor], path: Path) -> Any:
    """The module with exactly these weights, float32."""
    wanted = module.state_dict()
    missing, extra = sorted(wanted.keys() - tensors.keys()), sorted(tensors.keys() - wanted.keys())
    shapes = [
        f"{name} {tuple(tensors[name].shape)} instead of {tuple(value.shape)}"
        for name, value in wanted.items()
        if name in tensors and tensors[name].shape != value.shape
    ]
    if missing or extra or shapes:
        raise OfficialWeightsError(path, missing, extra, shapes)
    module.load_state_dict({name: tensors[name].to(value.dtype) for name, value in wanted.items()}, assign=True)
    return module.requires_grad_(False).eval()
