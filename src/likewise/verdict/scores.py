"""What one checkpoint's pictures are like, in numbers, picture by picture: pictures in, scores out.

The measures follow DreamBooth's protocol (arXiv:2208.12242, section 4.2), with features that the caller chooses in
place of DINO and CLIP: similarity to the photos (its DINO), to the prompt (its CLIP-T, the identifier stripped), of the
bare class prompt to the photos (its PRES, lower is better), and between pictures of one prompt (its DIV, here
1 - cosine in place of LPIPS).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from likewise.encoders.encoder import Encoder, TextEncoder, embed, embed_texts
from likewise.metrics.neighbours import Embedding, cosine
from likewise.verdict import pixels


@dataclass(frozen=True)
class Drawn:
    """What a model drew at one step of its training; step 0 is the base model."""

    step: int
    subject: list[Image.Image]  # prompt by prompt, as many of each
    plain: list[Image.Image]  # the bare class prompt


@dataclass(frozen=True, eq=False)
class Scores:
    """The measures of one checkpoint. N subject pictures, prompt by prompt; M pictures of the bare noun."""

    step: int
    likeness: np.ndarray  # (N,) mean cosine to the photos
    nearest: np.ndarray  # (N,) largest cosine to one photo that was taught from
    photo: np.ndarray  # (N,) which photo that is, from 0
    overlap: np.ndarray  # (N,) largest correlation with the pixels of a photo
    diversity: np.ndarray  # (N,) mean 1 - cosine to the other pictures of the same prompt; 0 where there are none
    prompt: np.ndarray | None  # (N,) cosine to the text of its prompt; None without a text encoder
    plain: np.ndarray  # (M,) mean cosine to the photos, of the bare noun
    change: np.ndarray  # (M,) 1 - cosine to what the base model drew from the same noise


class Judge:
    """The photos and the prompts, embedded once, and what measures every model against them."""

    def __init__(
        self,
        photos: Sequence[Image.Image],
        texts: Sequence[str],
        encoder: Encoder,
        text_encoder: TextEncoder | None = None,
        taught: Sequence[Image.Image] | None = None,
    ) -> None:
        """Photos are reduced to the size that the model draws.

        texts: the prompts, the identifier stripped. taught: the photos of the training, where `photos` were held out
        from it; copies are copies of these.
        """
        self._encoder, self._text_encoder = encoder, text_encoder
        self.photos = embed(encoder, photos)
        self.taught = embed(encoder, taught) if taught is not None else self.photos
        self._thumbs = pixels.thumbs(photos if taught is None else taught)
        self._prompts = len(texts)
        self.texts = embed_texts(text_encoder, texts) if text_encoder else None
        self.photo_prompt = self._photo_prompt(photos)
        self.held_out = None if taught is None else cosine(self.photos, self.taught)  # (P, T)
        self.photo_likeness = cosine(self.taught, self.taught)  # (T, T)
        self.photo_overlap = pixels.overlap(self._thumbs, self._thumbs)  # (T, T)

    def measure(self, drawn: Drawn, base: Drawn) -> Scores:
        """Score a model's pictures; `base` holds what the untaught model drew from the same noise."""
        subject, plain = embed(self._encoder, drawn.subject), embed(self._encoder, drawn.plain)
        likeness, near = cosine(subject, self.photos), cosine(subject, self.taught)  # (N, P), (N, T)
        before = embed(self._encoder, base.plain)
        return Scores(
            step=drawn.step,
            likeness=likeness.mean(1),
            nearest=near.max(1),
            photo=near.argmax(1),
            overlap=pixels.overlap(pixels.thumbs(drawn.subject), self._thumbs).max(1),
            diversity=diversity(subject, self._prompts),
            prompt=self._fidelity(drawn.subject),
            plain=cosine(plain, self.photos).mean(1),
            change=1 - cosine(plain, before).diagonal(),
        )

    def _fidelity(self, images: Sequence[Image.Image]) -> np.ndarray | None:
        if self._text_encoder is None or self.texts is None:
            return None
        fits = cosine(embed(self._text_encoder, images), self.texts)  # (N, prompts)
        own = np.arange(len(images)) // (len(images) // self._prompts)
        return fits[np.arange(len(images)), own]

    def _photo_prompt(self, photos: Sequence[Image.Image]) -> np.ndarray | None:
        """How well the photos themselves fit each prompt, (prompts,): what a model that ignores prompts would get."""
        if self._text_encoder is None or self.texts is None:
            return None
        return cosine(embed(self._text_encoder, photos), self.texts).mean(0)


def diversity(rows: Embedding, prompts: int) -> np.ndarray:
    """For each picture (N,), prompt by prompt, the mean of 1 - cosine to the others of its prompt; 0 for a lone one."""
    each = len(rows) // prompts
    apart = (1 - cosine(rows, rows)).reshape(prompts, each, prompts, each)
    own = apart[np.arange(prompts), :, np.arange(prompts), :]  # (prompts, each, each), zeros on the diagonals
    return own.sum(2).reshape(-1) / max(1, each - 1)
