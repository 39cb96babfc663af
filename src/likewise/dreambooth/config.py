"""Everything that DreamBooth lets you choose, with its unit, and defaults that fit the base model."""

from collections.abc import Mapping
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from likewise.errors import SettingError
from likewise.tuning.config import Defaults, Needs, Tuning

Train = Literal["lora", "full"]

CALLED = {"places": True, "class_places": True, "caption_dropout": 0.15}
TOYBOX = {"text_lr": 1e-4, "batch": 4, "class_images": 48, **CALLED}
# Per family and trained part; Stable Diffusion's rows are section 3 of the specification, Toybox's are measured.
DEFAULTS: Defaults = {
    ("toybox", "lora"): {**TOYBOX, "lr": 1e-3, "steps": 600, "rank": 32, "alpha": 32.0, "targets": "attn+mlp+conv"},
    ("toybox", "full"): {**TOYBOX, "lr": 3e-4, "steps": 200},
    ("sd1", "lora"): {"lr": 1e-4, "text_lr": 5e-6, "steps": 800, "batch": 1},
    ("sd1", "full"): {"lr": 2e-6, "text_lr": 2e-6, "steps": 800, "batch": 2},
    ("sdxl", "lora"): {"lr": 1e-4, "text_lr": 5e-6, "steps": 1000, "batch": 1},
    ("sdxl", "full"): {"lr": 1e-6, "text_lr": 1e-6, "steps": 1000, "batch": 1},
}
# train_dreambooth.py and train_dreambooth_lora.py, with the rates of their README; one rate for all that learns.
STOCK = {"prior": "images", "lr_schedule": "constant", "weight_decay": 1e-2, "clip_norm": 1.0}
PARITY = {
    "full": {**STOCK, "lr": 5e-6, "text_lr": 5e-6},
    "lora": {**STOCK, "lr": 1e-4, "text_lr": 1e-4, "rank": 4, "alpha": 4.0, "start": "gaussian"},
}
# Settings that do nothing unless another one has a certain value.
NEEDS: Needs = {
    **Tuning.NEEDS,
    "rank": ("train", ("lora",)),
    "alpha": ("train", ("lora",)),
    "targets": ("train", ("lora",)),
    "start": ("train", ("lora",)),
    "text_lr": ("train_text", (True,)),
    "prior_weight": ("prior", ("images", "teacher")),
    "prior_apart": ("prior", ("images", "teacher")),
    "class_images": ("prior", ("images",)),
    "class_steps": ("prior", ("images",)),
    "class_guidance": ("prior", ("images",)),
    "class_seed": ("prior", ("images",)),
    "class_places": ("prior", ("images",)),
}


class Config(Tuning):
    """The settings of one DreamBooth run; frozen, and an unknown name is refused."""

    DEFAULTS: ClassVar[Defaults] = DEFAULTS
    NEEDS: ClassVar[Needs] = NEEDS
    PARITY: ClassVar[Mapping[str, Mapping[str, object]]] = PARITY

    train: Train = Field("lora", description="What learns: small adapters beside the U-Net, or all of its weights.")
    rank: int = Field(16, ge=1, le=1024, description="Width of each LoRA adapter.")
    alpha: float = Field(16.0, gt=0, description="LoRA scale: adapters count alpha / rank times.")
    targets: Literal["attn", "attn+mlp", "attn+mlp+conv"] = Field(
        "attn", description="Layers with adapters: attention, its feed-forward layers too, or convolutions as well."
    )
    start: Literal["kaiming", "gaussian"] = Field(
        "kaiming", description="Start of the adapters' lower half: uniform as in peft, or normal as in diffusers."
    )
    train_text: bool = Field(False, description="Train the text encoder as well.")
    batch: int = Field(1, ge=1, description="Photos a forward pass; as many class images join them.")
    lr: float = Field(1e-4, gt=0, description="AdamW learning rate of the U-Net, a step.")
    text_lr: float = Field(5e-6, gt=0, description="AdamW learning rate of the text encoder, a step.")
    prior: Literal["images", "teacher", "none"] = Field(
        "images",
        description="What keeps the noun's meaning: pictures of it by the base model, the base model's own answers on "
        "your photos (no pictures needed), or nothing.",
    )
    prior_weight: float = Field(1.0, gt=0, description="Weight of the prior's loss against the photos' loss.")
    prior_apart: bool = Field(
        False, description="Send photos and prior through the U-Net one after the other: half the activations."
    )
    class_images: int = Field(100, ge=1, description="Class images to make, at most as many as the run can see.")
    class_steps: int = Field(20, ge=1, description="Denoising steps a class image.")
    class_guidance: float = Field(5.0, ge=1, description="Classifier-free guidance of class images; 1 is none.")
    class_seed: int = Field(0, ge=0, description="Seed of the class images, shared between runs so that they are too.")
    identifier: str | None = Field(
        None, pattern="^[a-z0-9]{1,20}$", description="The rare word before the noun; without one, it is chosen."
    )
    instance_prompt: str = Field("a {identifier} {noun}", description="Caption of a photo that has none of its own.")
    class_prompt: str = Field("a {noun}", description="Prompt of the class images.")
    class_places: bool = Field(
        False,
        description="Every other class image in one of the 26 places of Toybox's world, such as 'a dog on the beach', "
        "so that the places of prompts are kept as well as the noun.",
    )
    places: bool = Field(
        False,
        description="Where no photo has a caption, say in each one's prompt where it was taken, if the Toybox towers "
        "are sure of it, so that the word is not bound to the background.",
    )
    caption_dropout: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="Share of samples that call their photo by the instance prompt, not by its caption.",
    )

    @model_validator(mode="after")
    def _names_the_subject(self) -> Self:
        for name, words in {"instance_prompt": ("{identifier}", "{noun}"), "class_prompt": ("{noun}",)}.items():
            for word in words:
                if word not in getattr(self, name):
                    raise ValueError(f"{name} must contain {word}")
        if "{identifier}" in self.class_prompt:
            raise ValueError("class_prompt must not contain {identifier}: it would bind the noun to the subject")
        for name in ("instance_prompt", "class_prompt"):
            rest = getattr(self, name).replace("{identifier}", "").replace("{noun}", "")
            if set("{}<>") & set(rest):
                raise ValueError(
                    f"{name} must contain no braces but those of {{identifier}} and {{noun}}, and no < or >"
                )
        return self

    @model_validator(mode="after")
    def _equals_what_is_right_there(self) -> Self:
        if self.parity and self.snr_gamma and self.prior != "none":
            raise ValueError(
                "parity: with snr_gamma and a prior, diffusers' scripts weigh rows by other rows' timesteps"
            )
        if self.parity and self.prior == "teacher":
            raise ValueError("parity: diffusers' scripts have no teacher as prior")
        return self

    @classmethod
    def trained_part(cls, options: Mapping[str, object]) -> str:
        """ "lora" or "full"."""
        return str(options.get("train", "lora"))

    @classmethod
    def for_family(cls, family: str, options: Mapping[str, object]) -> Self:
        """As for_backbone, by the family's name and without warnings. A rank without an alpha brings alpha = rank;
        with parity, a rate is the text encoder's too, and SettingError for SDXL with a prior, which is broken there."""
        follows = {"alpha": options["rank"]} if "rank" in options else {}
        follows |= {"text_lr": options["lr"]} if options.get("parity") and "lr" in options else {}
        config = super().for_family(family, {**follows, **options})
        if config.parity and family == "sdxl" and config.prior != "none":
            raise SettingError("parity", config.parity, "diffusers' SDXL script mixes up photos and class images")
        return config

    @property
    def class_count(self) -> int:
        """Class images worth making: no more than the run can see."""
        return min(self.class_images, self.steps * self.samples) if self.prior == "images" else 0
