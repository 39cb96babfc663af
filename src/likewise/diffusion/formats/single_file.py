"""A whole model in one safetensors file, in the layout of the original Stable Diffusion code, and back.

A1111, Forge and ComfyUI load checkpoints in it, and diffusers does by `from_single_file`. There are three: SD 1 keeps
CLIP's names, SD 2 those of OpenCLIP, and SDXL has one tower of each.
"""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from likewise.diffusion.formats import text_names, unet_names, vae_names
from likewise.diffusion.formats.skeleton import Skeleton
from likewise.errors import ForeignLayoutError

Tensors = dict[str, Tensor]
UNET, VAE = "model.diffusion_model.", "first_stage_model."
TEXTS = {  # family -> part -> prefix, and whether the names are OpenCLIP's
    "sd1": {"text_encoder": ("cond_stage_model.transformer.text_model.", False)},
    "sd2": {"text_encoder": ("cond_stage_model.model.", True)},
    "sdxl": {
        "text_encoder": ("conditioner.embedders.0.transformer.text_model.", False),
        "text_encoder_2": ("conditioner.embedders.1.model.", True),
    },
}
_UNUSED_LAYER = (
    23  # OpenCLIP-H's last: SD 2 reads the one before it, so diffusers leaves it out, and programs expect it
)


def check(base: Skeleton) -> None:
    """ForeignLayoutError unless a model of this kind has a single-file form."""
    if base.family not in TEXTS:
        raise ForeignLayoutError(base.name, f"it is of the family {base.family}, which that code never had")
    if type(base.parts["vae"]).__name__ != "AutoencoderKL":
        raise ForeignLayoutError(base.name, f"its autoencoder is {type(base.parts['vae']).__name__}")
    _ = base.blocks


def pack(base: Skeleton, parts: Mapping[str, Mapping[str, Tensor]], dtype: torch.dtype) -> Tensors:
    """All tensors of a model by their original names. parts: as the modules of `base` name them."""
    check(base)
    found: Tensors = {}
    for name, value in parts["unet"].items():
        old = unet_names.to_original(name, base.blocks)
        if old is None:
            raise ForeignLayoutError(base.name, f"its U-Net has a tensor {name}")
        found[UNET + old] = value
    for name, value in parts["vae"].items():
        old = vae_names.to_original(name, _levels(base))
        found[VAE + old] = value[:, :, None, None] if vae_names.is_matrix(old) else value
    for part, (prefix, is_open) in TEXTS[base.family].items():
        own = _bare(parts[part])
        named = _with_unused(text_names.to_open_clip(own), base) if is_open else own
        found |= {prefix + name: value for name, value in named.items()}
    return {name: _as(value, dtype) for name, value in sorted(found.items())}


def unpack(base: Skeleton, tensors: Mapping[str, Tensor]) -> tuple[dict[str, Tensors], list[str]]:
    """The parts of a model by the names of `base`'s modules, and the names of tensors that belong to none of them."""
    check(base)
    unet = _under(tensors, UNET, lambda name: unet_names.to_diffusers(name, base.blocks))
    vae = _under(tensors, VAE, lambda name: vae_names.to_diffusers(name, _levels(base)))
    matrices = {name: VAE + vae_names.to_original(name, _levels(base)) for name in vae}
    vae = {
        name: value.flatten(1) if value.ndim == 4 and vae_names.is_matrix(matrices[name].removeprefix(VAE)) else value
        for name, value in vae.items()
    }
    parts = {"unet": unet, "vae": vae}
    for part, (prefix, is_open) in TEXTS[base.family].items():
        own = _under(tensors, prefix, lambda name: name)
        parts[part] = _dressed(text_names.from_open_clip(own) if is_open else own, base, part)
    known = {part: base.shapes(part).keys() for part in parts}
    fitting = {part: {k: v for k, v in own.items() if k in known[part]} for part, own in parts.items()}
    prefixes = (UNET, VAE, *(prefix for prefix, _ in TEXTS[base.family].values()))
    return fitting, sorted(name for name in tensors if not name.startswith(prefixes))


def missing(base: Skeleton, parts: Mapping[str, Mapping[str, Tensor]]) -> list[str]:
    """Tensors that the base model has and the parts lack, or have in another shape."""
    return [
        f"{part}.{name}"
        for part, own in parts.items()
        for name, value in base.shapes(part).items()
        if not name.endswith("position_ids") and (name not in own or own[name].shape != value.shape)
    ]


def _levels(base: Skeleton) -> int:
    config: object = base.parts["vae"].config
    return len(config.block_out_channels)  # type: ignore[attr-defined]


def _bare(tensors: Mapping[str, Tensor]) -> Tensors:
    named = {name.removeprefix("text_model."): value for name, value in tensors.items()}
    return {name: value for name, value in named.items() if not name.endswith("position_ids")}


def _dressed(tensors: Tensors, base: Skeleton, part: str) -> Tensors:
    """By the names of the part's own module, which may say `text_model.`."""
    wanted = base.shapes(part)
    return {name if name in wanted else f"text_model.{name}": value for name, value in tensors.items()}


def _with_unused(tensors: Tensors, base: Skeleton) -> Tensors:
    """SD 2's tower as programs expect it, with the last layer and the projection that nothing reads."""
    last, unused = (f"transformer.resblocks.{n}." for n in (_UNUSED_LAYER - 1, _UNUSED_LAYER))
    if base.family != "sd2" or not any(name.startswith(last) for name in tensors):
        return tensors
    copies = {name.replace(last, unused): value for name, value in tensors.items() if name.startswith(last)}
    width = tensors["positional_embedding"].shape[1]
    return {"text_projection": torch.eye(width), **tensors, **copies}


def _under(tensors: Mapping[str, Tensor], prefix: str, rename: Callable[[str], str | None]) -> Tensors:
    renamed = {rename(n.removeprefix(prefix)): value for n, value in tensors.items() if n.startswith(prefix)}
    return {name: value for name, value in renamed.items() if name is not None}


def _as(value: Tensor, dtype: torch.dtype) -> Tensor:
    return value.detach().to(dtype).contiguous() if value.is_floating_point() else value.detach()
