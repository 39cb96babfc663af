"""Concepts of every kind for a tiny model."""

import torch

from likewise import diffusion
from likewise.concept import Card, Concept
from likewise.diffusion import lora, lora_formats, saving


def card(backbone, name="rob", **more):
    facts = {"name": name, "placeholder": f"<{name}>", "noun": "toy", "identifier": "qxv", "method": "dreambooth"}
    return Card(**{**facts, "base_hash": backbone.hash, "base_name": backbone.name, **more})


def with_lora(backbone, folder, name="rob", seed=0, choice="attn", **more):
    """A concept whose adapters visibly change the U-Net and the text tower."""
    tensors = {}
    for component, model in lora_formats.components(backbone).items():
        adapters = lora.inject(
            model, component, rank=2, alpha=2.0, targets=lora.targets_for(component, choice), seed=seed
        )
        rng = torch.Generator().manual_seed(seed)
        tensors |= {
            key: value.detach() + 0.3 * torch.randn(value.shape, generator=rng)
            for key, value in adapters.parameters().items()
        }
        adapters.remove()
    return Concept.save(folder, card(backbone, name, **more), lora=lora_formats.pack(tensors, 2.0))


def with_words(backbone, folder, name="rob", rows=2, widths=None):
    rng = torch.Generator().manual_seed(0)
    vectors = tuple(torch.randn(rows, width, generator=rng) for width in widths or [backbone.facts.text_width])
    return Concept.save(folder, card(backbone, name, identifier=None, method="textual-inversion"), words=vectors)


def with_weights(backbone, folder, name="rob", shift=0.05):
    """A concept with a model folder of its own, all weights moved."""
    learned = diffusion.load(backbone.folder)
    for module in (learned.unet, *learned.text_encoders):
        for parameter in module.parameters():
            parameter.data = parameter.data + shift
    pipeline = saving.save(learned, folder.with_name(f"{folder.name}-pipeline"))
    return Concept.save(folder, card(backbone, name), pipeline=pipeline)
