"""Two towers that meet in one space: a small convolutional image tower and the pipeline's own CLIP text tower."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn
from transformers.models.clip.configuration_clip import CLIPTextConfig
from transformers.models.clip.modeling_clip import CLIPTextModel

PX = 64  # the image tower reads pictures reduced to this size
LOGIT_SCALE_MAX = 100.0  # as in CLIP, so that the temperature cannot run away


class Residual(nn.Module):
    """Two 3 x 3 convolutions with group norm around a skip."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.GroupNorm(8, width), nn.SiLU(), nn.Conv2d(width, width, 3, padding=1))
        self.second = nn.Sequential(nn.GroupNorm(8, width), nn.SiLU(), nn.Conv2d(width, width, 3, padding=1))
        nn.init.zeros_(self.second[2].weight)

    def forward(self, x: Tensor) -> Tensor:
        """x (B, width, H, W) to the same shape."""
        return x + self.second(self.first(x))


class ImageTower(nn.Module):
    """Pictures (B, 3, 64, 64) in [0, 1] to features (B, D): 4 px patches, then three levels of residual blocks."""

    def __init__(self, widths: Sequence[int] = (48, 96, 192), blocks: int = 2, dim: int = 192) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(3, widths[0], 4, stride=4)]
        for width, following in zip(widths, [*widths[1:], None], strict=True):
            layers += [Residual(width) for _ in range(blocks)]
            if following:
                layers += [nn.Conv2d(width, following, 2, stride=2)]
        self.layers = nn.Sequential(*layers, nn.GroupNorm(8, widths[-1]), nn.SiLU())
        self.head = nn.Linear(widths[-1] * 2, dim)

    def forward(self, images: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch dim"]:
        """Mean and maximum over places: what there is, and what stands out."""
        x = self.layers(F.interpolate(images, size=(PX, PX), mode="area") * 2 - 1)
        return self.head(torch.cat([x.mean((2, 3)), x.amax((2, 3))], dim=1))


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
        end = (ids == self.text.config.eos_token_id).int().argmax(dim=1)
        return F.normalize(self.text_projection(hidden[torch.arange(len(ids)), end]), dim=1)
