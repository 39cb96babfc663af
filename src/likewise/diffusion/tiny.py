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
FAMILIES = ("toybox", "sd1", "sd2", "sd2-v", "sdxl")
PREDICTIONS = {"toybox": "v_prediction", "sd2-v": "v_prediction"}  # epsilon elsewhere
TEXT_LENGTH, WIDTH, SIZE_WIDTH = 77, 32, 8  # tokens a prompt; of text states; of each of SDXL's sizes


def pipeline(folder: str | Path, family: str = "toybox", seed: int = 0, prediction: str | None = None) -> Path:
    """Write a random pipeline folder of about 1 M weights in a family's layout, and return it.

    "toybox": 128 px, AutoencoderTiny, v_prediction. The others: 32 px, AutoencoderKL; "sd1", "sd2" and "sdxl" epsilon,
    "sd2-v" v_prediction; "sdxl" has two text towers, 32 and 48 wide. prediction: another prediction_type. Same
    arguments, same bytes.
    """
    if family not in FAMILIES:
        raise SettingError("family", family, f"it must be one of {', '.join(FAMILIES)}")
    folder = Path(folder)
    rng = torch.Generator().manual_seed(seed)
    vocabulary, merges = bpe(SPOKEN.split())
    for part, module in _modules(family, len(vocabulary)).items():
        _save(folder / part, _randomised(module, rng))
    _write(folder / "scheduler/scheduler_config.json", _scheduler(prediction or PREDICTIONS.get(family, "epsilon")))
    _save_tokenizer(folder / "tokenizer", vocabulary, merges, "<|endoftext|>")
    if family == "sdxl":
        _save_tokenizer(folder / "tokenizer_2", vocabulary, merges, "!")
    _write(folder / "model_index.json", _index(family))
    return folder


def _modules(family: str, vocabulary: int) -> dict[str, nn.Module]:
    from transformers.models.clip.modeling_clip import CLIPTextModel, CLIPTextModelWithProjection

    with torch.device("meta"):
        modules = {"unet": _unet(family), "vae": _vae(family), "text_encoder": CLIPTextModel(_text(vocabulary))}
        if family == "sdxl":  # as in SDXL base, the second tower's config says that the end mark is 2, which it is not
            second = _text(vocabulary, hidden_size=WIDTH + 16, projection_dim=24, eos_token_id=2, pad_token_id=0)
            modules["text_encoder_2"] = CLIPTextModelWithProjection(second)
        return modules


def _unet(family: str) -> nn.Module:
    from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel

    shape: dict[str, Any] = {"block_out_channels": (32, 64), "layers_per_block": 1, "cross_attention_dim": WIDTH}
    downs, ups = ("CrossAttnDownBlock2D",) * 2, ("CrossAttnUpBlock2D",) * 2
    if family.startswith("sd2"):
        shape |= {"use_linear_projection": True}
    if family == "sdxl":  # no attention at the finest level, deeper transformers below, as in SDXL base
        downs, ups = ("DownBlock2D", "CrossAttnDownBlock2D"), ("CrossAttnUpBlock2D", "UpBlock2D")
        shape |= {
            "use_linear_projection": True, "transformer_layers_per_block": [1, 2],
            "cross_attention_dim": 2 * WIDTH + 16,
            "addition_embed_type": "text_time", "addition_time_embed_dim": SIZE_WIDTH,
            "projection_class_embeddings_input_dim": 24 + 6 * SIZE_WIDTH,
        }  # fmt: skip
    return UNet2DConditionModel(
        sample_size=16, attention_head_dim=2, norm_num_groups=8, down_block_types=downs, up_block_types=ups, **shape
    )


def _vae(family: str) -> nn.Module:
    if family == "toybox":
        from diffusers.models.autoencoders.autoencoder_tiny import AutoencoderTiny

        return AutoencoderTiny(
            encoder_block_out_channels=(8,) * 4, decoder_block_out_channels=(8,) * 4,
            num_encoder_blocks=(1, 1, 1, 1), num_decoder_blocks=(1, 1, 1, 1),
        )  # fmt: skip
    from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL

    shape: dict[str, Any] = {
        "block_out_channels": (32, 64), "norm_num_groups": 8, "sample_size": 32,
        "down_block_types": ("DownEncoderBlock2D",) * 2, "up_block_types": ("UpDecoderBlock2D",) * 2,
    }  # fmt: skip
    is_xl = family == "sdxl"
    return AutoencoderKL(scaling_factor=0.13025 if is_xl else 0.18215, force_upcast=is_xl, **shape)


def _text(vocabulary: int, **changes: int) -> Any:
    from transformers.models.clip.configuration_clip import CLIPTextConfig

    usual: dict[str, Any] = {
        "hidden_size": WIDTH, "projection_dim": WIDTH, "bos_token_id": vocabulary - 2,
        "eos_token_id": vocabulary - 1, "pad_token_id": vocabulary - 1,
    }  # fmt: skip
    usual |= changes
    return CLIPTextConfig(
        vocab_size=vocabulary, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2,
        max_position_embeddings=TEXT_LENGTH, **usual,
    )  # fmt: skip


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
    kind = type(module).__name__
    is_text, prefix = "CLIP" in kind, "text_model." if kind == "CLIPTextModel" else ""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {f"{prefix}{key}": value for key, value in module.state_dict().items()}
    save_file(
        tensors, folder / ("model.safetensors" if is_text else "diffusion_pytorch_model.safetensors"), {"format": "pt"}
    )
    if is_text:
        _write(folder / "config.json", {**module.config.to_dict(), "architectures": [kind]})
    else:
        module.save_config(folder)


def _save_tokenizer(folder: Path, vocabulary: dict[str, int], merges: list[tuple[str, str]], padding: str) -> None:
    from transformers.models.clip.tokenization_clip import CLIPTokenizer

    pairs: Any = merges  # which it takes, whatever its annotation says
    tokenizer = CLIPTokenizer(vocab=vocabulary, merges=pairs, model_max_length=TEXT_LENGTH, pad_token=padding)
    tokenizer.save_pretrained(str(folder))


def _scheduler(prediction: str) -> dict[str, Any]:
    return {
        "_class_name": "DPMSolverMultistepScheduler", "_diffusers_version": "0.42.1", "num_train_timesteps": 1000,
        "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "algorithm_type": "dpmsolver++",
        "solver_order": 2, "timestep_spacing": "trailing", "steps_offset": 1, "prediction_type": prediction,
    }  # fmt: skip


def _index(family: str) -> dict[str, Any]:
    common = {
        "_diffusers_version": "0.42.1", "feature_extractor": [None, None], "image_encoder": [None, None],
        "scheduler": ["diffusers", "DPMSolverMultistepScheduler"], "text_encoder": ["transformers", "CLIPTextModel"],
        "tokenizer": ["transformers", "CLIPTokenizer"], "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderTiny" if family == "toybox" else "AutoencoderKL"],
    }  # fmt: skip
    if family == "sdxl":
        return common | {
            "_class_name": "StableDiffusionXLPipeline", "force_zeros_for_empty_prompt": True,
            "text_encoder_2": ["transformers", "CLIPTextModelWithProjection"],
            "tokenizer_2": ["transformers", "CLIPTokenizer"],
        }  # fmt: skip
    return common | {
        "_class_name": "StableDiffusionPipeline", "requires_safety_checker": False, "safety_checker": [None, None],
    }  # fmt: skip


def _write(path: Path, value: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=2, sort_keys=True) + "\n", encoding="utf-8")
