"""Assemble the embedded models: a stock diffusers pipeline folder, the towers beside it, hashes and a model card."""

import json
from pathlib import Path
from typing import Any

import torch
from torch import nn

from likewise import checkpoint
from likewise.diffusion.folder import WEIGHTS
from likewise.diffusion.saving import tensors
from likewise.diffusion.schedule import Schedule, from_config
from likewise.encoders.towers import Towers

SCHEDULER = {
    "_class_name": "DPMSolverMultistepScheduler",
    "_diffusers_version": "0.40.0",
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "prediction_type": "v_prediction",
    "algorithm_type": "dpmsolver++",
    "solver_order": 2,
    "timestep_spacing": "trailing",
    "steps_offset": 1,
}


def schedule() -> Schedule:
    """The forward process that the U-Net is trained on and the scheduler config describes."""
    return from_config(SCHEDULER)


_INDEX = {
    "_class_name": "StableDiffusionPipeline",
    "_diffusers_version": "0.40.0",
    "feature_extractor": [None, None],
    "image_encoder": [None, None],
    "requires_safety_checker": False,
    "safety_checker": [None, None],
    "scheduler": ["diffusers", "DPMSolverMultistepScheduler"],
    "text_encoder": ["transformers", "CLIPTextModel"],
    "tokenizer": ["transformers", "CLIPTokenizer"],
    "unet": ["diffusers", "UNet2DConditionModel"],
    "vae": ["diffusers", "AutoencoderTiny"],
}


def pipeline(target: Path, *, unet: nn.Module, vae: nn.Module, text: nn.Module, tokenizer: Any) -> Path:
    """Write the pipeline folder, half precision, in one step; an older one at `target` is replaced once it is whole.

    The configs say float32: transformers and diffusers then raise the weights as they load them.
    """
    with checkpoint.new_folder(target, replace=True) as folder:
        checkpoint.write_json(folder / "model_index.json", _INDEX)
        (folder / "scheduler").mkdir()
        checkpoint.write_json(folder / "scheduler" / "scheduler_config.json", SCHEDULER)
        for name, module in {"unet": unet, "vae": vae, "text_encoder": text}.items():
            (folder / name).mkdir()
            file = folder / name / f"{WEIGHTS[name]}.safetensors"
            checkpoint.write_tensors(file, tensors(name, module, torch.float16), {"format": "pt"})
            checkpoint.write_json(folder / name / "config.json", _config(module))
        tokenizer.save_pretrained(str(folder / "tokenizer"))
        checkpoint.write_manifest(folder)
    return target


def _config(module: Any) -> dict[str, Any]:
    if hasattr(module, "to_json_string"):
        config = json.loads(module.to_json_string())
    else:
        config = module.config.to_dict() | {"architectures": [type(module).__name__], "dtype": "float32"}
    return {key: value for key, value in config.items() if key != "_name_or_path"}


def towers(target: Path, trained: Towers, image: dict[str, Any], pipeline_name: str = "toybox") -> Path:
    """Write image tower and projections, half precision; the text tower stays in the pipeline's folder."""
    kept = {name: value for name, value in trained.state_dict().items() if not name.startswith("text.")}
    with checkpoint.new_folder(target, replace=True) as folder:
        checkpoint.write_tensors(
            folder / "towers.safetensors", {k: v.half() for k, v in kept.items()}, {"format": "pt"}
        )
        config = {
            "image": image,
            "projection_dim": trained.image_projection.out_features,
            "text_encoder": f"../{pipeline_name}/text_encoder",
        }
        checkpoint.write_json(folder / "config.json", config)
        checkpoint.write_manifest(folder)
    return target
