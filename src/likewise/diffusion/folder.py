"""Read a diffusers pipeline folder ourselves: configs first, then safetensors, nothing that runs code.

Modules are built on the meta device and their tensors assigned, so no random numbers are drawn and nothing is
initialised twice; what precision they get is chosen in the open.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from likewise.diffusion import support
from likewise.errors import ModelFolderError, ModelNotFoundError

if TYPE_CHECKING:
    from transformers.models.clip.modeling_clip import CLIPTextModel

TEXT = "CLIPTextModel"
PROJECTED = "CLIPTextModelWithProjection"
TOKENIZERS = ("CLIPTokenizer", "CLIPTokenizerFast")
_SHARED = {"unet": ("UNet2DConditionModel",), "vae": ("AutoencoderTiny", "AutoencoderKL"), "text_encoder": (TEXT,)}
COMPONENTS: dict[str, dict[str, tuple[str, ...]]] = {  # pipeline class -> part -> classes that can fill it
    "StableDiffusionPipeline": {**_SHARED, "tokenizer": TOKENIZERS},
    "StableDiffusionXLPipeline": {
        **_SHARED, "text_encoder_2": (PROJECTED,), "tokenizer": TOKENIZERS, "tokenizer_2": TOKENIZERS
    },
}  # fmt: skip
WEIGHTS = {part: "diffusion_pytorch_model" for part in ("unet", "vae")}
WEIGHTS |= {part: "model" for part in ("text_encoder", "text_encoder_2")}


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
        support.check_pipeline(self.index, COMPONENTS)
        self.scheduler_config: dict[str, Any] = _read(path, "scheduler/scheduler_config.json")
        support.check_scheduler(self.scheduler_config)
        self._configs = {part: self._config(part) for part in self.parts}
        support.check_unet(self._configs["unet"], self.is_xl)
        if self.is_xl:
            support.check_conditions(self._configs["unet"], self._configs["text_encoder_2"])

    @property
    def is_xl(self) -> bool:
        """Whether it is a StableDiffusionXLPipeline."""
        return self.index["_class_name"] == "StableDiffusionXLPipeline"

    @property
    def parts(self) -> list[str]:
        """The parts that have weights: unet, vae, text_encoder, and text_encoder_2 in SDXL."""
        return [part for part in COMPONENTS[self.index["_class_name"]] if part in WEIGHTS]

    @property
    def text_parts(self) -> list[str]:
        """The text towers, in the order in which their states are joined."""
        return [part for part in self.parts if part.startswith("text_encoder")]

    @property
    def other_folders(self) -> list[str]:
        """The folders without weights."""
        return ["scheduler", *(part for part in COMPONENTS[self.index["_class_name"]] if part not in WEIGHTS)]

    def module(self, part: str, dtype: torch.dtype = torch.float32) -> nn.Module:
        """A part with its weights, in `dtype` whatever they are stored in."""
        module = self.skeleton(part)
        _assign(module, self.tensors(part, dtype), part)
        if part in self.text_parts:
            tower: Any = getattr(module, "text_model", module)
            positions = torch.arange(tower.config.max_position_embeddings).expand((1, -1))
            tower.embeddings.position_ids = positions  # a constant that files do not carry
        return module

    def skeleton(self, part: str) -> nn.Module:
        """A part on the meta device: its shapes, without a byte of weights."""
        config, kind = dict(self._configs[part]), self.index[part][1]
        with torch.device("meta"):
            return _BUILDERS[kind](config)

    def text_encoder(self) -> "CLIPTextModel":
        """The first text tower, float32."""
        return cast("CLIPTextModel", self.module("text_encoder"))

    def tokenizer(self, name: str = "tokenizer") -> Any:
        """The CLIPTokenizer."""
        from transformers.models.clip.tokenization_clip import CLIPTokenizer

        if not any((self.path / name / file).is_file() for file in ("tokenizer.json", "vocab.json")):
            raise ModelFolderError(name, "it holds neither tokenizer.json nor vocab.json")
        return CLIPTokenizer.from_pretrained(str(self.path / name), local_files_only=True)

    def tokenizers(self) -> list[Any]:
        """The tokenizers, one a text tower."""
        return [self.tokenizer(name) for name in self.other_folders if name.startswith("tokenizer")]

    def hash(self) -> str:
        """sha256 over the names and contents of the component weight files."""
        total = hashlib.sha256()
        for part in sorted(self.parts):
            for file in self.files(part):
                with file.open("rb") as stream:
                    total.update(f"{part} {hashlib.file_digest(stream, 'sha256').hexdigest()}\n".encode())
        return total.hexdigest()

    def _config(self, part: str) -> dict[str, Any]:
        config = _read(self.path, f"{part}/config.json")
        if "auto_map" in config:
            raise ModelFolderError(part, "its config asks for code of its own (auto_map), which is never run")
        return config

    def files(self, part: str) -> list[Path]:
        """The safetensors files of a part; of two precisions the full one."""
        folder, stem = self.path / part, WEIGHTS[part]
        for variant in ("", ".fp16"):
            if (folder / f"{stem}{variant}.safetensors").is_file():
                return [folder / f"{stem}{variant}.safetensors"]
            index = folder / f"{stem}.safetensors.index{variant}.json"
            if index.is_file():
                return _shards(folder, json.loads(index.read_text()), part)
        others = sorted(p.name for p in folder.iterdir() if p.suffix in (".bin", ".ckpt", ".pt", ".pth"))
        found = f"it holds only {', '.join(others)}, formats that can run code" if others else "it has no weights"
        raise ModelFolderError(part, f"{found}; {stem}.safetensors is needed")

    def tensors(self, part: str, dtype: torch.dtype = torch.float32) -> dict[str, Tensor]:
        """The weights of a part in the names that its class has today, in `dtype` whatever they are stored in."""
        tensors: dict[str, Tensor] = {}
        for file in self.files(part):
            try:
                tensors |= load_file(file)
            except SafetensorError as error:
                raise ModelFolderError(part, f"{file.name} is damaged ({error})") from error
        modern = {"AutoencoderTiny": dict, "AutoencoderKL": _modern_vae, TEXT: _modern_clip, PROJECTED: _projected_clip}
        tensors = modern.get(self.index[part][1], dict)(tensors)
        return {key: value.to(dtype) if value.is_floating_point() else value for key, value in tensors.items()}


def _unet(config: dict[str, Any]) -> nn.Module:
    from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel

    return cast(nn.Module, UNet2DConditionModel.from_config(config))


def _kl(config: dict[str, Any]) -> nn.Module:
    from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL

    return cast(nn.Module, AutoencoderKL.from_config(config))


def _tiny(config: dict[str, Any]) -> nn.Module:
    from diffusers.models.autoencoders.autoencoder_tiny import AutoencoderTiny

    config.pop("block_out_channels", None)  # written by diffusers, not expected back
    return cast(nn.Module, AutoencoderTiny.from_config(config))


def _text(config: dict[str, Any]) -> nn.Module:
    from transformers.models.clip.configuration_clip import CLIPTextConfig
    from transformers.models.clip.modeling_clip import CLIPTextModel

    return CLIPTextModel(CLIPTextConfig.from_dict(config))


def _projected(config: dict[str, Any]) -> nn.Module:
    from transformers.models.clip.configuration_clip import CLIPTextConfig
    from transformers.models.clip.modeling_clip import CLIPTextModelWithProjection

    return CLIPTextModelWithProjection(CLIPTextConfig.from_dict(config))


_BUILDERS: dict[str, Callable[[dict[str, Any]], nn.Module]] = {
    "UNet2DConditionModel": _unet,
    "AutoencoderKL": _kl,
    "AutoencoderTiny": _tiny,
    TEXT: _text,
    PROJECTED: _projected,
}


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


def _projected_clip(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """A tower with a projection keeps its text_model. prefix; older files carry a constant position_ids."""
    return {key: value for key, value in tensors.items() if key != "text_model.embeddings.position_ids"}


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
