"""What learns: adapters beside a frozen model, or the model's own weights; always float32, always given back."""

import copy
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from likewise.diffusion import lora, lora_formats
from likewise.diffusion.backbone import Backbone, Text
from likewise.dreambooth.config import Config
from likewise.tuning.frugal import recomputing
from likewise.tuning.objective import Teacher
from likewise.tuning.rates import many


@dataclass(frozen=True)
class Trained:
    """The trainable parameters by the name that files give them, and the adapters among them."""

    named: dict[str, nn.Parameter]
    loras: tuple[lora.Lora, ...]

    def groups(self, config: Config) -> list[dict]:
        """Optimiser groups: the U-Net at lr, the text encoder at text_lr."""
        parts = {"unet": config.lr, "text": config.text_lr}
        split = {part: [p for name, p in self.named.items() if name.startswith(part)] for part in parts}
        return [many(split[part], lr) for part, lr in parts.items() if split[part]]

    @contextmanager
    def disabled(self) -> Iterator[None]:
        """Inside this scope all adapters are off."""
        with ExitStack() as stack:
            for one in self.loras:
                stack.enter_context(one.disabled())
            yield


@contextmanager
def thaw(backbone: Backbone, config: Config, seed: int) -> Iterator[Trained]:
    """Make the configured part of a frozen model trainable, for the length of the scope.

    Afterwards the model is the base model again, bit for bit: adapters are taken off, and weights that were trained in
    full get their old values, of which a copy waits in main memory. LoraTargetError when no layer fits.
    """
    models = lora_formats.components(backbone)
    models = models if config.train_text else {"unet": models["unet"]}
    trained = _adapters(models, config, seed) if config.train == "lora" else _weights(models)
    before = {} if trained.loras else {name: p.detach().to("cpu", copy=True) for name, p in trained.named.items()}
    try:
        with recomputing(backbone.unet, config.checkpointing):
            yield trained
    finally:
        for one in trained.loras:
            one.remove()
        for name, parameter in trained.named.items():
            parameter.requires_grad_(False).grad = None
            if name in before:
                parameter.data = before[name].to(parameter.device)  # what was trained stays whole for who holds it


def census(backbone: Backbone, config: Config) -> dict[str, tuple[int, int]]:
    """What `thaw` would make trainable, without thawing it: layers (or tensors) and parameters of each component."""
    models = lora_formats.components(backbone)
    models = models if config.train_text else {"unet": models["unet"]}
    if config.train == "full":
        return {name: _counted(list(model.parameters())) for name, model in models.items()}
    found = {}
    for one in _adapters(models, config, seed=0).loras:
        one.remove()
        found[one.component] = (len(one.pairs), _counted(list(one.parameters().values()))[1])
    return found


def _counted(tensors: Sequence[nn.Parameter]) -> tuple[int, int]:
    return len(tensors), sum(one.numel() for one in tensors)


def _adapters(models: dict[str, nn.Module], config: Config, seed: int) -> Trained:
    loras: list[lora.Lora] = []
    for name, model in models.items():
        targets = lora.targets_for(name, config.targets)
        shape = {"rank": config.rank, "alpha": config.alpha, "start": config.start}
        loras.append(lora.inject(model, name, targets=targets, seed=seed, **shape))
    named = {name: parameter for one in loras for name, parameter in one.parameters().items()}
    return Trained(named, tuple(loras))


def _weights(models: dict[str, nn.Module]) -> Trained:
    named = {f"{part}.{name}": p for part, model in models.items() for name, p in model.float().named_parameters()}
    for parameter in named.values():
        parameter.requires_grad_(True)
    return Trained(named, ())


def teacher(backbone: Backbone, trained: Trained, text: Text) -> Teacher:
    """The base model's answers to `text`, one row for each sample; call before the first step.

    With adapters it is the same network with them off; a model trained in full needs a frozen copy of its U-Net.
    """
    base = backbone
    if not trained.loras:
        base = copy.copy(backbone)
        base.unet = copy.deepcopy(backbone.unet).requires_grad_(False)

    def answer(noisy: Tensor, t: Tensor, sizes: Tensor | None) -> Tensor:
        with torch.no_grad(), trained.disabled():
            return base.predict(noisy, t, text.repeat(len(noisy)).sized(sizes))

    return answer
