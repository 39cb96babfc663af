"""Small metrics of random weights, and pictures to try them on."""

import numpy as np
import torch
from PIL import Image

from likewise import seeds
from likewise.dreamsim import networks
from likewise.dreamsim.branches import ViTBranch
from likewise.dreamsim.ensemble import Ensemble
from likewise.dreamsim.metric import Metric
from likewise.encoders.vit import Shape, ViT

SMALL = Shape(patch=8, width=24, depth=2, heads=2, pixels=32)
CLIP = Shape(
    patch=16, width=24, depth=2, heads=3, pixels=32, epsilon=1e-5, pre_norm=True, quick_gelu=True, projection=16
)


def filled(module, seed=0):
    """Every parameter random, small enough that nothing saturates."""
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            noise = seeds.randn(parameter.shape, seed, name)
            parameter.copy_(1 + 0.1 * noise if "norm" in name and "weight" in name else 0.2 * noise)
    return module


def branch(shape=SMALL, feature="cls", seed=0, name="dino_vitb16"):
    normalisation = networks.OPENAI if shape.projection else networks.IMAGENET
    return ViTBranch(name, feature, filled(ViT(shape), seed), *normalisation, shape.pixels)


def ensemble(**options):
    """A small relative of the paper's: cls beside an embedding."""
    parts = [branch(), branch(CLIP, "embedding", 1, "clip_vitb16")]
    return Ensemble(parts, **options).requires_grad_(False).eval()


def metric(**options):
    return Metric(ensemble(**options), "small")


def patch_metric(**options):
    return Metric(Ensemble([branch(feature="cls_patch")], **options).requires_grad_(False).eval(), "patches")


def pictures(count, size=40, seed=0):
    """Smooth coloured pictures, each another one, wider than high."""
    coarse = np.random.default_rng(seed).integers(0, 256, size=(count, 5, 6, 3), dtype=np.uint8)
    return [Image.fromarray(one).resize((size + 8, size), Image.Resampling.BICUBIC) for one in coarse]


def batch(count, size=32, seed=0):
    return torch.rand(count, 3, size, size, generator=torch.Generator().manual_seed(seed))
