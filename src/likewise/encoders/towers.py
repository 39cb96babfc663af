"""Two towers that meet in one space: a small convolutional image tower and the pipeline's own CLIP text tower."""

from typing import cast

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn
from transformers.models.clip.configuration_clip import CLIPTextConfig
from transformers.models.clip.modeling_clip import CLIPTextModel

from likewise.encoders.image_tower import ImageTower as ImageTower

LOGIT_SCALE_MAX = 100.0  # as in CLIP, so that the temperature cannot run away


def text_tower(vocabulary: int, length: int, width: int = 192, layers: int = 4) -> CLIPTextModel:
    """An untrained CLIPTextModel; the last three ids of the vocabulary's end are begin, end and padding."""
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=vocabulary,
            hidden_size=width,
            intermediate_size=width * 4,
            num_hidden_layers=layers,
            num_attention_heads=width // 48,
            max_position_embeddings=length,
            projection_dim=width,
            bos_token_id=vocabulary - 2,
            eos_token_id=vocabulary - 1,
            pad_token_id=vocabulary - 1,
        )
    )


class Towers(nn.Module):
    """Image tower, text tower, their projections and the temperature."""

    def __init__(self, image: ImageTower, text: CLIPTextModel, dim: int = 128) -> None:
        super().__init__()
        self.image, self.text = image, text
        self.image_projection = nn.Linear(image.head.out_features, dim, bias=False)
        self.text_projection = nn.Linear(text.config.hidden_size, dim, bias=False)
        self.log_scale = nn.Parameter(torch.tensor(2.66))  # temperature 0.07

    @property
    def scale(self) -> Tensor:
        """Inverse temperature, at most 100."""
        return self.log_scale.exp().clamp(max=LOGIT_SCALE_MAX)

    def embed_images(self, images: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch dim"]:
        """Unit rows of pictures in [0, 1], any size."""
        return F.normalize(self.image_projection(self.image(images)), dim=1)

    def embed_texts(self, ids: Int[Tensor, "batch length"]) -> Float[Tensor, "batch dim"]:
        """Unit rows of token ids, ends and padding included; read at the first end mark, as CLIP does."""
        hidden = self.text(input_ids=ids).last_hidden_state
        end = (ids == cast(int, self.text.config.eos_token_id)).int().argmax(dim=1)
        return F.normalize(self.text_projection(hidden[torch.arange(len(ids)), end]), dim=1)
