"""Read a diffusers StableDiffusionPipeline folder ourselves: configs first, then safetensors, nothing that runs code.

Modules are built on the meta device and their tensors assigned, so no random numbers are drawn and nothing is
initialised twice; half-precision files are raised to float32 in the open.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from likewise.errors import ModelFolderError, ModelNotFoundError

COMPONENTS = {
    "unet": ("UNet2DConditionModel",),
    "vae": ("AutoencoderTiny", "AutoencoderKL"),
    "text_encoder": ("CLIPTextModel",),
    "tokenizer": ("CLIPTokenizer", "CLIPTokenizerFast"),
}
WEIGHTS = {"unet": "diffusion_pytorch_model", "vae": "diffusion_pytorch_model", "text_encoder": "model"}
# A checkpoint of a sampler for noise levels outside the DDPM grid would be trained on the wrong target.
FOREIGN_SCHEDULERS = ("FlowMatch", "EDM", "VQDiffusion", "Consistency", "LCM", "TCD", "CM")


class Folder:
    """A checked model folder: what may be loaded from it, and its hash."""

    def __init__(self, path: Path) -> None:
        """Check model_index.json and the component configs; ModelFolderError names what does not fit."""
        if not (path / "model_index.json").is_file():
            raise ModelNotFoundError(
                path, "it holds no model_index.json" if path.is_dir() else "there is no such folder"
            )
        self.path = path
        self.index = _read(path, "model_index.json")
        self.scheduler_config: dict[str, Any] = _read(path, "scheduler/scheduler_config.json")
        _check_index(self.index)
        _check_scheduler(self.scheduler_config)
        self._unet_config = self._config("unet")
        _check_unet(self._unet_config)

    def unet(self) -> nn.Module:
        """The UNet2DConditionModel, float32."""
        from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel

        return self._fill("unet", lambda: UNet2DConditionModel.from_config(self._unet_config))

    def vae(self) -> nn.Module:
        """The AutoencoderTiny or AutoencoderKL, float32."""
        config = self._config("vae")
        if self.index["vae"][1] == "AutoencoderTiny":
            from diffusers.models.autoencoders.autoencoder_tiny import AutoencoderTiny as Autoencoder

            config.pop("block_out_channels", None)  # written by diffusers, not expected back
        else:
            from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL as Autoencoder
        return self._fill("vae", lambda: Autoencoder.from_config(config))

    def text_encoder(self) -> nn.Module:
        """The CLIPTextModel, float32."""
        from transformers.models.clip.configuration_clip import CLIPTextConfig
        from transformers.models.clip.modeling_clip import CLIPTextModel

        config = self._config("text_encoder")
        model = self._fill("text_encoder", lambda: CLIPTextModel(CLIPTextConfig.from_dict(config)))
        positions = torch.arange(model.config.max_position_embeddings).expand((1, -1))
        model.embeddings.position_ids = positions  # a constant that files do not carry
        return model

    def tokenizer(self) -> Any:
        """The CLIPTokenizer."""
        from transformers.models.clip.tokenization_clip import CLIPTokenizer

        if not any((self.path / "tokenizer" / name).is_file() for name in ("tokenizer.json", "vocab.json")):
            raise ModelFolderError("tokenizer", "it holds neither tokenizer.json nor vocab.json")
        return CLIPTokenizer.from_pretrained(str(self.path / "tokenizer"), local_files_only=True)

    def hash(self) -> str:
        """sha256 over the names and contents of the component weight files."""
        total = hashlib.sha256()
        for part in sorted(WEIGHTS):
            for file in self._files(part):
                with file.open("rb") as stream:
                    total.update(f"{part} {hashlib.file_digest(stream, 'sha256').hexdigest()}\n".encode())
        return total.hexdigest()

    def _config(self, part: str) -> dict[str, Any]:
        config = _read(self.path, f"{part}/config.json")
        if "auto_map" in config:
            raise ModelFolderError(part, "its config asks for code of its own (auto_map), which is never run")
        return config

    def _files(self, part: str) -> list[Path]:
        folder, stem = self.path / part, WEIGHTS[part]
        for name in (f"{stem}.safetensors", f"{stem}.fp16.safetensors"):
            if (folder / name).is_file():
                return [folder / name]
            index = folder / f"{name}.index.json"
            if index.is_file():
                return _shards(folder, json.loads(index.read_text()), part)
        others = sorted(p.name for p in folder.iterdir() if p.suffix in (".bin", ".ckpt", ".pt", ".pth"))
        found = f"it holds only {', '.join(others)}, formats that can run code" if others else "it has no weights"
        raise ModelFolderError(part, f"{found}; {stem}.safetensors is needed")

    def tensors(self, part: str) -> dict[str, Tensor]:
        """The weights of a part in the names that its class has today, as float32 whatever they are stored in."""
        tensors: dict[str, Tensor] = {}
        for file in self._files(part):
            try:
                tensors |= load_file(file)
            except SafetensorError as error:
                raise ModelFolderError(part, f"{file.name} is damaged ({error})") from error
        tensors = {"vae": _modern_vae, "text_encoder": _modern_clip}.get(part, dict)(tensors)
        return {key: value.float() if value.is_floating_point() else value for key, value in tensors.items()}

    def _fill(self, part: str, build: Callable[[], nn.Module]) -> nn.Module:
        with torch.device("meta"):
            module = build()
        _assign(module, self.tensors(part), part)
        return module


def _assign(module: nn.Module, tensors: Mapping[str, Tensor], part: str) -> None:
    wanted = module.state_dict()
    missing, extra = sorted(wanted.keys() - tensors.keys()), sorted(tensors.keys() - wanted.keys())
    if missing or extra:
        raise ModelFolderError(part, f"its weights lack {missing[:3] or 'nothing'} and add {extra[:3] or 'nothing'}")
    wrong = [key for key, value in wanted.items() if value.shape != tensors[key].shape]
    if wrong:
        found, needed = tuple(tensors[wrong[0]].shape), tuple(wanted[wrong[0]].shape)
        raise ModelFolderError(part, f"{wrong[0]} has shape {found}, and its config needs {needed}")
    module.load_state_dict(tensors, assign=True)


def _read(folder: Path, name: str) -> dict[str, Any]:
    try:
        value = json.loads((folder / name).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ModelFolderError(name, "the file is missing") from error
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ModelFolderError(name, f"it is not JSON ({error})") from error
    if not isinstance(value, dict):
        raise ModelFolderError(name, "it is not a JSON object")
    return value


def _check_index(index: Mapping[str, Any]) -> None:
    kind = index.get("_class_name")
    if kind != "StableDiffusionPipeline":
        raise ModelFolderError("pipeline", f"it is a {kind}, and a StableDiffusionPipeline is needed")
    for part, known in COMPONENTS.items():
        entry = index.get(part)
        if not isinstance(entry, list) or len(entry) != 2 or entry[1] not in known:
            raise ModelFolderError(part, f"model_index.json says {entry!r}, and one of {', '.join(known)} is needed")


def _check_scheduler(config: Mapping[str, Any]) -> None:
    name = str(config.get("_class_name", ""))
    if name.startswith(FOREIGN_SCHEDULERS):
        raise ModelFolderError("scheduler", f"{name} does not use the noise levels of DDPM")


def _check_unet(config: Mapping[str, Any]) -> None:
    channels, out = config.get("in_channels", 4), config.get("out_channels", 4)
    if channels != out:
        what = {9: "an inpainting model", 5: "a depth model", 8: "an image-editing model"}.get(channels, "another kind")
        raise ModelFolderError("unet", f"it reads {channels} channels and writes {out}, so it is {what}")
    for key in ("class_embed_type", "addition_embed_type", "encoder_hid_dim_type", "num_class_embeds"):
        if config.get(key) is not None:
            raise ModelFolderError("unet", f"it needs more than text ({key} is {config[key]!r})")


def _shards(folder: Path, index: Mapping[str, Any], part: str) -> list[Path]:
    names = sorted(set(index.get("weight_map", {}).values()))
    for name in names:  # a name from a file becomes a path only if it is a plain file name
        if Path(name).name != name or not name.endswith(".safetensors") or not (folder / name).is_file():
            raise ModelFolderError(part, f"its index names {name!r}, which is no safetensors file beside it")
    return [folder / name for name in names]


def _modern_clip(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Files from before transformers 5.6 carry a text_model. prefix and a constant position_ids."""
    renamed = {key.removeprefix("text_model."): value for key, value in tensors.items()}
    renamed.pop("embeddings.position_ids", None)
    return renamed


def _modern_vae(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Files from before diffusers 0.17 name the mid-block attention query, key, value, proj_attn."""
    old = {".query.": ".to_q.", ".key.": ".to_k.", ".value.": ".to_v.", ".proj_attn.": ".to_out.0."}
    renamed = {}
    for key, value in tensors.items():
        new = key
        for before, after in old.items():
            if ".attentions." in key:
                new = new.replace(before, after)
        renamed[new] = value.squeeze((-1, -2)) if new != key and value.ndim == 4 else value
    return renamed
