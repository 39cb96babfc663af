"""Runs FABRIC's own generator and diffusers' community pipeline on a model of ours, under noise that is given to them.

Neither is part of this project. DIR holds a checkout of the authors' repository (github.com/sd-fabric/fabric, MIT) and
pipeline_fabric.py from diffusers' examples/community. They name two classes that diffusers has since dropped; empty
ones stand in for them, which only says that no layer is of that class.
"""

import importlib
import importlib.util
import sys
import types
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn

from likewise.diffusion import solvers
from likewise.diffusion.backbone import Backbone

Run = Callable[[], Tensor]  # one generation, to its last latents


class _Sample:
    def __init__(self, latents: Tensor) -> None:
        self.latents, self.latent_dist = latents, self

    def sample(self, *_generator: Any) -> Tensor:
        return self.latents


@contextmanager
def given(vae: nn.Module, start: Tensor, noise: Sequence[Tensor], latents: Sequence[Tensor]) -> Iterator[list[Tensor]]:
    """While inside, what is drawn at random and encoded is what is given; yields what was to be decoded.

    start: the first torch.randn; noise: torch.randn_like, one a step; latents: of the likes, then of the dislikes.
    """
    steps, encoded, decoded = iter(noise), iter([one for one in latents if len(one)]), []
    scale, before = vae.config.scaling_factor, (torch.randn, torch.randn_like)

    def decode(z: Tensor, **_how: Any) -> tuple[Tensor]:
        decoded.append(z * scale)
        return (torch.zeros(len(z), 3, 8, 8),)

    vae.encode = lambda _images: _Sample(next(encoded) / scale)
    vae.decode = decode
    torch.randn, torch.randn_like = (lambda *_shape, **_how: start.clone()), (lambda _like: next(steps))
    try:
        yield decoded
    finally:
        torch.randn, torch.randn_like = before
        del vae.encode, vae.decode


class Reference:
    """Both of them on one backbone."""

    def __init__(self, folder: Path, backbone: Backbone) -> None:
        _put_back("diffusers.models.cross_attention", "LoRACrossAttnProcessor")
        _put_back("diffusers.models.attention_processor", "LoRAAttnProcessor")
        sys.path.insert(0, str(folder))
        self.backbone = backbone
        self.authors = importlib.import_module("fabric.generator")
        spec = importlib.util.spec_from_file_location("pipeline_fabric", folder / "pipeline_fabric.py")
        assert spec is not None and spec.loader is not None
        self.community = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(self.community)

    def generator(self, prompt: str, likes: Tensor, dislikes: Tensor, how: dict[str, Any]) -> Run:
        """The authors' generator; how: start, noise, steps, guidance, end, strength, scheduler."""
        model, made = self.backbone, object.__new__(self.authors.AttentionBasedGenerator)
        nn.Module.__init__(made)
        made.unet, made.vae, made.text_encoder = model.unet, model.vae, model.text_encoders[0]
        made.tokenizer, made.dtype = model.tokenizers[0], torch.float32
        made.scheduler = solvers.build(model.scheduler_config, how["scheduler"], how["steps"])
        found: list[Tensor] = []
        made.pipeline = types.SimpleNamespace(decode_latents=found.append, numpy_to_pil=lambda _y: None)

        def run() -> Tensor:
            with given(model.vae, how["start"], how["noise"], (likes, dislikes)):
                made.generate(
                    prompt, liked=_pictures(likes), disliked=_pictures(dislikes), n_images=len(how["start"]),
                    guidance_scale=how["guidance"], denoising_steps=how["steps"], feedback_start=0.0,
                    feedback_end=how["end"], min_weight=0.0, max_weight=how["strength"], neg_scale=0.5, seed=None,
                )  # fmt: skip
            return found.pop()

        return run

    def pipeline(self, prompt: str, likes: Tensor, dislikes: Tensor, how: dict[str, Any]) -> Run:
        """diffusers' community pipeline."""
        model = self.backbone
        scheduler = solvers.build(model.scheduler_config, how["scheduler"], how["steps"])
        made = self.community.FabricPipeline(
            model.vae, model.text_encoders[0], model.tokenizers[0], model.unet, scheduler, requires_safety_checker=False
        )
        made.set_progress_bar_config(disable=True)

        def run() -> Tensor:
            with given(model.vae, how["start"], how["noise"], (likes, dislikes)) as decoded:
                made(
                    prompt, negative_prompt="", liked=_pictures(likes), disliked=_pictures(dislikes), height=64,
                    width=64, num_images=len(how["start"]), guidance_scale=how["guidance"],
                    num_inference_steps=how["steps"],
                    feedback_start_ratio=0.0, feedback_end_ratio=how["end"], min_weight=0.0,
                    max_weight=how["strength"], neg_scale=0.5, output_type="pt",
                )  # fmt: skip
            return decoded.pop()

        return run


def _pictures(latents: Tensor) -> list[Image.Image]:
    return [Image.new("RGB", (64, 64)) for _ in latents]


def _put_back(module: str, name: str) -> None:
    """A class that diffusers dropped, where its old place is looked into."""
    if module not in sys.modules and importlib.util.find_spec(module) is None:
        sys.modules[module] = types.ModuleType(module)
    found = importlib.import_module(module)
    if name not in vars(found):
        setattr(found, name, type(name, (), {}))
