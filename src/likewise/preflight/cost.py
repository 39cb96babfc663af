"""What a run will take: seconds from an earlier run's steps, or else from the network's arithmetic; bytes on disk.

The arithmetic: a forward pass of the U-Net takes FORWARD TFLOP (specification section 8, measured on the meta device;
Toybox's counted likewise), a training step of adapters or words about 2.1 times that, of all weights 3 times, and
recomputed activations 1.4 times as much again. SPEED is what a device reaches in practice; such an estimate is good to
a factor of three. One finished run replaces it by its own median seconds a step.
"""

import math
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import torch

from likewise import checkpoint, settings
from likewise.devices import Device
from likewise.diffusion.backbone import Facts
from likewise.errors import BrokenFileError
from likewise.preflight.report import Row
from likewise.records import Events
from likewise.tuning.plan import Plan

FORWARD = {"toybox": (0.00121, 128), "sd1": (0.803, 512), "sd2": (0.81, 512), "sdxl": (6.76, 1024)}  # TFLOP, at pixels
SPEED = {"cuda": 40.0, "mps": 4.0, "cpu": 0.03}  # TFLOP a second; the CPU's is for each thread
PACE = "pace.json"
# the settings that decide how long a step takes, whatever the method
TELLING = ("train", "train_text", "targets", "rank", "vectors", "batch", "accumulation", "prior", "checkpointing")
PREVIEWS, PREVIEW_PICTURES, PREVIEW_STEPS = 5, 4, 12
VERDICT_MODELS, VERDICT_PICTURES, VERDICT_STEPS = 6, 15, 10
FULL = 0.9  # share of the free disk from which it is warned of


@dataclass(frozen=True)
class Cost:
    """Seconds and bytes that a run is expected to take."""

    step: float  # seconds an optimiser step
    measured: bool  # by an earlier run, not estimated
    training: float
    pictures: float  # class images and previews
    verdict: float
    disk: int
    free: int | None  # bytes where the run will lie

    @property
    def seconds(self) -> float:
        """All of it."""
        return self.training + self.pictures + self.verdict

    def rows(self) -> list[Row]:
        """Time, and disk."""
        how = "as an earlier run took" if self.measured else "estimated, within a factor of three"
        parts = [f"{duration(self.training)} of training ({self.step:.2g} s a step, {how})"]
        parts += [f"{duration(self.pictures)} for pictures on the way"] if self.pictures else []
        parts += [f"{duration(self.verdict)} for the verdict"] if self.verdict else []
        full = self.free is not None and self.disk > FULL * self.free
        there = f", of {size(self.free)} free" if self.free is not None else ""
        advice = "Free some, or choose another place with --out" if full else ""
        return [
            Row("time", "ok", f"about {duration(self.seconds)}: {', '.join(parts)}"),
            Row("disk", "warning" if full else "ok", f"about {size(self.disk)}{there}", advice),
        ]


def expect(
    facts: Facts, plan: Plan, device: Device, learned: int, run: Path, cache: Path, *, saves: int, verdict: bool = True
) -> Cost:
    """What a run of this plan will take. learned: parameters that train; saves: checkpoints it will keep."""
    values = settings.record(plan.config)
    step = _remembered(cache, key(plan, device))
    guess = _guessed(facts, values, device)
    measured = step is not None
    step = guess if step is None else step
    forward = _forward(facts) / _speed(device) * (step / guess)  # seconds of one picture's forward pass
    made = min(values["class_images"], values["steps"] * _samples(values)) if values.get("prior") == "images" else 0
    class_passes = made * values.get("class_steps", 0) * 2
    drawn = VERDICT_MODELS * VERDICT_PICTURES * VERDICT_STEPS * 2
    return Cost(
        step=step,
        measured=measured,
        training=step * values["steps"],
        pictures=forward * (class_passes + PREVIEWS * PREVIEW_PICTURES * PREVIEW_STEPS * 2),
        verdict=forward * drawn if verdict else 0.0,
        disk=_disk(facts, values, learned, saves, made),
        free=_free(run),
    )


def key(plan: Plan, device: Device) -> str:
    """What runs of one pace have in common."""
    values = settings.record(plan.config)
    about = [plan.method, plan.base_hash, device.kind, str(device.dtype), torch.get_num_threads()]
    return checkpoint.hash_json([*about, {name: values[name] for name in TELLING if name in values}])[:16]


def remember(run: Path, plan: Plan, device: Device, cache: Path) -> None:
    """Keep the median seconds a step of a run for the next one's estimate."""
    seconds = [event["seconds"] for event in Events(run / "timings.jsonl").read() if event["event"] == "step"]
    if len(seconds) < 3:
        return
    known = _paces(cache)
    checkpoint.write_json(cache / PACE, {**known, key(plan, device): round(median(seconds[1:]), 4)})


def _remembered(cache: Path, name: str) -> float | None:
    value = _paces(cache).get(name)
    return float(value) if isinstance(value, int | float) and value > 0 else None


def _paces(cache: Path) -> dict[str, Any]:
    """The paces kept; a file that cannot be read is none, since all of it can be measured again."""
    if not (cache / PACE).is_file():
        return {}
    try:
        found = checkpoint.read_json(cache / PACE)
    except BrokenFileError:
        return {}
    return found if isinstance(found, dict) else {}


def _guessed(facts: Facts, values: Mapping[str, Any], device: Device) -> float:
    """Seconds an optimiser step, from the arithmetic of the U-Net."""
    learning = 3.0 if values.get("train") == "full" else 2.1
    learning *= 1.4 if values.get("checkpointing") else 1.0
    rows = {"images": 2.0, "teacher": 2.0}.get(str(values.get("prior")), 1.0)
    passes = learning * rows + (1.0 if values.get("prior") == "teacher" else 0.0)
    return _forward(facts) * passes * _samples(values) / _speed(device)


def _forward(facts: Facts) -> float:
    """TFLOP of one picture's forward pass; attention's share is small enough to scale by pixels."""
    flops, pixels = FORWARD.get(facts.family, FORWARD["sd1"])
    return flops * (facts.image_size / pixels) ** 2


def _speed(device: Device) -> float:
    return SPEED[device.kind] * (torch.get_num_threads() if device.kind == "cpu" else 1)


def _samples(values: Mapping[str, Any]) -> int:
    return values["batch"] * values["accumulation"]


def _disk(facts: Facts, values: Mapping[str, Any], learned: int, saves: int, class_images: int) -> int:
    """Bytes: checkpoints hold the weights, AdamW's two moments and the average, in float32; then the concept."""
    saved = 4 * learned * (3 + bool(values.get("ema")))
    picture = 2 * facts.image_size**2  # a PNG
    return saves * saved + 4 * learned + (class_images + 4 * PREVIEWS + 20) * picture


def _free(run: Path) -> int | None:
    """Free bytes where the run will be, or None where the system does not tell."""
    place = run.resolve()
    while not place.exists() and place != place.parent:
        place = place.parent
    try:
        return shutil.disk_usage(place).free
    except OSError:
        return None


def duration(seconds: float) -> str:
    """45 s, 6 min, 2.5 h."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def size(count: float) -> str:
    """12 MB, 3.4 GB."""
    power = min(3, int(math.log(max(count, 1), 1000)))
    return f"{count / 1000**power:.{0 if power < 3 else 1}f} {('B', 'kB', 'MB', 'GB')[power]}"
