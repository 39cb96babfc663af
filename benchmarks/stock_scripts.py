"""diffusers' example scripts, run as they are: loaded from a checkout, given flags, listened to.

Nothing of a script is changed. What it calls is replaced for the length of a run where a comparison needs it: the place
its batches come from, its random numbers, where its adapters start, and what it logs to.
"""

import importlib.util
import logging
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest import mock

import torch

NAMES = {
    "full": "dreambooth/train_dreambooth.py",
    "lora": "dreambooth/train_dreambooth_lora.py",
    "word": "textual_inversion/textual_inversion.py",
}


class Enough(Exception):
    """Raised out of a script's own log call once it has made as many steps as are wanted."""


@dataclass
class Heard:
    """What a script logged: the loss of each step, and the process's CPU and wall seconds just after it."""

    wanted: int
    losses: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)

    def log(self, values: dict[str, Any], **_: Any) -> None:
        """Stands for Accelerator.log."""
        self.losses.append(values["loss"])
        self.cpu.append(time.process_time())
        self.wall.append(time.perf_counter())
        if len(self.losses) == self.wanted:
            raise Enough


def load(folder: Path, train: str) -> ModuleType:
    """The script as a module. folder: `examples` of a diffusers checkout; train: a key of NAMES."""
    _torchvision()
    path = folder / NAMES[train]
    if not path.is_file():
        raise SystemExit(f"{path} is missing: --scripts must name the folder `examples` of a diffusers checkout")
    spec = importlib.util.spec_from_file_location(f"stock_{path.stem}", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(script: ModuleType, flags: Sequence[object], steps: int) -> Heard:
    """Run a script's main with these flags, without trackers, until it has logged `steps` losses."""
    heard = Heard(steps)
    with ExitStack() as stack:
        stack.enter_context(mock.patch.object(sys, "argv", [script.__name__, *map(str, flags)]))
        args = script.parse_args()
        args.report_to = None
        script.args = args  # the LoRA script's data set reads the global that its last lines make
        stack.enter_context(_quiet(script))
        stack.enter_context(mock.patch.object(script, "parse_args", lambda *_: args))
        stack.enter_context(mock.patch("accelerate.Accelerator.log", lambda _, *more, **how: heard.log(*more, **how)))
        stack.enter_context(mock.patch("accelerate.Accelerator.init_trackers", lambda *_, **__: None))
        stack.enter_context(suppress(Enough))
        script.main() if script.main.__code__.co_argcount == 0 else script.main(args)
    return heard


@contextmanager
def fed(script: ModuleType, batches: Sequence[Any], starts: dict[str, torch.Tensor]) -> Iterator[None]:
    """Inside, the script sees these batches: their latents, noise, timesteps and prompts, and adapters start alike.

    batches: of likewise.tuning.samples; starts: adapters by the names of a LoRA file.
    """
    feed = _Feed(script, batches)
    loader = torch.utils.data.DataLoader

    class Loader(loader):
        def __init__(self, dataset: Any, **_: Any) -> None:
            super().__init__(feed.rows(dataset.tokenizer), batch_size=1, collate_fn=lambda rows: rows[0])

    with ExitStack() as stack:
        for target, name, value in (
            (torch.utils.data, "DataLoader", Loader),
            (torch, "randn_like", lambda *_, **__: feed.now.noise),
            (torch, "randint", lambda *_, **__: feed.now.t),
            (script.AutoencoderKL, "encode", lambda vae, pixels: feed.encode(vae)),
        ):
            stack.enter_context(mock.patch.object(target, name, value))
        for kind in ("diffusers.UNet2DConditionModel", "transformers.CLIPTextModel"):
            component = "unet" if "UNet" in kind else "text_encoder"
            stack.enter_context(mock.patch(f"{kind}.add_adapter", _started(kind, component, starts)))
        yield


@contextmanager
def any_autoencoder(script: ModuleType) -> Iterator[None]:
    """Inside, the script also takes an AutoencoderTiny, whose latents have no spread; it knows AutoencoderKL alone."""
    from diffusers import AutoencoderKL, AutoencoderTiny

    def opened(folder: Any, **how: Any) -> Any:
        config = AutoencoderKL.load_config(folder, subfolder="vae")
        if config["_class_name"] != "AutoencoderTiny":
            return AutoencoderKL.from_pretrained(folder, **how)
        found = AutoencoderTiny.from_pretrained(folder, subfolder="vae")
        encode = found.encode
        found.encode = lambda pixels: SimpleNamespace(latent_dist=_Fixed(encode(pixels).latents))
        return found

    with mock.patch.object(script, "AutoencoderKL", SimpleNamespace(from_pretrained=opened)):
        yield


@dataclass(frozen=True)
class _Fixed:
    """A latent distribution of one value."""

    latents: torch.Tensor

    def sample(self) -> torch.Tensor:
        return self.latents


class _Feed:
    """Batches one after the other: latents when the script encodes, and what belongs to them afterwards."""

    def __init__(self, script: ModuleType, batches: Sequence[Any]) -> None:
        self.script, self.batches, self.now = script, batches, batches[0]
        self._left = iter(batches)

    def rows(self, tokenizer: Any) -> list[dict[str, torch.Tensor]]:
        """What the script's own loader would give: ids by the script's tokenizer, pixels that stand for nothing."""
        how = {"truncation": True, "padding": "max_length", "max_length": tokenizer.model_max_length}
        found = []
        for batch in self.batches:
            told = tokenizer(list(batch.prompts), return_tensors="pt", **how)
            pixels = torch.zeros(len(batch.prompts), 3, 8, 8)
            found.append({"input_ids": told.input_ids, "attention_mask": told.attention_mask, "pixel_values": pixels})
        return found

    def encode(self, vae: Any) -> Any:
        """The next batch's latents, in the autoencoder's own scale."""
        self.now = next(self._left)
        raw = self.now.latents / vae.config.scaling_factor
        return SimpleNamespace(latent_dist=SimpleNamespace(sample=lambda: raw))


def _started(kind: str, component: str, starts: dict[str, torch.Tensor]) -> Callable[..., None]:
    """add_adapter, after which `lora_A` holds our start."""
    place, _, name = kind.rpartition(".")
    original = getattr(importlib.import_module(place), name).add_adapter

    def add_adapter(model: Any, *args: Any, **how: Any) -> None:
        original(model, *args, **how)
        given = {_path(key): value for key, value in starts.items() if key.startswith(f"{component}.")}
        given = {path: value for path, value in given.items() if not path.endswith(".up.weight")}
        for key, parameter in model.named_parameters():
            if ".lora_A." in key:
                parameter.data.copy_(given.pop(key.partition(".lora_A.")[0].removeprefix("text_model.")))
        assert not given, f"the script has no adapters at {sorted(given)}"

    return add_adapter


def _path(key: str) -> str:
    layer = key.partition(".")[2].removesuffix(".down.weight").removesuffix(".lora").removesuffix(".lora_linear_layer")
    return layer.removeprefix("text_model.")


@contextmanager
def _quiet(script: ModuleType) -> Iterator[None]:
    """The scripts raise all verbosities; their bars and reports would bury the figures."""
    logging.disable(logging.WARNING)
    try:
        with mock.patch.object(script, "tqdm", partial(script.tqdm, disable=True)):
            yield
    finally:
        logging.disable(logging.NOTSET)


def _torchvision() -> None:
    """Where torchvision is not installed: the six transforms that the scripts use, by the PIL calls it makes."""
    if "torchvision" not in sys.modules and importlib.util.find_spec("torchvision") is None:
        import stand_in_transforms

        sys.modules["torchvision"] = ModuleType("torchvision")
        sys.modules["torchvision"].transforms = stand_in_transforms  # type: ignore[attr-defined]
        sys.modules["torchvision.transforms"] = stand_in_transforms
