"""What an exported file says about itself: base model, trigger, settings, licence; never a path, a user or a caption.

The keys are kohya's (`ss_`, `sshs_`), of which A1111 and others read some, those of the model specification 1.0.1
(`modelspec.`), and our own (`likewise.`). All values are strings, and the same concept gives the same ones: no date.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

from likewise.concept.card import Card

VERSIONS = {"sd1": "sd_v1", "sd2": "sd_v2", "sdxl": "sdxl_base_v1-0"}
ARCHITECTURES = {
    "sd1": "stable-diffusion-v1",
    "sd2": "stable-diffusion-v2-768-v",
    "sdxl": "stable-diffusion-xl-v1-base",
}
KINDS = {"lora": "/lora", "word": "/textual-inversion", "model": ""}
_SETTINGS = {  # kohya's name: ours
    "ss_learning_rate": "lr", "ss_unet_lr": "lr", "ss_text_encoder_lr": "text_lr", "ss_batch_size_per_device": "batch",
    "ss_gradient_accumulation_steps": "accumulation", "ss_lr_scheduler": "lr_schedule", "ss_min_snr_gamma": "snr_gamma",
    "ss_noise_offset": "offset_noise", "ss_max_grad_norm": "clip_norm", "ss_prior_loss_weight": "prior_weight",
    "ss_num_reg_images": "class_images", "ss_resolution": "size",
}  # fmt: skip


def header(
    card: Card, kind: str, family: str, *, v_prediction: bool = False, size: int | None = None, licence: str = ""
) -> dict[str, str]:
    """The strings of a file of this kind ("lora", "word" or "model") for a base model of this family.

    size: pixels a side that the base model draws; licence: as the user names it.
    """
    facts = {key: getattr(card, key) for key in ("name", "noun", "identifier", "base_hash", "base_name", "method")}
    found = {f"likewise.{key}": str(value) for key, value in facts.items() if value}
    found["likewise.settings"] = json.dumps(_plain(card.config), sort_keys=True)
    found |= _specification(card, kind, family, v_prediction) | ({"modelspec.license": licence} if licence else {})
    if size is not None:
        found["modelspec.resolution"] = f"{size}x{size}"
    if kind == "lora":
        found |= _kohya(card, family, v_prediction)
    return dict(sorted(found.items()))


def trigger(card: Card) -> str:
    """The words that call the concept in other programs."""
    return f"{card.identifier} {card.noun}".strip() if card.identifier is not None else card.placeholder


def ranks(tensors: Mapping[str, Any]) -> dict[str, str]:
    """kohya's strings for the rank of the adapters, whose alpha is the rank: the usual one."""
    downs = [len(tensor) for name, tensor in tensors.items() if ".down." in name or ".lora_down." in name]
    usual = Counter(downs).most_common(1)[0][0]
    return {"ss_network_dim": str(usual), "ss_network_alpha": str(float(usual))}


def content_hash(data: bytes) -> dict[str, str]:
    """The strings for the SHA-256 of a safetensors file's tensors, its header left out."""
    digest = hashlib.sha256(data[8 + int.from_bytes(data[:8], "little") :]).hexdigest()
    return {"sshs_model_hash": digest, "modelspec.hash_sha256": f"0x{digest}"}


def _specification(card: Card, kind: str, family: str, v_prediction: bool) -> dict[str, str]:
    architecture = ARCHITECTURES.get(family, family)
    if family == "sd2" and not v_prediction:
        architecture = "stable-diffusion-v2-512"
    said = trigger(card)
    return {
        "modelspec.sai_model_spec": "1.0.1",
        "modelspec.architecture": architecture + KINDS[kind],
        "modelspec.implementation": "https://github.com/huggingface/diffusers",
        "modelspec.title": card.name,
        "modelspec.prediction_type": "v" if v_prediction else "epsilon",
        "modelspec.trigger_phrase": said,
        "modelspec.usage_hint": f"Prompts say: {said}",
    }


def _kohya(card: Card, family: str, v_prediction: bool) -> dict[str, str]:
    version = VERSIONS.get(family, family)
    settings = {name: card.config.get(ours) for name, ours in _SETTINGS.items()}
    settings |= {"ss_steps": card.provenance.get("step"), "ss_seed": card.provenance.get("seed")}
    return {
        "ss_v2": str(family == "sd2"),
        "ss_base_model_version": "sd_v2_v" if version == "sd_v2" and v_prediction else version,
        "ss_network_module": "networks.lora",
        "ss_network_args": "{}",
        "ss_output_name": card.name,
        **{name: str(value) for name, value in settings.items() if isinstance(value, (int, float, str))},
    }


def _plain(config: Mapping[str, Any]) -> dict[str, Any]:
    """Numbers, switches and choices of one word: what could be a path, a prompt or a name is left out."""
    kept = {key: value for key, value in config.items() if isinstance(value, (bool, int, float))}
    words = {key: value for key, value in config.items() if isinstance(value, str) and value.replace("+", "").isalpha()}
    return kept | {key: value for key, value in words.items() if key not in ("identifier", "name")}
