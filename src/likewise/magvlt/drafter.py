"""One model, four uses: draw from words, describe pictures, draw parts anew, fill in missing words."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from likewise import images, seeds
from likewise.checkpoint import hash_json, hash_tensors
from likewise.encoders.encoder import Encoder
from likewise.errors import SettingError, UnknownNameError
from likewise.magvlt import draw, folder, invent, masks, rank, write
from likewise.magvlt.config import Drawing, Writing
from likewise.settings import build

CANDIDATES = 4
Precision = Literal["float32", "bfloat16"]


@dataclass(frozen=True)
class Draft:
    """A picture, what it is of, its seed, and how well it fits: the best of its candidates."""

    image: Image.Image
    prompt: str
    seed: int
    score: float
    codes: Tensor  # (I,)


@dataclass(frozen=True)
class Caption:
    """A text about a picture, and how well it fits."""

    text: str
    score: float


class Drafter:
    """A draft model with its tokenizers. Seeds name every number drawn: the same call gives the same answer."""

    def __init__(self, parts: folder.Parts, encoder: Encoder | None = None, device: str | None = None) -> None:
        """encoder: ranks candidates by pictures and texts; without one the model ranks them itself."""
        self.parts, self.model, self.words, self.pictures = parts, parts.model, parts.words, parts.pictures
        self.encoder = rank.checked(encoder) if encoder else None
        if device:
            self.model.to(device)
            self.pictures.to(device)

    @property
    def hash(self) -> str:
        """sha256 over the transformer and the image tokens."""
        return hash_json([hash_tensors(self.model.state_dict()), self.pictures.hash])

    def drawing(self, **chosen: Any) -> Drawing:
        """How this model draws best, but for what is chosen otherwise. BadSettingError."""
        return build(Drawing, {**self.parts.drawing, **chosen}, "drawing")

    def draft(
        self, prompt: str, n: int = 1, *, seed: int = 0, candidates: int = CANDIDATES, how: Drawing | None = None
    ) -> list[Draft]:
        """n pictures of a prompt, with seeds seed, seed + 1, ...; each is the best of its candidates.

        EmptyPromptError, PromptTooLongError.
        """
        text, length = self.words.encode([prompt])
        return self._drawn(prompt, text, length, n, seed, candidates, how or self.drawing())

    def inpaint(
        self,
        picture: Image.Image,
        mask: Image.Image,
        prompt: str = "",
        n: int = 1,
        *,
        seed: int = 0,
        candidates: int = CANDIDATES,
        how: Drawing | None = None,
        blend: bool = True,
    ) -> list[Draft]:
        """Draw what is white in the mask anew, as the prompt says or, without one, as the rest suggests.

        Tokens of the rest stay exactly. blend: the rest keeps its own pixels too, softly joined; without, the whole
        picture is what its tokens say. MaskError for a mask of another size, or one without white.
        """
        anew = masks.tokens(mask, picture.size, self.pictures.side)
        text, length = self.words.encode([prompt]) if prompt.strip() else self._unprompted()
        kept = self.pictures.of([picture])
        found = self._drawn(prompt, text, length, n, seed, candidates, how or self.drawing(), kept, anew)
        if not blend:
            return found
        own = images.cover(picture, self.pictures.pixels)
        return [Draft(masks.blended(own, one.image, anew), *_rest(one)) for one in found]

    def describe(
        self,
        pictures: Sequence[Image.Image],
        *,
        seed: int = 0,
        candidates: int = CANDIDATES,
        how: Writing | None = None,
    ) -> list[Caption]:
        """A caption for each picture, the best of its candidates; its length is predicted first."""
        how = how or Writing()
        count = 1 if how.greedy else candidates
        image = self.pictures.of(pictures)
        length = write.lengths(self.model, image, self.words.end)
        empty = torch.full((len(image), self.words.length), self.words.end)
        image, length, empty = (part.repeat_interleave(count, 0) for part in (image, length, empty))
        generators = [seeds.stream(seed, "caption", i % count) for i in range(len(image))]
        page = write.last(write.steps(self.model, image, empty, length, generators, how))
        return self._captions(page, list(pictures), count)

    def infill(
        self,
        template: str,
        picture: Image.Image | None = None,
        n: int = 1,
        *,
        seed: int = 0,
        candidates: int = CANDIDATES,
        how: Writing | None = None,
    ) -> list[Caption]:
        """Fill each ___ of a text with a word (one token), by a picture or by the text alone. TemplateError."""
        how = how or Writing()
        count = 1 if how.greedy else candidates
        text, length, blank = (part.repeat_interleave(n * count, 0) for part in self.words.template(template))
        slots = self.model.shape.image_slots
        image = torch.zeros(1, slots, dtype=torch.long) if picture is None else self.pictures.of([picture])
        image = image.repeat_interleave(n * count, 0)
        generators = [seeds.stream(seed + i // count, "infill", i % count) for i in range(n * count)]
        steps = write.steps(self.model, image, text, length, generators, how, blank=blank, seen=picture is not None)
        page = write.last(steps)
        if picture is None:
            chosen = rank.best(page.score.numpy(), count)
            return [Caption(self.words.decode(page.text[i].tolist()), float(page.score[i])) for i in chosen]
        return self._captions(page, [picture] * n, count)

    def invent(self, n: int = 1, *, seed: int = 0, how: Drawing | None = None) -> list[Draft]:
        """Pictures with captions, from nothing."""
        how = how or Drawing(steps=invent.STEPS)
        generators = [seeds.stream(seed + i, "invent") for i in range(n)]
        both = None
        for both in invent.steps(self.model, self.parts.lengths, self.words.end, generators, how):  # noqa: B007
            pass
        assert both is not None
        pictures = images.to_pil(self.pictures.decode(both.image))
        fits = rank.by_model(self.model, both.image, both.text, both.length)
        texts = [self.words.decode(row.tolist()) for row in both.text]
        rows = zip(pictures, texts, fits, both.image, strict=True)
        return [Draft(image, text, seed + i, float(fit), codes) for i, (image, text, fit, codes) in enumerate(rows)]

    def _unprompted(self) -> tuple[Tensor, Tensor]:
        return torch.full((1, self.words.length), self.words.end), torch.ones(1, dtype=torch.long)

    def _drawn(
        self, prompt: str, text: Tensor, length: Tensor, n: int, seed: int, candidates: int, how: Drawing,
        kept: Tensor | None = None, anew: Tensor | None = None,
    ) -> list[Draft]:  # fmt: skip
        if n < 1 or candidates < 1:
            raise SettingError("n" if n < 1 else "candidates", min(n, candidates), "at least 1 is needed")
        count = 1 if how.greedy else candidates
        text, length = text.repeat_interleave(n * count, 0), length.repeat_interleave(n * count, 0)
        kept, anew = (None if part is None else part.repeat_interleave(n * count, 0) for part in (kept, anew))
        generators = [seeds.stream(seed + i // count, "draft", i % count) for i in range(n * count)]
        steps = draw.steps(self.model, text, length, generators, how, image=kept, anew=anew, end=self.words.end)
        codes = draw.last(steps)
        if count == 1 or (self.encoder is None or not prompt.strip()):
            scores = rank.by_model(self.model, codes, text, length)
            chosen = rank.best(scores, count)
            pictures = dict(zip(chosen, images.to_pil(self.pictures.decode(codes[chosen])), strict=True))
        else:
            pictures = dict(enumerate(images.to_pil(self.pictures.decode(codes))))
            scores = rank.by_encoder(self.encoder, list(pictures.values()), [prompt])
            chosen = rank.best(scores, count)
        return [Draft(pictures[i], prompt, seed + k, float(scores[i]), codes[i]) for k, i in enumerate(chosen)]

    def _captions(self, page: write.Page, pictures: list[Image.Image], count: int) -> list[Caption]:
        texts = [self.words.decode(row.tolist()) for row in page.text]
        scores = page.score.numpy()
        if self.encoder is not None and count > 1:
            groups = [texts[k * count : (k + 1) * count] for k in range(len(pictures))]
            fits = [rank.by_encoder(self.encoder, [one], own) for one, own in zip(pictures, groups, strict=True)]
            scores = np.concatenate(fits) if fits else scores
        return [Caption(texts[i], float(scores[i])) for i in rank.best(scores, count)]


def _rest(draft: Draft) -> tuple[str, int, float, Tensor]:
    return draft.prompt, draft.seed, draft.score, draft.codes


def load(
    name: str | Path = "toybox",
    *,
    encoder: Encoder | None = None,
    device: str | None = None,
    precision: Precision = "float32",
) -> Drafter:
    """A draft model by name ("toybox", the embedded one) or folder. DraftModelMissingError, DraftFolderError.

    precision: "bfloat16" halves what the blocks weigh and is faster where the device multiplies in it; a few of the
    drawn tokens are others then. UnknownNameError for any other.
    """
    if precision not in get_args(Precision):
        raise UnknownNameError("precision", precision, get_args(Precision))
    parts = folder.read(name)
    if precision == "bfloat16":
        parts.model.lower()
    return Drafter(parts, encoder, device)
