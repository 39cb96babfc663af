"""How much memory a device needs to train a model, and to draw with it meanwhile, before a weight is loaded.

    training = networks + learning + gradients + moments + averages + activations
    drawing  = networks in use + learning + moments + averages + the larger of: what the autoencoder holds at once while
               it decodes a picture, what the U-Net holds for the rows of one guided call
    needed   = 1.05 max(training, drawing) + 0.75 GiB

networks: bytes of the weights that stay on the device: the U-Net and what is not spared (see seat.py); those that do
not learn in `precision`, the autoencoder in float32. learning: what learns, in float32: all weights of a part, or LoRA
adapters. gradients: as many bytes again; moments: AdamW keeps twice as many; averages: as many, with ema. activations:
rehearsal.Kept.peak. The twentieth is for the allocator's gaps, the constant for CUDA's own context and workspaces.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

import torch
from torch import nn

from likewise.diffusion import facts, lora, rehearsal, schedule
from likewise.diffusion.backbone import Facts
from likewise.diffusion.folder import Folder
from likewise.diffusion.guidance import ROWS
from likewise.diffusion.rehearsal import Kept

GIB = 2**30
GAPS, OWN = 1.05, int(0.75 * GIB)
Precision = Literal["float32", "bfloat16"]


@dataclass(frozen=True)
class Job:
    """What is to be trained, and how."""

    train: Literal["lora", "full", "words"]  # words: vectors of a new word, too small to count
    train_text: bool = False  # with "lora" and "full": the text towers too
    rows: int = 1  # pictures in one pass, those of a prior included
    checkpointing: bool = False
    rank: int = 16
    targets: lora.Choice = "attn"
    ema: bool = False
    teacher: bool = False  # a full run whose prior is the frozen U-Net keeps a copy of it
    precision: Precision = "float32"  # of weights that do not learn
    autocast: bool = False  # compute in bfloat16
    spared: tuple[str, ...] = ()  # networks that wait in main memory, of "unet", "vae", "text"


@dataclass(frozen=True)
class Estimate:
    """Bytes by purpose; see the formulas above."""

    networks: int
    learning: int
    gradients: int
    moments: int
    averages: int
    activations: int
    drawing: int

    @property
    def training(self) -> int:
        """The sum while a step is made."""
        parts = (self.networks, self.learning, self.gradients, self.moments, self.averages, self.activations)
        return sum(parts)

    @property
    def needed(self) -> int:
        """What the device must have."""
        return int(GAPS * max(self.training, self.drawing)) + OWN

    def __str__(self) -> str:
        """One sentence for people, in GiB."""
        weights, step = self.networks + self.learning, self.gradients + self.moments + self.averages
        told = {"weights": weights, "gradients and optimiser": step, "activations": self.activations}
        parts = ", ".join(f"{name} {value / GIB:.1f}" for name, value in told.items())
        return f"{self.needed / GIB:.1f} GiB ({parts}; drawing {self.drawing / GIB:.1f})"


def rehearse(folder: Folder) -> "Rehearsed":
    """The networks of a model folder in shape alone: reads configs and tokenizers, no weights."""
    networks = {part: folder.skeleton(part) for part in folder.parts}
    texts = [networks[part] for part in folder.text_parts]
    noise = schedule.from_config(folder.scheduler_config)
    return Rehearsed(networks, facts.read(networks["unet"], networks["vae"], texts, folder.tokenizers(), noise))


class Rehearsed:
    """A model that is there in shape alone, to be asked for estimates."""

    def __init__(self, networks: Mapping[str, nn.Module], facts: Facts) -> None:
        """networks: on the meta device, by the names of a pipeline's parts."""
        self._networks, self.facts = dict(networks), facts
        self._towers = {part: network for part, network in networks.items() if part.startswith("text_encoder")}
        self._kept: dict[tuple[object, ...], Kept] = {}
        self._decoding = 0

    def estimate(self, job: Job) -> Estimate:
        """The bytes that a job needs."""
        low = 2 if job.precision == "bfloat16" else 4
        unet, vae = (_count([self._networks[part]]) for part in ("unet", "vae"))
        text, learns_all = _count(self._towers.values()), job.train == "full"
        frozen = 0 if learns_all else low * unet
        frozen += 4 * unet if learns_all and job.teacher else 0
        frozen += 0 if "vae" in job.spared else 4 * vae
        frozen += 0 if "text" in job.spared or (learns_all and job.train_text) else low * text
        learning = 4 * self._trained(job)
        averages, kept = learning if job.ema else 0, self._activations(job)
        held = learning + 2 * learning + averages
        return Estimate(
            networks=frozen,
            learning=learning,
            gradients=learning,
            moments=2 * learning,
            averages=averages,
            activations=kept.peak(job.rows, job.checkpointing),
            drawing=max(
                frozen + held + ROWS * kept.drawing,
                frozen + held - (low * unet if "unet" in job.spared else 0) + 4 * vae + self._decoded(),
            ),
        )

    def _trained(self, job: Job) -> int:
        """How many numbers learn."""
        if job.train == "words":
            return 0
        if job.train == "full":
            return _count([self._networks["unet"], *(self._towers.values() if job.train_text else [])])
        networks = {"unet": self._networks["unet"], **(self._towers if job.train_text else {})}
        return sum(
            _adapters(module, lora.targets_for(name, job.targets), job.rank) for name, module in networks.items()
        )

    def _activations(self, job: Job) -> Kept:
        """What the U-Net keeps for one row; text towers keep a hundredth of it, and are left out."""
        key = (job.train, job.rank, job.targets, job.precision, job.autocast)
        if key not in self._kept:
            unet: Any = self._networks["unet"]
            full = job.train == "full"
            low = job.precision == "bfloat16" and not full
            nn.Module.to(unet.requires_grad_(full), torch.bfloat16 if low else torch.float32)
            adapters = []
            if job.train == "lora":
                look = {"rank": job.rank, "alpha": float(job.rank), "targets": lora.targets_for("unet", job.targets)}
                adapters = [lora.inject(unet, "unet", seed=0, **look)]
            try:
                self._kept[key] = rehearsal.kept(unet, _inputs(unet, self.facts, job.train == "words"), job.autocast)
            finally:
                for one in adapters:
                    one.remove()
        return self._kept[key]

    @torch.no_grad()
    def _decoded(self) -> int:
        """What the autoencoder holds at once, its weights aside, to decode one picture."""
        if not self._decoding:
            latents, vae = torch.empty(self.facts.latent_shape(1), device="meta"), cast(Any, self._networks["vae"])
            with rehearsal.live() as meter:
                vae.decode(latents)
            self._decoding = meter.most
        return self._decoding


def _count(modules: Iterable[nn.Module]) -> int:
    return sum(value.numel() for module in modules for value in module.parameters())


def _adapters(module: nn.Module, targets: Sequence[str], rank: int) -> int:
    adapted = [layer for path, layer in module.named_modules() if path.endswith(tuple(f".{end}" for end in targets))]
    weights = [layer.weight for layer in adapted if isinstance(layer, nn.Linear | nn.Conv2d)]
    return sum(rank * (weight.shape[0] + weight[0].numel()) for weight in weights)


def _inputs(unet: Any, facts: Facts, words: bool) -> dict[str, Any]:
    """The arguments of the U-Net for one row; where a word learns, the gradient goes through the text."""
    dtype = unet.dtype

    def blank(*shape: int, dtype: torch.dtype = dtype) -> torch.Tensor:
        return torch.empty(*shape, device="meta", dtype=dtype)

    given: dict[str, Any] = {
        "sample": blank(*facts.latent_shape(1)),
        "timestep": blank(1, dtype=torch.float32),
        "encoder_hidden_states": blank(1, facts.text_length, facts.text_width).requires_grad_(words),
    }
    if facts.sized:
        pooled = unet.config.projection_class_embeddings_input_dim - 6 * unet.config.addition_time_embed_dim
        sizes = blank(1, 6, dtype=torch.float32)
        given["added_cond_kwargs"] = {"text_embeds": blank(1, pooled), "time_ids": sizes}
    return given
