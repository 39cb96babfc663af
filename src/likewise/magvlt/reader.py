"""What a model thinks of a text's hidden words, given a picture; a closed prefix is computed once for all steps."""

import torch
from torch import Tensor

from likewise.magvlt.layout import Pair, pair
from likewise.magvlt.model import Transformer
from likewise.magvlt.rows import ROWS, in_rows


class Reader:
    """Asked once a decoding step about the same pictures (B, I); without them, their slots are hidden."""

    def __init__(self, model: Transformer, image: Tensor, seen: bool = True) -> None:
        self.model, self.image, self.seen = model, image, seen
        self.cached = seen and model.shape.prefix_mode == "closed"
        self.kept = self._prefixes() if self.cached else []

    @torch.no_grad()
    def logits(self, text: Tensor, length: Tensor, hidden: Tensor) -> Tensor:
        """Logits (hidden slots, vocabulary), float32 on the CPU."""
        shown = pair(self.image, text, length).with_(text_hidden=hidden)
        if not self.seen:
            shown = shown.with_(image_hidden=torch.ones_like(shown.image_hidden))
        if self.cached:
            # the row's number stands in for its picture, which is not looked at again
            shown = shown.with_(image=torch.arange(len(text))[:, None], image_hidden=torch.zeros(len(text), 1).bool())
        return in_rows(shown, hidden, self._after if self.cached else self._whole)

    def _whole(self, part: Pair) -> Tensor:
        ready = part.to(self.model.device)
        found = self.model("i2t" if self.seen else "it2it", ready)
        return self.model.text_logits(found.text[ready.text_hidden])

    def _after(self, part: Pair) -> Tensor:
        ready = part.to(self.model.device)
        rows = self.which[part.image[:, 0]].to(self.model.device)
        prefix = [(keys[rows], values[rows]) for keys, values in self.kept]
        found = self.model.after(prefix, ready.text, ready.text_hidden, ready.written)
        return self.model.text_logits(found[ready.text_hidden])

    @torch.no_grad()
    def _prefixes(self) -> list[tuple[Tensor, Tensor]]:
        """By block, the keys and values of every picture; candidates of one picture share them."""
        unique, self.which = torch.unique(self.image, dim=0, return_inverse=True)
        none = torch.zeros(len(unique), 1, dtype=torch.long)
        shown, parts = pair(unique, none, none[:, 0] + 1), []
        for start in range(0, len(unique), ROWS):
            at = torch.arange(start, start + ROWS).clamp(max=len(unique) - 1)
            parts.append(self.model.prefix(shown[at].to(self.model.device))[0])
        return [
            (torch.cat([keys for keys, _ in block]), torch.cat([values for _, values in block]))
            for block in zip(*parts, strict=True)
        ]
