"""Textual Inversion once more, as the authors and diffusers do it: the whole table learns, other rows are copied back.

Shares with the library only the samples that it is given, where the vectors start, and the pipeline folder.
"""

import json
from pathlib import Path

import torch
from diffusers import UNet2DConditionModel
from torch import nn
from transformers import CLIPTextModel, CLIPTokenizer


class Dense:
    """A table with the word's rows appended, AdamW over all of it, and every other row restored after each step."""

    def __init__(self, folder: Path, word: str, rows: torch.Tensor, *, lr: float, weight_decay: float) -> None:
        self.word, self.count = word, len(rows)
        self.unet = UNet2DConditionModel.from_pretrained(folder / "unet").eval().requires_grad_(False)
        self.encoder = CLIPTextModel.from_pretrained(folder / "text_encoder").eval().requires_grad_(False)
        self.tokenizer = CLIPTokenizer.from_pretrained(folder / "tokenizer")
        old = self.encoder.get_input_embeddings().weight.detach()
        table = nn.Embedding.from_pretrained(torch.cat([old, rows]).clone(), freeze=False)
        self.encoder.set_input_embeddings(table)
        self.table, self.before, self.known = table.weight, old.clone(), len(old)
        scheduler = json.loads((folder / "scheduler/scheduler_config.json").read_text())
        low, high = scheduler["beta_start"] ** 0.5, scheduler["beta_end"] ** 0.5
        self.alphas = torch.cumprod(1 - torch.linspace(low, high, scheduler["num_train_timesteps"]) ** 2, 0)
        self.prediction = scheduler["prediction_type"]
        self.optimiser = torch.optim.AdamW([self.table], lr=lr, weight_decay=weight_decay)

    @property
    def rows(self) -> torch.Tensor:
        """The word's rows as they are."""
        return self.table.detach()[self.known :]

    def encode(self, prompts):
        """Each different prompt once; the word becomes its new ids."""
        unique = list(dict.fromkeys(prompts))
        states = self.encoder(torch.tensor([self._ids(prompt) for prompt in unique])).last_hidden_state
        return states[[unique.index(prompt) for prompt in prompts]]

    def _ids(self, prompt):
        ids = [self.tokenizer.bos_token_id]
        for place, piece in enumerate(prompt.split(self.word)):
            ids += list(range(self.known, self.known + self.count)) if place else []
            ids += self.tokenizer(piece, add_special_tokens=False).input_ids if piece.strip() else []
        ids.append(self.tokenizer.eos_token_id)
        return ids + [self.tokenizer.pad_token_id] * (self.tokenizer.model_max_length - len(ids))

    def predict(self, noisy, t, text):
        return self.unet(noisy, t, encoder_hidden_states=text).sample

    def step(self, batches, predict=None):
        """One optimiser step over micro-batches; the mean loss."""
        total = 0.0
        for batch in batches:
            a = self.alphas[batch.t].view(-1, 1, 1, 1)
            noisy = a.sqrt() * batch.latents + (1 - a).sqrt() * batch.noise
            target = batch.noise
            if self.prediction == "v_prediction":
                target = a.sqrt() * batch.noise - (1 - a).sqrt() * batch.latents
            output = (predict or self.predict)(noisy, batch.t, self.encode(batch.prompts))
            loss = (output - target).square().mean(dim=(1, 2, 3)).mean()
            (loss / len(batches)).backward()
            total += loss.item() / len(batches)
        self.optimiser.step()
        self.optimiser.zero_grad()
        with torch.no_grad():
            self.table[: self.known] = self.before
        return total
