"""Write a model as a folder that stock diffusers loads, whatever was trained of it."""

import shutil
from pathlib import Path

import torch
from torch import Tensor, nn

from likewise import checkpoint
from likewise.diffusion.folder import WEIGHTS, Folder
from likewise.diffusion.pipeline import PipelineModel
from likewise.disk import new_folder


def save(backbone: PipelineModel, target: str | Path, dtype: torch.dtype = torch.float32) -> Path:
    """Write the model's weights as they are now into a new folder `target`, in one step, and return it.

    Configs, tokenizers and scheduler are copied from the folder that it was read from. dtype: what to store;
    float16 halves the files. Raises FolderExistsError.
    """
    with new_folder(target) as temp:
        copy_settings(backbone.folder, temp)
        texts = zip(("text_encoder", "text_encoder_2"), backbone.text_encoders, strict=False)
        parts: dict[str, nn.Module] = {"unet": backbone.unet, "vae": backbone.vae, **dict(texts)}
        for part, module in parts.items():
            path = temp / part / f"{WEIGHTS[part]}.safetensors"
            checkpoint.write_tensors(path, tensors(part, module, dtype), {"format": "pt"})
    return Path(target)


def tensors(part: str, module: nn.Module, dtype: torch.dtype) -> dict[str, Tensor]:
    """The module's tensors by the names that files use: a text encoder's keep `text_model.`, which readers older than
    transformers 5.6 need and newer ones accept. The second encoder's class names them so itself.
    """
    prefix = "text_model." if part == "text_encoder" else ""
    return {
        f"{prefix}{name}": value.detach().to(dtype) if value.is_floating_point() else value
        for name, value in module.state_dict().items()
    }


def copy_settings(source: Path, target: Path) -> None:
    """Copy model_index.json, the component configs, the scheduler and the tokenizers."""
    folder = Folder(source)
    shutil.copyfile(source / "model_index.json", target / "model_index.json")
    for part in folder.parts:
        (target / part).mkdir()
        shutil.copyfile(source / part / "config.json", target / part / "config.json")
    for part in folder.other_folders:
        shutil.copytree(source / part, target / part)
