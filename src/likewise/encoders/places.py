"""Where a photo was taken, of the places that the Toybox towers know, or nothing where they are not sure.

A thing taught from photos without captions is bound to their backgrounds: whatever the prompt says, it stays where it
was seen. Saying where it is leaves the word to the thing.
"""

from collections.abc import Sequence

import numpy as np
from PIL import Image

from likewise import encoders
from likewise.encoders.encoder import TextEncoder
from likewise.metrics.neighbours import unit
from likewise.words.places import PLACES

STYLES = ("", "3d ", "flat ", "cartoon ", "photo of a ")
SURE = 0.1
"""Least cosine by which the best place must lead. Of 55 drawn photos of 11 things that training never saw all were told
right, with leads from 0.10 to 0.43; of 20 real photos, which show none of these places, 3 were told one."""


def places(pictures: Sequence[Image.Image], noun: str, encoder: TextEncoder | None = None) -> list[str | None]:
    """For each picture the place that it shows, such as "in the snow", or None; noun: what else it shows.

    encoder: reads pictures and texts; by default the Toybox towers.
    """
    if encoder is None:
        towers = encoders.load("toybox")
        assert isinstance(towers, TextEncoder), "the Toybox towers read texts"
        encoder = towers
    asked = [*(f" {place}" for place in PLACES), ""]
    texts = [encoder.embed_texts([f"a {style}{noun}{place}" for place in asked]) for style in STYLES]
    scores = encoder.embed(pictures) @ unit(np.mean(texts, axis=0)).T
    best = scores.argmax(1)
    lead = -np.diff(np.sort(scores, axis=1)[:, :-3:-1], axis=1)[:, 0]
    return [PLACES[i] if i < len(PLACES) and sure >= SURE else None for i, sure in zip(best, lead, strict=True)]
