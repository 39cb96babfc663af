"""Stable Diffusion 1.x and 2.x, and Toybox, which has the same parts, as a Backbone."""

from collections.abc import Sequence
from typing import cast, final

import torch
from jaxtyping import Float, Num
from torch import Tensor

from likewise.diffusion import text
from likewise.diffusion.backbone import Pooling, Text, Words
from likewise.diffusion.pipeline import PipelineModel


@final
class StableDiffusion(PipelineModel):
    """One U-Net, one autoencoder, one CLIP text tower."""

    def encode_text(self, prompts: Sequence[str], words: Words | None = None, *, pooling: Pooling = "argmax") -> Text:
        """Last hidden states (B, L, D) of the text tower; `<x>` reads words["<x>"], (K, D). Nothing is pooled."""
        own = text.vectors(words, self.text_encoders)[0]
        with self.seat.using("text"):
            return text.encode(self.text_encoders[0], self.tokenizers[0], prompts, own, self.facts.text_length)

    def predict(self, noisy: Float[Tensor, "batch channels h w"], t: Num[Tensor, " batch"], text: Text) -> Tensor:
        """The U-Net's output (B, C, h, w) at timesteps t."""
        dtype = cast(torch.dtype, self.unet.dtype)
        output = self.unet(noisy.to(dtype), t, encoder_hidden_states=text.embeds.to(dtype), return_dict=False)[0]
        return output.float()
