"""What of diffusers' models can be taught and drawn with here, told from their configs; the rest is refused by name.

A model of another kind, trained as if it were this one, would learn the wrong target without a word.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from likewise.errors import ModelFolderError, UnsupportedModelError

# Samplers of models on DDPM's grid of noise levels, which are those that training draws from.
SCHEDULERS = (
    "PNDMScheduler", "DDPMScheduler", "DDIMScheduler", "DDIMParallelScheduler", "DDPMParallelScheduler",
    "LMSDiscreteScheduler", "EulerDiscreteScheduler", "EulerAncestralDiscreteScheduler", "HeunDiscreteScheduler",
    "DPMSolverMultistepScheduler", "DPMSolverSinglestepScheduler", "DPMSolverSDEScheduler", "DEISMultistepScheduler",
    "KDPM2DiscreteScheduler", "KDPM2AncestralDiscreteScheduler", "UniPCMultistepScheduler", "SASolverScheduler",
)  # fmt: skip
_BASE = "Give a base text-to-image model: SD 1.x, SD 2.x or SDXL in diffusers layout."
_REFINER = (
    "an SDXL refiner, which only finishes what another model began",
    "Give the base model instead, such as stabilityai/stable-diffusion-xl-base-1.0.",
)
_INPAINT = (
    "an inpainting model, whose U-Net also reads a mask and a masked picture",
    "Give the model that it was made from, such as the one without 'inpainting' in its name.",
)
_DEPTH = ("a depth model, whose U-Net also reads a depth map", _BASE)
_UPSCALER = ("an upscaler, whose U-Net also reads a picture", _BASE)
_EDIT = ("an image-editing model (InstructPix2Pix), whose U-Net also reads a picture", _BASE)
_FLOW = ("a flow-matching model, which has no noise levels of DDPM", _BASE)
_EDM = ("a model on EDM's continuous noise levels (arXiv:2206.00364), another target than DDPM's", _BASE)
_FEW = ("a model distilled for a few steps; training on DDPM's noise levels would undo that", _BASE)
_KINDS = {  # words in a pipeline's class name
    "Inpaint": _INPAINT,
    "InstructPix2Pix": _EDIT,
    "Depth2Img": _DEPTH,
    "Upscale": _UPSCALER,
    "XLImg2Img": _REFINER,
}
_SAMPLERS = {"FlowMatch": _FLOW, "EDM": _EDM, "LCM": _FEW, "TCD": _FEW, "CMStochastic": _FEW}
_CHANNELS = {9: _INPAINT, 8: _EDIT, 5: _DEPTH, 7: _UPSCALER}


def check_pipeline(index: Mapping[str, Any], known: Mapping[str, Mapping[str, Sequence[str]]]) -> None:
    """The class of the pipeline and of each part; known: pipeline -> part -> classes."""
    kind = str(index.get("_class_name"))
    for word, (what, remedy) in _KINDS.items():
        if word in kind:
            raise UnsupportedModelError(what, f"model_index.json says {kind}", remedy)
    if kind not in known:
        raise UnsupportedModelError(f"a {kind}", f"one of {', '.join(known)} is needed", _BASE)
    if kind == "StableDiffusionXLPipeline" and index.get("text_encoder") in (None, [None, None]):
        raise UnsupportedModelError(_REFINER[0], "it has no first text encoder", _REFINER[1])
    for part, classes in known[kind].items():
        entry = index.get(part)
        if not isinstance(entry, list) or len(entry) != 2 or entry[1] not in classes:
            raise ModelFolderError(part, f"model_index.json says {entry!r}, and one of {', '.join(classes)} is needed")


def check_scheduler(config: Mapping[str, Any]) -> None:
    """The noise levels that the model was trained on; schedule.from_config reads the rest."""
    name = str(config.get("_class_name", ""))
    for word, (what, remedy) in _SAMPLERS.items():
        if name.startswith(word):
            raise UnsupportedModelError(what, f"its scheduler is {name}", remedy)
    if config.get("use_flow_sigmas") or config.get("prediction_type") == "flow_prediction":
        raise UnsupportedModelError(_FLOW[0], f"its {name} is set to flow matching", _FLOW[1])
    if config.get("timestep_type", "discrete") != "discrete":
        raise UnsupportedModelError(_EDM[0], f"its {name} has timestep_type {config['timestep_type']!r}", _EDM[1])
    if name not in SCHEDULERS:
        raise ModelFolderError("scheduler", f"{name or 'it'} is not known to use DDPM's noise levels")


def check_unet(config: Mapping[str, Any], is_xl: bool) -> None:
    """What the U-Net reads besides noisy latents and text."""
    channels, out = config.get("in_channels", 4), config.get("out_channels", 4)
    if channels != out:
        what, remedy = _CHANNELS.get(channels, ("a model of another kind", _BASE))
        raise UnsupportedModelError(what, f"its U-Net reads {channels} channels and writes {out}", remedy)
    added = "text_time" if is_xl else None
    if config.get("addition_embed_type") != added:
        found = f"addition_embed_type is {config.get('addition_embed_type')!r}, and {added!r} is needed here"
        raise ModelFolderError("unet", f"it needs other conditions than this pipeline has ({found})")
    for key in ("class_embed_type", "encoder_hid_dim_type", "num_class_embeds", "time_cond_proj_dim"):
        if config.get(key) is not None:
            raise ModelFolderError("unet", f"it needs more than text ({key} is {config[key]!r})")


def check_conditions(unet: Mapping[str, Any], encoder: Mapping[str, Any]) -> None:
    """SDXL's U-Net reads a pooled prompt and six sizes; the refiner's reads five, the last an aesthetic score."""
    pooled, each = encoder.get("projection_dim", 512), unet.get("addition_time_embed_dim") or 0
    found = unet.get("projection_class_embeddings_input_dim") or 0
    if found == pooled + 5 * each:
        raise UnsupportedModelError(_REFINER[0], "its U-Net reads five sizes, not six", _REFINER[1])
    if found != pooled + 6 * each:
        needed = f"{pooled} + 6 x {each} for a pooled prompt and six sizes"
        raise ModelFolderError("unet", f"projection_class_embeddings_input_dim is {found}, and {needed} is needed")
