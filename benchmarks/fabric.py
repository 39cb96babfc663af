"""FABRIC: is it what the authors' generator draws, and what do likes and dislikes cost, in time and memory.

    python benchmarks/fabric.py [--reference DIR] [--model sd15,toybox] [--steps 8] [--repeat 3] [--side 32]

Without --reference ours runs alone. sd15 is a U-Net of Stable Diffusion 1.5's layout (four levels, two layers a block,
16 self-attention layers), narrow, two heads, random weights; toybox is the embedded model. Every generation is
timed in turn with the others, in CPU seconds beside wall seconds, with 3 likes and 3 dislikes. Writes
results/fabric.json; parts that were measured with the same settings before are kept.
"""

import argparse
import copy
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from bookkeeping import RESULTS, folder_or_none, peak_of, spread, write
from PIL import Image
from torch import Tensor

import likewise
from likewise import checkpoint, seeds
from likewise.diffusion import load, sampling, tiny
from likewise.diffusion.backbone import Backbone
from likewise.fabric.config import Config
from likewise.fabric.features import Features
from likewise.fabric.generation import generate
from likewise.fabric.references import Encoded, Reference

PROMPT, GUIDANCE = "a photo of a dog", 5.0
BASE = {"scheduler": "ddim", "guidance": GUIDANCE, "end": 0.8, "strength": 0.8, "full": 0, "newest": 0}
ROOM = 1 << 14  # MiB, more than is needed
Way = tuple[Callable[[], Any], Callable[[Any], Any]]  # what makes ready and is not timed, and what is
LAYOUT = {"sample_size": 64, "block_out_channels": (32, 64, 128, 128), "attention_head_dim": 2, "norm_num_groups": 16}


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--reference", type=Path, help="a checkout of the authors' code, with pipeline_fabric.py in it")
    asked.add_argument("--model", default="sd15,toybox")
    asked.add_argument("--steps", type=int, default=8)
    asked.add_argument("--repeat", type=int, default=3)
    asked.add_argument("--side", type=int, default=32, help="latent cells a side of sd15; 64 in the original")
    asked.add_argument("--parts", default=",".join(PARTS), help="which to measure; those measured before are kept")
    given = asked.parse_args()
    folder = folder_or_none(given.reference, True, "what to compare with") if given.reference else None
    data = before({"steps": given.steps, "repeat": given.repeat, "side": given.side, "with reference": bool(folder)})
    for name in given.model.split(","):
        bench, found = None, data.setdefault(name, {})
        for part in [part for part in given.parts.split(",") if part not in found]:
            bench = bench or Bench(model(name), given, given.side if name == "sd15" else None, folder)
            found[part] = PARTS[part](bench)
            print(write("fabric", data), flush=True)  # after each part: an interrupt loses one at most


def before(settings: dict[str, Any]) -> dict[str, Any]:
    """The figures that were taken with these settings before, or none yet."""
    path = RESULTS / "fabric.json"
    found = checkpoint.read_json(path) if path.exists() else {}
    found = {name: value for name, value in found.items() if name not in ("machine", "versions")}
    return found if settings.items() <= found.items() else settings


def model(name: str) -> Backbone:
    """A backbone; sd15's text tower and autoencoder are tiny, as they have no part in what is measured."""
    if name == "toybox":
        return likewise.load()
    from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel

    with tempfile.TemporaryDirectory() as place:
        backbone = load(tiny.pipeline(Path(place) / "sd1", "sd1"))
    with seeds.initialising(0, "benchmark"):
        width = backbone.facts.text_width
        backbone.unet = UNet2DConditionModel(cross_attention_dim=width, **LAYOUT).requires_grad_(False).eval()
    return backbone


class Bench:
    """One model, and references of random latents, which cost what others cost."""

    def __init__(self, backbone: Backbone, given: argparse.Namespace, side: int | None, folder: Path | None) -> None:
        self.backbone, self.steps, self.repeat = backbone, given.steps, given.repeat
        self.shape = (
            backbone.facts.latent_shape(1)[1:] if side is None else (backbone.facts.latent_channels, side, side)
        )
        with torch.no_grad():
            self.text, self.blank = backbone.encode_text([PROMPT]), backbone.encode_text([""])
        backbone.decode_latents = lambda latents: torch.zeros(len(latents), 3, 8, 8)  # no part of it
        self.reference = None
        if folder is not None:
            from fabric_reference import Reference as Theirs

            self.reference = Theirs(folder, backbone)

    def start(self, batch: int) -> Tensor:
        return torch.cat([seeds.randn((1, *self.shape), seed, "starting noise") for seed in range(batch)])

    def side(self, first: int, count: int) -> list[Encoded]:
        """References numbered from `first`."""
        return [
            Encoded(Reference(Image.new("RGB", (8, 8), (number, 0, 0))), seeds.randn(self.shape, number, "reference"))
            for number in range(first, first + count)
        ]

    def ours(self, batch: int, likes: int, dislikes: int, kept: Features | None = None, **config: Any) -> Tensor:
        """One generation, to its last latents."""
        found = generate(
            self.backbone, self.text, self.blank, noise=self.start(batch), likes=self.side(0, likes),
            dislikes=self.side(100, dislikes), blank=self.blank, rows=2 * batch, features=kept,
            config=Config(**{**BASE, "steps": self.steps, **config}),
        )  # fmt: skip
        return sampling.last(found).latents

    def theirs(self, kind: str, batch: int, likes: int, dislikes: int) -> Callable[[], Tensor]:
        """A generation of "generator" or "pipeline", under the very noise that ours draws."""
        sides = (self.side(0, likes), self.side(100, dislikes))
        noise = [torch.stack([one.noise(0, step) for side in sides for one in side]) for step in range(self.steps)]
        how = {**BASE, "start": self.start(batch), "noise": noise, "steps": self.steps}
        latents = [
            torch.stack([one.latents for one in side]) if side else torch.zeros(0, *self.shape) for side in sides
        ]
        return getattr(self.reference, kind)(PROMPT, *latents, how)

    def equal(self) -> dict[str, float]:
        """Largest difference of last latents from ours, as a part of their largest value."""
        if self.reference is None:
            return {}
        ours, found = self.ours(2, 2, 1), {}
        for kind in ("generator", "pipeline"):
            found[kind] = float((self.theirs(kind, 2, 2, 1)() - ours).abs().max() / ours.abs().max())
        return found | {"generator against pipeline": float(
            (self.theirs("generator", 2, 2, 1)() - self.theirs("pipeline", 2, 2, 1)()).abs().max() / ours.abs().max()
        )}  # fmt: skip

    def cost(self, batch: int, side: int) -> dict[str, Any]:
        """CPU and wall seconds of each way, taken in turn, and their part of plain sampling's, round by round."""
        known, all_known = self.seen(batch, side - 1), self.seen(batch, side)
        ways = {
            "plain": once(lambda: self.ours(batch, 0, 0)),
            "cold, fresh noise": once(lambda: self.ours(batch, side, side)),
            "cold, fixed noise": (
                lambda: Features(ROOM), lambda kept: self.ours(batch, side, side, kept, noise="fixed")
            ),
            "one pair new": (
                lambda: copy.deepcopy(known), lambda kept: self.ours(batch, side, side, kept, noise="fixed")
            ),
            "all known": once(lambda: self.ours(batch, side, side, all_known, noise="fixed")),
            "cold, fresh noise, half the tokens merged": once(lambda: self.ours(batch, side, side, merge=0.5)),
        }  # fmt: skip
        if self.reference is not None:
            ways |= {kind: once(self.theirs(kind, batch, side, side)) for kind in ("generator", "pipeline")}
        return in_turn(ways, self.repeat)

    def seen(self, batch: int, side: int) -> Features:
        """Features after a round with `side` likes and as many dislikes."""
        kept = Features(ROOM)
        self.ours(batch, side, side, kept, noise="fixed")
        return kept

    def growth(self) -> dict[str, Any]:
        """A batch of 4 with ever more references: CPU seconds as a part of plain sampling's, once each."""
        found = {}
        for count in (1, 2, 4, 8):
            kept = self.seen(4, count)
            ways = {
                "plain": once(lambda: self.ours(4, 0, 0)),
                "cold, fresh noise": once(lambda count=count: self.ours(4, count, count)),
                "all known": once(lambda count=count, kept=kept: self.ours(4, count, count, kept, noise="fixed")),
            }
            if self.reference is not None:
                ways["generator"] = once(self.theirs("generator", 4, count, count))
            told = in_turn(ways, 1)
            found[f"{count} + {count}"] = {name: one["of plain"]["median"] for name, one in told.items()}
            found[f"{count} + {count}"]["MiB kept"] = round(kept.bytes / 2**20, 2)
        return found

    def approximate(self) -> dict[str, Any]:
        """What the approximations change: last latents against exact ones, root mean squares, and bytes kept."""
        exact, found = self.ours(2, 3, 3, noise="fixed"), {}
        moved = (exact - self.ours(2, 0, 0)).square().mean().sqrt()  # what references change at all
        for name, config in {
            "exact": {}, "merge 0.25": {"merge": 0.25}, "merge 0.5": {"merge": 0.5},
            "half": {"precision": "half"}, "byte": {"precision": "byte"},
        }.items():  # fmt: skip
            kept = Features(ROOM)
            error = (self.ours(2, 3, 3, kept, noise="fixed", **config) - exact).square().mean().sqrt()
            found[name] = {"of what references change": float(error / moved), "bytes": kept.bytes}
        return found

    def memory(self) -> dict[str, Any]:
        """MiB above the loaded model at most, each in a process of its own, batch 2."""
        found: dict[str, Any] = {}
        for count in (0, 1, 3):
            ways = {"ours": lambda count=count: self.ours(2, count, count)}
            if self.reference is not None and count:
                ways |= {kind: self.theirs(kind, 2, count, count) for kind in ("generator", "pipeline")}
            found[f"{count} + {count}"] = {name: peak_of(way) for name, way in ways.items()}
        return found


def once(run: Callable[[], Any]) -> Way:
    """A way that needs nothing made ready."""
    return (lambda: None), (lambda _ready: run())


def in_turn(ways: dict[str, Way], repeat: int) -> dict[str, Any]:
    """Each way `repeat` times, one after the other, so that a busy machine slows all of them alike."""
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for _ in range(repeat):
        for name, (ready, run) in ways.items():
            made = ready()
            cpu, wall = time.process_time(), time.perf_counter()
            run(made)
            times[name].append((time.process_time() - cpu, time.perf_counter() - wall))
            print(f"{name}: {times[name][-1][0]:.2f} s CPU, {times[name][-1][1]:.2f} s", flush=True)
    return {
        name: {
            "cpu": spread([cpu for cpu, _ in each]),
            "wall": spread([wall for _, wall in each]),
            "of plain": spread([one[0] / plain[0] for one, plain in zip(each, times["plain"], strict=True)]),
        }
        for name, each in times.items()
    }


PARTS: dict[str, Callable[[Bench], Any]] = {
    "equal": Bench.equal,
    "batch 4": lambda bench: bench.cost(4, 3),
    "batch 1": lambda bench: bench.cost(1, 3),
    "approximate": Bench.approximate,
    "memory": Bench.memory,
    "growth": Bench.growth,
}


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", torch.get_num_threads())))
    main()
