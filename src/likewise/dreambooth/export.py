"""What a checkpoint stands for: on a model for a while, as a LoRA file, or as a model folder of its own.

A LoRA checkpoint becomes a `pytorch_lora_weights.safetensors`. A full one becomes a whole pipeline folder in float16:
weights that changed everywhere have no smaller form that stock diffusers loads.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import torch
from PIL.Image import Image
from torch import Tensor

from likewise import checkpoint, disk
from likewise.concept import Card, Concept
from likewise.diffusion import lora_formats, saving
from likewise.diffusion.backbone import Backbone
from likewise.diffusion.pipeline import PipelineModel
from likewise.dreambooth.config import Config
from likewise.training import State
from likewise.tuning import preview
from likewise.tuning.cards import card, header
from likewise.tuning.memory import weights
from likewise.tuning.plan import Plan


@contextmanager
def applied(backbone: Backbone, tensors: Mapping[str, Tensor], config: Config | Mapping[str, object]) -> Iterator[None]:
    """While inside, `backbone` is the model as learned in a checkpoint; afterwards bit for bit what it was.

    tensors: as `checkpoint.load_state` returns them; config: the run's Config, or its dump. Averaged weights are used
    where the run keeps them.
    """
    config = config if isinstance(config, Config) else Config.model_validate(dict(config))
    learned = weights(State(dict(tensors), {}))
    with adapted(backbone, learned, config.alpha) if config.train == "lora" else _replaced(backbone, learned):
        yield


@contextmanager
def adapted(backbone: Backbone, learned: Mapping[str, Tensor], alpha: float) -> Iterator[None]:
    """While inside, these adapters, by the names of a LoRA file, are on the model at the strength they learned at."""
    file = lora_formats.parse(lora_formats.fold(learned, alpha))
    loras, _ = lora_formats.attach(backbone, file, "the checkpoint")
    try:
        yield
    finally:
        for one in loras:
            one.remove()


@contextmanager
def _replaced(backbone: Backbone, learned: Mapping[str, Tensor]) -> Iterator[None]:
    models = lora_formats.components(backbone)
    named = {f"{part}.{name}": p for part, model in models.items() for name, p in model.named_parameters()}
    before = {name: named[name].data for name in learned}
    try:
        for name, value in learned.items():
            named[name].data = value.to(named[name].device, torch.float32)
        yield
    finally:
        for name, value in before.items():
            named[name].data = value


def save(
    backbone: Backbone, plan: Plan, source: Path, target: Path, scores: Mapping[str, object] | None = None
) -> Concept:
    """Write the concept of a checkpoint folder `source` into `target`, replacing an earlier one of the same run.

    backbone: the base model as it was before training. The same checkpoint and plan give the same LoRA file.
    """
    tensors, _ = checkpoint.load_state(source)
    step = int(source.name)
    facts = card(backbone, plan, step, scores or {})
    with applied(backbone, tensors, plan.config):
        prompt = plan.config.instance_prompt.format(identifier=plan.identifier, noun=plan.noun)
        picture = preview.draw(backbone, [prompt], [0], steps=preview.FINE, guidance=preview.GUIDANCE)[0]
        if plan.config.train == "full":
            return _save_pipeline(backbone, target, facts, picture)
    learned = weights(State(tensors, {}))
    file = lora_formats.pack(learned, plan.config.alpha, header(plan, step))
    return Concept.save(target, facts, lora=file, preview=picture, replace=True)


def _save_pipeline(backbone: Backbone, target: Path, facts: Card, picture: Image) -> Concept:
    """Write the model as it is now; the folder beside `target` is gone afterwards, or after the next try."""
    assert isinstance(backbone, PipelineModel), "only a model that was read from a folder can be written as one"
    pipeline = target.with_name("pipeline.part")
    if pipeline.exists():
        disk.remove(pipeline)
    try:
        saving.save(backbone, pipeline, torch.float16)
        return Concept.save(target, facts, pipeline=pipeline, preview=picture, replace=True)
    finally:
        if pipeline.exists():
            disk.remove(pipeline)
