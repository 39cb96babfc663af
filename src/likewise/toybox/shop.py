"""A world folder with its recipe and device: the modules of every stage, untrained or as far as they have come."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar, cast

import torch
from diffusers.models.autoencoders.autoencoder_tiny import AutoencoderTiny
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from torch import Tensor, nn

from likewise import checkpoint, training
from likewise.devices import Device
from likewise.encoders.towers import ImageTower, Towers, text_tower
from likewise.errors import StageMismatchError, StageOrderError
from likewise.records import differences
from likewise.seeds import initialising
from likewise.toybox import autoencoder, embedded, pictures, unet
from likewise.toybox.recipe import Recipe
from likewise.toybox.world import World

HELD = 500  # the last pictures are never trained on
_TEXT = ("text_length", "text_width", "text_layers")
# what a training must share with the one that it goes on from; its number of steps may grow
SETTINGS: dict[str, tuple[str, ...]] = {
    "towers": (*_TEXT, "image_widths", "tower_batch", "tower_lr"),
    "front": ("channels", "taught"),
    "decoder": ("channels",),
    "unet": (*_TEXT, "channels", "widths", "unet_batch", "unet_lr", "gamma", "emphasis", "focus", "ema"),
    "vq": ("channels", "vq_codes", "vq_batch"),
    "magvlt": (
        "vq_codes", "magvlt_words", "magvlt_width", "magvlt_layers", "magvlt_batch", "magvlt_lr", "magvlt_ema",
        "magvlt_unroll", "magvlt_mixsel",
    ),
}  # fmt: skip
SHARED = ("concepts", "pictures", "seed", "start")
Movable = TypeVar("Movable", bound=Tensor | nn.Module)


@dataclass(frozen=True)
class Shop:
    """Where the embedded models are made. `taef2` is the folder of the pretrained autoencoder, if there is one."""

    folder: Path
    world: World
    recipe: Recipe
    device: Device
    taef2: Path | None = None
    quiet: bool = False

    @cached_property
    def pictures(self) -> pictures.Pictures:
        """The pictures drawn so far."""
        found = pictures.read(self.folder / "pictures", self.recipe.pictures)
        if len(found) <= HELD:
            raise StageOrderError("pictures")
        return found

    @cached_property
    def tokenizer(self):
        """What the stage 'tokenizer' wrote."""
        from transformers.models.clip.tokenization_clip import CLIPTokenizer

        if not (self.folder / "tokenizer").is_dir():
            raise StageOrderError("tokenizer")
        return CLIPTokenizer.from_pretrained(self.folder / "tokenizer", local_files_only=True)

    @cached_property
    def ids(self) -> Tensor:
        """Token ids (N, L) of all captions, ends and padding included."""
        return self._ids(self.pictures.captions)

    @cached_property
    def empty(self) -> Tensor:
        """Token ids (1, L) of the empty prompt."""
        return self._ids([""])

    def _ids(self, texts: list[str]) -> Tensor:
        batch = self.tokenizer(texts, padding="max_length", max_length=self.recipe.text_length)
        return torch.tensor(batch["input_ids"])

    @property
    def trained_on(self) -> int:
        """How many pictures are trained on."""
        return len(self.pictures) - HELD

    @cached_property
    def spread(self) -> float:
        """Standard deviation of the encoder's latents over the first pictures: the inverse of scaling_factor."""
        with torch.no_grad():
            return self.vae().encoder(self.pictures.images(slice(0, 512)) * 2 - 1).std().item()

    def on(self, thing: Movable) -> Movable:
        """A tensor or module on the device."""
        return cast(Movable, thing.to(self.device.kind))

    def drive(self, stage: str, steps: Iterator[training.Step], total: int, save_every: int) -> None:
        """Run one stage's generator to its end, inside its own run folder."""
        if self.steps(stage) < total:
            how = {"save_every": save_every, "keep": 1, "quiet": self.quiet, "config": self.settings(stage)}
            training.run(steps, folder=self.run_folder(stage), total=total, **how)

    def run_folder(self, stage: str) -> Path:
        """Where a stage trains."""
        return self.folder / "learn" / stage

    def steps(self, stage: str) -> int:
        """How many steps of a stage are saved."""
        newest = checkpoint.latest(self.run_folder(stage) / "checkpoints")
        return int(newest.name) if newest else 0

    def state(self, stage: str) -> training.State | None:
        """Where a stage stopped, or None where it has not begun."""
        folder = self.run_folder(stage)
        return training.resume_state(folder) if folder.is_dir() else None

    def check(self) -> None:
        """Raise StageMismatchError if a stage was begun with settings that this recipe has otherwise."""
        for stage in SETTINGS:
            newest = checkpoint.latest(self.run_folder(stage) / "checkpoints")
            begun = checkpoint.read_json(newest / "state.json")["config"] if newest else None
            changed = differences(begun, self.settings(stage)) if begun else []
            if changed:
                raise StageMismatchError(stage, self.run_folder(stage), changed)

    def settings(self, stage: str) -> dict[str, Any]:
        """What a stage must share with the training that it goes on from."""
        chosen = self.recipe.model_dump(mode="json", include={*SHARED, *SETTINGS[stage]})
        return chosen | {"photos": len(self.world.photos or ())}

    @property
    def encoder(self) -> Path:
        """Where the fitted encoder is kept."""
        return self.folder / "learn" / "encoder.safetensors"

    def towers(self, trained: bool = True) -> Towers:
        """The towers; with `trained`, as the stage 'towers' left them."""
        recipe = self.recipe
        with initialising(recipe.seed, "towers"):
            image = ImageTower(recipe.image_widths, 1, recipe.text_width)
            text = text_tower(len(self.tokenizer), recipe.text_length, recipe.text_width, recipe.text_layers)
            made = Towers(image, text)
        if trained:
            made.load_state_dict(self.weights("towers"))
        elif recipe.start == "embedded":
            embedded.fill_towers(made)
        return made.eval() if trained else made

    def vae(self, trained: bool = True) -> AutoencoderTiny:
        """The autoencoder; with `trained`, as the stage 'autoencoder' left it."""
        with initialising(self.recipe.seed, "autoencoder"):
            made = autoencoder.build(self.recipe.channels)
        if trained:
            made.decoder.load_state_dict(self.weights("decoder"))
            made.encoder.load_state_dict(checkpoint.read_tensors(self.encoder)[0])
        elif self.recipe.start == "embedded":
            embedded.fill_autoencoder(made)
        return made.requires_grad_(not trained)

    def unet(self, trained: bool = True) -> UNet2DConditionModel:
        """The U-Net; with `trained`, the average that the stage 'unet' left."""
        with initialising(self.recipe.seed, "unet"):
            made = unet.build(self.recipe.channels, self.recipe.text_width, self.recipe.widths)
        if trained:
            made.load_state_dict(self.weights("unet", "average/"))
        elif self.recipe.start == "embedded":
            embedded.fill_unet(made)
        return made

    def weights(self, stage: str, prefix: str = "weight/") -> dict[str, Tensor]:
        """The tensors that a stage left, by name; StageOrderError where it has left none."""
        state = self.state(stage)
        if state is None:
            raise StageOrderError({"decoder": "autoencoder"}.get(stage, stage))
        return {key.removeprefix(prefix): v.clone() for key, v in state.tensors.items() if key.startswith(prefix)}
