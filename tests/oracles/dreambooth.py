"""DreamBooth once more, slowly and apart: stock modules, LoRA by replaced layers, AdamW by hand, halves in two passes.

Shares with the library only the samples that it is given, the starts of the adapters, and the pipeline folder.
"""

import json
import math
from pathlib import Path

import torch
from diffusers import UNet2DConditionModel
from torch import nn
from transformers import CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer


class Adapted(nn.Module):
    """W x + b + (alpha / rank) B A x, as the LoRA paper writes it."""

    def __init__(self, base: nn.Linear, a: torch.Tensor, alpha: float) -> None:
        super().__init__()
        self.base, self.scale = base, alpha / len(a)
        self.a, self.b = nn.Parameter(a.clone()), nn.Parameter(torch.zeros(base.out_features, len(a)))

    def forward(self, x):
        return self.base(x) + (x @ self.a.T @ self.b.T) * self.scale


class Oracle:
    """Trains with the given settings (a dict of the config's) and says the losses of each step."""

    def __init__(self, folder: Path, settings: dict, starts: dict[str, torch.Tensor]) -> None:
        self.settings = settings
        self.unet = UNet2DConditionModel.from_pretrained(folder / "unet").eval().requires_grad_(False)
        encoders = {"text_encoder": CLIPTextModel, "text_encoder_2": CLIPTextModelWithProjection}
        self.encoders = {
            part: kind.from_pretrained(folder / part).eval().requires_grad_(False)
            for part, kind in encoders.items()
            if (folder / part).is_dir()
        }
        self.tokenizers = [
            CLIPTokenizer.from_pretrained(folder / name) for name in ("tokenizer", "tokenizer_2")[: len(self.encoders)]
        ]
        scheduler = json.loads((folder / "scheduler/scheduler_config.json").read_text())
        low, high, count = scheduler["beta_start"], scheduler["beta_end"], scheduler["num_train_timesteps"]
        assert scheduler["beta_schedule"] == "scaled_linear"
        betas = torch.linspace(low**0.5, high**0.5, count) ** 2
        self.alphas, self.prediction = torch.cumprod(1 - betas, 0), scheduler["prediction_type"]
        self.trained = self._adapt(starts) if settings["train"] == "lora" else self._thaw()
        self.moments = {name: (torch.zeros_like(p), torch.zeros_like(p)) for name, p in self.trained.items()}

    def _models(self):
        return {"unet": self.unet} | (self.encoders if self.settings["train_text"] else {})

    def _thaw(self):
        named = {f"{part}.{name}": p for part, model in self._models().items() for name, p in model.named_parameters()}
        return {name: p.requires_grad_(True) for name, p in named.items()}

    def _adapt(self, starts):
        trained = {}
        for part, model in self._models().items():
            layer_word = "lora" if part == "unet" else "lora_linear_layer"
            ends = (
                ("to_q", "to_k", "to_v", "to_out.0") if part == "unet" else ("q_proj", "k_proj", "v_proj", "out_proj")
            )
            for path in [path for path, _ in model.named_modules() if path.endswith(tuple(f".{end}" for end in ends))]:
                stem = f"{part}.{path}" if part != "text_encoder" else f"{part}.text_model.{path}"
                down, up = f"{stem}.{layer_word}.down.weight", f"{stem}.{layer_word}.up.weight"
                layer = Adapted(model.get_submodule(path), starts[down], self.settings["alpha"])
                parent, _, leaf = path.rpartition(".")
                setattr(model.get_submodule(parent), leaf, layer)
                trained |= {down: layer.a, up: layer.b}
        return trained

    def encode(self, prompts):
        """What the network is told, and SDXL's pooled prompts."""
        outputs = []
        for tokenizer, encoder in zip(self.tokenizers, self.encoders.values(), strict=True):
            ids = tokenizer(list(prompts), padding="max_length", return_tensors="pt").input_ids
            outputs.append(encoder(ids, output_hidden_states=True))
        if len(outputs) == 1:
            return outputs[0].last_hidden_state, [None] * len(prompts)
        return torch.cat([output.hidden_states[-2] for output in outputs], dim=-1), outputs[1].text_embeds

    def half(self, batch, rows):
        """The weighted error of some rows, each term of the sum written out."""
        total = 0.0
        embeds, pooled = self.encode(batch.prompts[rows])
        for row, text, vector in zip(range(len(batch.prompts))[rows], embeds, pooled, strict=True):
            a = self.alphas[batch.t[row]]
            clean, noise = batch.latents[row], batch.noise[row]
            noisy = a.sqrt() * clean + (1 - a).sqrt() * noise
            target = noise if self.prediction == "epsilon" else a.sqrt() * noise - (1 - a).sqrt() * clean
            more = {} if vector is None else {"text_embeds": vector[None], "time_ids": batch.sizes[row][None]}
            told = {"encoder_hidden_states": text[None], "added_cond_kwargs": more or None}
            output = self.unet(noisy[None], batch.t[row : row + 1], **told).sample[0]
            total = total + self._weight(a) * ((output - target) ** 2).mean() / len(embeds)
        return total

    def _weight(self, a):
        gamma = self.settings["snr_gamma"]
        if gamma is None:
            return 1.0
        snr = a / (1 - a)
        return min(snr, torch.tensor(gamma)) / (snr if self.prediction == "epsilon" else snr + 1)

    def losses(self, batch):
        """(loss, photos, prior or None), with gradients added to the trained tensors."""
        photos = self.half(batch, slice(0, batch.photos))
        prior = self.half(batch, slice(batch.photos, None)) if len(batch.prompts) > batch.photos else None
        total = photos if prior is None else photos + self.settings["prior_weight"] * prior
        total.backward()
        return total.item(), photos.item(), None if prior is None else prior.item()

    @torch.no_grad()
    def update(self, step):
        """One clipped AdamW step (arXiv:1711.05101, algorithm 2), at constant learning rates."""
        s = self.settings
        learned = {name: p for name, p in self.trained.items() if p.grad is not None}  # SDXL skips last layers
        norm = math.sqrt(sum(p.grad.double().square().sum().item() for p in learned.values()))
        shrink = min(1.0, s["clip_norm"] / (norm + 1e-6)) if s["clip_norm"] else 1.0
        for name, p in learned.items():
            lr, gradient, (first, second) = (
                s["lr" if name.startswith("unet") else "text_lr"],
                p.grad,
                self.moments[name],
            )
            gradient *= shrink
            first += (1 - s["beta1"]) * (gradient - first)
            second += (1 - s["beta2"]) * (gradient**2 - second)
            p *= 1 - lr * s["weight_decay"]
            spread = (second / (1 - s["beta2"] ** step)).sqrt() + 1e-8
            p -= lr / (1 - s["beta1"] ** step) * first / spread
            p.grad = None
