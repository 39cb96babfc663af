"""A model of a world of coloured shapes that is known exactly: its denoiser is the best there is, in closed form.

The world is nine pictures, three colours by three shapes. A prompt is a sum of its words' vectors, which weighs the
pictures: w_i ~ exp(key_i . c). Given noise, E[x | z_t, c] follows from Bayes; no training could end in anything better.
A word counts a little differently as the first and as the second of two, as it does for a text tower.
"""

from typing import ClassVar

import torch
from torch import nn

from likewise.diffusion.backbone import Facts, Moments, Text
from likewise.diffusion.schedule import Schedule
from likewise.diffusion.tokens import tokenize

COLOURS = {"red": (1, -1, -1), "green": (-1, 1, -1), "blue": (-1, -1, 1)}
SHAPES = ("disc", "bar", "cross")
SIDE, WIDTH = 8, 12


def picture(colour, shape):
    """(3, 8, 8) in [-1, 1]."""
    y, x = torch.meshgrid(*[torch.arange(SIDE) - 3.5] * 2, indexing="ij")
    masks = {"disc": x**2 + y**2 < 9, "bar": y.abs() < 1.6, "cross": (x - y).abs() < 1.1}
    tint = torch.tensor(COLOURS[colour], dtype=torch.float32).view(3, 1, 1)
    return torch.where(masks[shape] | ((x + y).abs() < 1.1) & (shape == "cross"), tint, torch.zeros(()))


class Checkpointed(nn.Module):
    """What the library asks of every U-Net."""

    def enable_gradient_checkpointing(self):
        raise AssertionError("there is nothing to recompute")

    def disable_gradient_checkpointing(self):
        pass


class Table(nn.Module):
    """A text tower that is a lookup."""

    def __init__(self, rows):
        super().__init__()
        self.table = nn.Embedding.from_pretrained(rows, freeze=True)

    def get_input_embeddings(self):
        return self.table


class Exact:
    """The model, as a Backbone."""

    hash, name, device = "e" * 64, "exact", torch.device("cpu")
    scheduler_config: ClassVar[dict] = {"num_train_timesteps": 1000, "beta_start": 0.00085, "beta_end": 0.012,
                        "beta_schedule": "scaled_linear", "prediction_type": "epsilon"}  # fmt: skip

    def __init__(self, tokenizer, seed=0):
        rng = torch.Generator().manual_seed(seed)
        self.facts = Facts("sd1", "epsilon", SIDE, 3, 1, 1.0, WIDTH, 77, 1000)
        betas = torch.linspace(0.00085**0.5, 0.012**0.5, 1000) ** 2
        self.schedule = Schedule(torch.cumprod(1 - betas, 0), "epsilon")
        self.pictures = torch.stack([picture(c, s) for c in COLOURS for s in SHAPES])
        self.keys = torch.eye(WIDTH)[[0, 0, 0, 1, 1, 1, 2, 2, 2]] + torch.eye(WIDTH)[[3, 4, 5] * 3]
        self.places = torch.eye(WIDTH) + 0.6 * torch.randn(2, WIDTH, WIDTH, generator=rng) / WIDTH**0.5
        self.tokenizers, self.unet, self.vae = [tokenizer], Checkpointed(), nn.Identity()
        rows = 0.3 * torch.randn(len(tokenizer), WIDTH, generator=rng)
        self.text_encoders = [Table(rows)]

    def to(self, device):
        return self

    def encode_images(self, images):
        return Moments(images * 2 - 1)

    def decode_latents(self, latents):
        return (latents / 2 + 0.5).clamp(0, 1)

    def encode_text(self, prompts, words=None, *, pooling="argmax"):
        return Text(torch.stack([self._read(prompt, words or {}) for prompt in prompts])[:, None])

    def _read(self, prompt, words):
        gaps = tokenize(self.tokenizers[0], prompt, words, 77).gaps
        rows = [self.places[min(place, 1)] @ words[name][row] for place, (_, name, row) in enumerate(gaps)]
        return sum(rows, torch.zeros(WIDTH))

    def predict(self, noisy, t, text):
        a = self.schedule.alphas_cumprod[t.long()].view(-1, 1)
        flat, known = noisy.flatten(1), self.pictures.flatten(1)
        apart = (flat[:, None] - a.sqrt()[:, None] * known).square().sum(-1)
        likely = torch.softmax(text.embeds[:, 0] @ self.keys.T - apart / (2 * (1 - a)), dim=1)
        return ((flat - a.sqrt() * (likely @ known)) / (1 - a).sqrt()).view_as(noisy)
