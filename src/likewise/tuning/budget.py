"""Settings that keep a training within a device's memory, found before a weight is loaded.

Ways to save are tried from the fastest to the slowest, and each gives the same optimiser steps: fewer photos a pass
with as many passes more, recomputed activations, both, photos and prior in passes of their own. Networks that are not
learning wait in main memory while they are not in use, and weights that do not learn are held in bfloat16 where the
device has it. What a person asked for is never changed; if nothing fits, that is an error that says what would.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from likewise import settings
from likewise.devices import Device
from likewise.diffusion.backbone import Backbone
from likewise.diffusion.estimate import GIB, Estimate, Job, Rehearsed, rehearse
from likewise.diffusion.folder import Folder
from likewise.diffusion.loading import find, load
from likewise.diffusion.pipeline import PipelineModel
from likewise.errors import MemoryBudgetError, SettingError
from likewise.tuning.config import Tuning

SIZES = (8, 12, 16, 24)  # GiB


@dataclass(frozen=True)
class Fit:
    """What fits: options on top of those that were asked for, what is spared, and the estimate."""

    options: dict[str, Any]
    spared: tuple[str, ...]
    estimate: Estimate


def fit(backbone: str | Path, config: type[Tuning], options: Mapping[str, Any], vram: int, device: Device) -> Fit:
    """Options for `config` with which teaching `backbone` needs at most `vram` GiB.

    options: what was asked for. Raises MemoryBudgetError when nothing fits, SettingError for another size.
    """
    if vram not in SIZES:
        raise SettingError("vram", vram, f"it must be one of {', '.join(map(str, SIZES))} (GiB)")
    model = rehearse(Folder(find(backbone)))
    return choose(model, lambda more: config.for_family(model.facts.family, more), options, vram, device)


def opened(
    backbone: str | Path | Backbone,
    config: type[Tuning],
    options: Mapping[str, Any],
    vram: int | None,
    device: Device,
    precision: str = "float32",
) -> tuple[Backbone, dict[str, Any], Estimate | None]:
    """The model on the device, the options with those that fit it in, and the estimate if one was made.

    An estimate is made before the model is loaded where there is a limit, or a GPU, which cannot swap. precision: of a
    run that goes on. Errors as `fit` and `load`; SettingError for a limit, or another precision, of a model in memory.
    """
    options, fitted = dict(options), None
    if isinstance(backbone, Backbone):
        held = str(next(backbone.unet.parameters()).dtype).removeprefix("torch.")
        if vram is not None:
            raise SettingError("vram", vram, "name the model or its folder, so that it is not loaded before it fits")
        if options.get("precision", held) != held:
            raise SettingError("precision", options["precision"], f"the model that was given holds {held}")
        return backbone.to(device.kind), options, None
    if vram is not None:
        fitted = fit(backbone, config, options, vram, device)
        options |= fitted.options
    elif device.kind == "cuda":
        model = rehearse(Folder(find(backbone)))
        asked = config.for_family(model.facts.family, options)
        fitted = Fit({}, (), model.estimate(job_of(asked, device, ())))
    model = load(backbone, options.get("precision", precision))
    if fitted is not None and isinstance(model, PipelineModel):
        model.seat.spare(*fitted.spared)
    return model.to(device.kind), options, fitted.estimate if fitted else None


def choose(
    model: Rehearsed,
    build: Callable[[Mapping[str, Any]], Tuning],
    options: Mapping[str, Any],
    vram: int,
    device: Device,
) -> Fit:
    """As `fit`, for a model in shape alone; build: makes the method's settings of options."""
    asked = build(options)
    best: Estimate | None = None
    for change in _ways(asked, device, options):
        config = build({**options, **change})
        job = job_of(config, device, spare(config))
        estimate = model.estimate(job)
        if estimate.needed <= vram * GIB:
            return Fit(change, job.spared, estimate)
        best = estimate if best is None or estimate.needed < best.needed else best
    assert best is not None, "there is always a way to try"
    raise MemoryBudgetError(vram, best.needed / GIB, str(best), _advice(settings.record(asked)))


def job_of(config: Tuning, device: Device, spared: tuple[str, ...]) -> Job:
    """The settings as the estimate wants them. Without `train`: words, with a rank adapters too."""
    values = settings.record(config)
    prior = values.get("prior", "none")
    together = prior != "none" and not values.get("prior_apart", False)
    return Job(
        train=values.get("train", "lora" if "rank" in values else "words"),
        train_text=bool(values.get("train_text", False)),
        rows=config.batch * (2 if together else 1),
        checkpointing=config.checkpointing,
        rank=values.get("rank", 1),
        targets=values.get("targets", "attn"),
        ema=config.ema > 0,
        teacher=prior == "teacher",
        precision=config.precision,
        autocast=device.dtype == torch.bfloat16,
        spared=spared,
    )


def spare(config: Tuning) -> tuple[str, ...]:
    """The networks that can wait in main memory: what learns, and what gradients go through, cannot."""
    values = settings.record(config)
    if values.get("train", "words") == "words" or values["train_text"]:
        return ("vae",)
    return ("vae", "text") if values["train"] == "full" else ("vae", "text", "unet")


def _ways(config: Tuning, device: Device, given: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Changes to try, from the fastest to the slowest, of what was not given."""
    divides = config.batch > 1 and not {"batch", "accumulation"} & given.keys()
    single = {"batch": 1, "accumulation": config.samples} if divides else {}
    first = _free({"precision": "bfloat16"} if device.dtype == torch.bfloat16 else {}, given)
    again, apart = _free({"checkpointing": True}, given), _free({"prior_apart": True}, given)
    ways = [first, first | single, first | again, first | single | again]
    if settings.record(config).get("prior", "none") != "none":
        ways += [first | single | again | apart]
    return [way for index, way in enumerate(ways) if way not in ways[:index]]


def _free(change: dict[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in change.items() if name not in given}


def _advice(values: Mapping[str, Any]) -> str:
    if values.get("train") == "full":
        return "Teach adapters instead (--train lora), or take a larger device."
    if values.get("train_text"):
        return "Leave the text encoder as it is (--no-train-text), or take a larger device."
    return "Take a smaller base model, or a larger device."
