"""What the tests of the toybox make for themselves: a small world, a recipe's resume check, a taef2 folder."""

from pathlib import Path

import torch
from safetensors.torch import save_file

from likewise.toybox.sprites import Sprites
from likewise.toybox.world import World

SPRITES = Path(__file__).parent / "sprites"


def small_world(seed: int = 3) -> World:
    """Six things in four styles, drawn by the sprites beside the tests."""
    return World(Sprites(SPRITES), seed, limit=6, pairs_held=4, compositions_held=12)


def weights(module: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in module.state_dict().items()}


def changed(before: dict[str, torch.Tensor], module: torch.nn.Module) -> set[str]:
    """Names of the tensors that are no longer what they were."""
    return {name for name, value in module.state_dict().items() if not torch.equal(value, before[name])}


def taef2(folder: Path) -> dict[str, torch.Tensor]:
    """Write random weights in the layout of taef2; returns the decoder's."""
    rng = torch.Generator().manual_seed(0)

    def conv(key, out, wide, side=3, bias=True):
        found = {f"{key}.weight": torch.randn(out, wide, side, side, generator=rng) * 0.05}
        return found | ({f"{key}.bias": torch.randn(out, generator=rng) * 0.05} if bias else {})

    def block(key, pooled):
        found = {name: value for i in (0, 2, 4) for name, value in conv(f"{key}.conv.{i}", 64, 64).items()}
        if pooled:
            found |= conv(f"{key}.pool.0", 256, 64, 1, False) | conv(f"{key}.pool.3", 64, 256, 1, False)
            found |= {f"{key}.pool.1.weight": torch.ones(256), f"{key}.pool.1.bias": torch.zeros(256)}
        return found

    encoder = conv(0, 64, 3) | conv(14, 32, 64) | block(1, False)
    decoder = conv(1, 64, 32) | conv(19, 3, 64) | block(18, False)
    for start in (2, 6, 10):
        encoder |= conv(start, 64, 64, bias=False)
        for i in range(start + 1, start + 4):
            encoder |= block(i, start == 10)
    for start in (2, 7, 12):
        decoder |= conv(start + 5, 64, 64, bias=False)
        for i in range(start + 1, start + 4):
            decoder |= block(i, start == 2)
    save_file(encoder, folder / "taef2_encoder.safetensors")
    save_file(decoder, folder / "taef2_decoder.safetensors")
    return decoder
