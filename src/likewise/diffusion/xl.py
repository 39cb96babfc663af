"""Stable Diffusion XL as a Backbone: two text towers, a pooled prompt, and picture sizes as conditions.

Podell et al., arXiv:2307.01952: the network is told how large the original of a training picture was and where it was
cropped, so that small or cropped originals do not teach it blur and cut-off heads.
"""

from collections.abc import Sequence
from typing import cast, final

import torch
from jaxtyping import Float, Num
from torch import Tensor

from likewise.diffusion import text as towers
from likewise.diffusion.backbone import Pooling, Text, Words, join
from likewise.diffusion.folder import Folder
from likewise.diffusion.pipeline import PipelineModel


@final
class StableDiffusionXL(PipelineModel):
    """One U-Net, one autoencoder, two CLIP text towers, the second with a projection."""

    def __init__(self, folder: Folder, name: str, dtype: torch.dtype = torch.float32) -> None:
        """See PipelineModel."""
        super().__init__(folder, name, dtype)
        self._empty_is_zero = bool(folder.index.get("force_zeros_for_empty_prompt", True))  # diffusers' default

    def encode_text(self, prompts: Sequence[str], words: Words | None = None, *, pooling: Pooling = "argmax") -> Text:
        """embeds (B, L, D1 + D2), pooled (B, P); `<x>` reads its pair in words["<x>"], (K, D1) and (K, D2).

        The empty prompt is all zeros where model_index.json says force_zeros_for_empty_prompt, as SDXL base does: so
        stock diffusers draws without a negative prompt.
        """
        own, length = towers.vectors(words, self.text_encoders), self.facts.text_length
        with self.seat.using("text"):
            encoded = towers.encode_pair(self.text_encoders, self.tokenizers, prompts, own, length, pooling)
        if not self._empty_is_zero or "" not in prompts:
            return encoded
        rows = [encoded[[row]] for row in range(len(prompts))]
        return join([_zero(row) if prompt == "" else row for row, prompt in zip(rows, prompts, strict=True)])

    def predict(self, noisy: Float[Tensor, "batch channels h w"], t: Num[Tensor, " batch"], text: Text) -> Tensor:
        """The U-Net's output (B, C, h, w) at timesteps t; without text.sizes, for a whole picture of this size."""
        assert text.pooled is not None, "SDXL's prompts are encoded by SDXL's towers"
        dtype = cast(torch.dtype, self.unet.dtype)
        sizes = self._sizes(noisy) if text.sizes is None else text.sizes  # float32: bfloat16 cannot say 1365
        output = self.unet(
            noisy.to(dtype),
            t,
            encoder_hidden_states=text.embeds.to(dtype),
            added_cond_kwargs={"text_embeds": text.pooled.to(dtype), "time_ids": sizes.to(noisy.device)},
            return_dict=False,
        )[0]
        return output.float()

    def _sizes(self, noisy: Tensor) -> Tensor:
        height, width = (side * self.facts.latent_downscale for side in noisy.shape[-2:])
        return torch.tensor([[height, width, 0, 0, height, width]], dtype=torch.float32).repeat(len(noisy), 1)


def _zero(text: Text) -> Text:
    assert text.pooled is not None
    return Text(torch.zeros_like(text.embeds), torch.zeros_like(text.pooled))
