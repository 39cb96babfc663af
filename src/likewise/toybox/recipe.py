"""The recipe's settings: how large the embedded models are, and how long each stage learns."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

Stage = Literal["pictures", "tokenizer", "towers", "autoencoder", "unet", "vq", "magvlt", "publish"]
STAGES: tuple[Stage, ...] = ("pictures", "tokenizer", "towers", "autoencoder", "unet", "vq", "magvlt", "publish")
CONCEPTS = 64  # as many as the embedded models know


class Recipe(BaseModel):
    """Everything that shapes the embedded models; frozen, and an unknown name is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    concepts: int = Field(
        CONCEPTS, ge=60, description="How many things the world holds, the best known of each category."
    )
    pictures: int = Field(12_000, ge=1000, description="Pictures drawn for training.")
    seed: int = Field(0, description="Seed of the world and of every stage.")
    start: Literal["scratch", "embedded"] = Field(
        "scratch", description="Where the U-Net, the decoder and the towers begin: nothing, or the embedded weights."
    )
    text_length: int = Field(48, ge=16, le=77, description="Tokens that a prompt may take, its two ends included.")
    text_width: int = Field(192, ge=48, multiple_of=48, description="Width of the text tower, a multiple of 48.")
    text_layers: int = Field(4, ge=1, description="Layers of the text tower.")
    image_widths: tuple[Annotated[int, Field(ge=8, multiple_of=8)], ...] = Field(
        (32, 64, 128), max_length=4, description="Widths of the image tower's levels, multiples of 8."
    )
    tower_steps: int = Field(450, ge=1, description="Optimiser steps of the towers.")
    tower_batch: int = Field(96, ge=2, description="Pairs a step of the towers.")
    tower_lr: float = Field(1.5e-3, gt=0, description="Highest learning rate of the towers.")
    channels: int = Field(24, ge=4, le=64, description="Latent channels: principal components kept of an 8 px patch.")
    taught: int = Field(1000, ge=64, description="Pictures whose features the pretrained decoder gives the front.")
    front_steps: int = Field(1500, ge=1, description="Optimiser steps of the decoder's front.")
    decoder_steps: int = Field(3000, ge=1, description="Optimiser steps of the whole decoder.")
    widths: tuple[Annotated[int, Field(ge=32, multiple_of=32)], ...] = Field(
        (64, 128, 256), max_length=4, description="Widths of the U-Net's levels, multiples of 32."
    )
    unet_steps: int = Field(5000, ge=1, description="Optimiser steps of the U-Net.")
    unet_batch: int = Field(48, ge=1, description="Pictures a step of the U-Net.")
    unet_lr: float = Field(1e-3, gt=0, description="Highest learning rate of the U-Net.")
    gamma: float = Field(0.0, ge=0, description="Min-SNR gamma of the U-Net's loss; 0 weighs all timesteps alike.")
    emphasis: float = Field(
        2.0, ge=1, description="How much more of the U-Net's timesteps are noisy ones; 1 draws all alike."
    )
    focus: float = Field(3.0, ge=0, description="How much more the U-Net's loss counts where a cell shows the subject.")
    ema: float = Field(0.985, ge=0, lt=1, description="Decay of the U-Net's shipped weight average.")
    vq_codes: int = Field(2048, ge=2, description="Entries of the image codebook; a picture is 8 x 8 of them.")
    vq_steps: int = Field(3700, ge=1, description="Optimiser steps of the image tokens.")
    vq_batch: int = Field(24, ge=1, description="Pictures a step of the image tokens.")
    magvlt_words: int = Field(32, ge=4, description="Text slots of the masked transformer, the end mark included.")
    magvlt_width: int = Field(192, ge=64, multiple_of=64, description="Width of the masked transformer.")
    magvlt_layers: int = Field(6, ge=1, description="Blocks of the masked transformer.")
    magvlt_steps: int = Field(4300, ge=1, description="Optimiser steps of the masked transformer.")
    magvlt_batch: int = Field(48, ge=2, description="Pairs a step of the masked transformer.")
    magvlt_lr: float = Field(2e-3, gt=0, description="Highest learning rate of the masked transformer.")
    magvlt_ema: float = Field(0.99, ge=0, lt=1, description="Decay of the masked transformer's shipped average.")
    magvlt_unroll: Literal["off", "fresh", "subset"] = Field("off", description="UnrollMask of the transformer.")
    magvlt_mixsel: float = Field(0.0, ge=0, le=1, description="Share of its steps with a MixSel pass.")
    minutes: float = Field(
        0.0, ge=0, description="Minutes that the stages vq and magvlt may take now; the rest another time. 0: no limit."
    )

    @field_validator("image_widths", "widths")
    @classmethod
    def _has_a_level(cls, widths: tuple[int, ...]) -> tuple[int, ...]:
        if not widths:
            raise ValueError("should name at least one width")
        return widths
