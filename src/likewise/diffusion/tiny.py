"""Tiny random pipelines in the real layout, so that everything can be tested in seconds and without a download."""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import nn

from likewise.diffusion.vocabulary import bpe
from likewise.errors import SettingError

SPOKEN = (
    "a the of on in at with and photo picture drawing sticker cartoon toy dog cat robot teapot backpack bird car cake "
    "apple tree house red blue green yellow purple beach snow forest night sky room road style small large my one"
)
FAMILIES = ("toybox", "sd1")
TEXT_LENGTH = 77


def pipeline(folder: str | Path, family: str = "toybox", seed: int = 0) -> Path:
    """Write a random StableDiffusionPipeline folder of about 1 M weights and return it.

    "toybox": 128 px, AutoencoderTiny, v_prediction; "sd1": 32 px, AutoencoderKL, epsilon. Same seed, same bytes.
    """
    if family not in FAMILIES:
        raise SettingError("family", family, f"it must be one of {', '.join(FAMILIES)}")
    folder = Path(folder)
    rng = torch.Generator().manual_seed(seed)
    vocabulary, merges = bpe(SPOKEN.split())
    for part, module in _modules(family, len(vocabulary)).items():
        _save(folder / part, _randomised(module, rng))
    _write(folder / "scheduler/scheduler_config.json", _scheduler(family))
    _save_tokenizer(folder / "tokenizer", vocabulary, merges)
    _write(folder / "model_index.json", _index(family))
    return folder


def _modules(family: str, vocabulary: int) -> dict[str, nn.Module]:
    from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
    from diffusers.models.autoencoders.autoencoder_tiny import AutoencoderTiny
    from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
    from transformers.models.clip.configuration_clip import CLIPTextConfig
    from transformers.models.clip.modeling_clip import CLIPTextModel

    text = CLIPTextConfig(
        vocab_size=vocabulary, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2,
        max_position_embeddings=TEXT_LENGTH, projection_dim=32,
        bos_token_id=vocabulary - 2, eos_token_id=vocabulary - 1, pad_token_id=vocabulary - 1,
    )  # fmt: skip
    with torch.device("meta"):
        unet = UNet2DConditionModel(
            sample_size=16, block_out_channels=(32, 64), layers_per_block=1, cross_attention_dim=32,
            attention_head_dim=2, norm_num_groups=8,
            down_block_types=("CrossAttnDownBlock2D",) * 2, up_block_types=("CrossAttnUpBlock2D",) * 2,
        )  # fmt: skip
        if family == "toybox":
            vae: nn.Module = AutoencoderTiny(
                encoder_block_out_channels=(8,) * 4, decoder_block_out_channels=(8,) * 4,
                num_encoder_blocks=(1, 1, 1, 1), num_decoder_blocks=(1, 1, 1, 1),
            )  # fmt: skip
        else:
            vae = AutoencoderKL(
                block_out_channels=(32, 64), norm_num_groups=8, sample_size=32,
                down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2,
            )  # fmt: skip
        return {"unet": unet, "vae": vae, "text_encoder": CLIPTextModel(text)}


def _randomised(module: nn.Module, rng: torch.Generator) -> nn.Module:
    module = module.to_empty(device="cpu")
    for value in module.parameters():
        spread = value[0].numel() ** -0.5 if value.ndim > 1 else 0.1
        value.data = torch.randn(value.shape, generator=rng) * spread + (value.ndim == 1)
    for name, value in module.named_parameters():
        if name.endswith("bias"):
            value.data -= 1
    return module


def _save(folder: Path, module: Any) -> None:
    is_text = "CLIP" in type(module).__name__
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {f"text_model.{key}" if is_text else key: value for key, value in module.state_dict().items()}
    save_file(
        tensors, folder / ("model.safetensors" if is_text else "diffusion_pytorch_model.safetensors"), {"format": "pt"}
    )
    if is_text:
        _write(folder / "config.json", {**module.config.to_dict(), "architectures": ["CLIPTextModel"]})
    else:
        module.save_config(folder)


def _save_tokenizer(folder: Path, vocabulary: dict[str, int], merges: list[tuple[str, str]]) -> None:
    from transformers.models.clip.tokenization_clip import CLIPTokenizer

    tokenizer = CLIPTokenizer(vocab=vocabulary, merges=merges, model_max_length=TEXT_LENGTH)
    tokenizer.save_pretrained(str(folder))


def _scheduler(family: str) -> dict[str, Any]:
    return {
        "_class_name": "DPMSolverMultistepScheduler", "_diffusers_version": "0.42.1", "num_train_timesteps": 1000,
        "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "algorithm_type": "dpmsolver++",
        "solver_order": 2, "timestep_spacing": "trailing", "steps_offset": 1,
        "prediction_type": "v_prediction" if family == "toybox" else "epsilon",
    }  # fmt: skip


def _index(family: str) -> dict[str, Any]:
    return {
        "_class_name": "StableDiffusionPipeline", "_diffusers_version": "0.42.1",
        "feature_extractor": [None, None], "image_encoder": [None, None], "requires_safety_checker": False,
        "safety_checker": [None, None], "scheduler": ["diffusers", "DPMSolverMultistepScheduler"],
        "text_encoder": ["transformers", "CLIPTextModel"], "tokenizer": ["transformers", "CLIPTokenizer"],
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderTiny" if family == "toybox" else "AutoencoderKL"],
    }  # fmt: skip


def _write(path: Path, value: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=2, sort_keys=True) + "\n", encoding="utf-8")
