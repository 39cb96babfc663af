"""Stand-ins for a verdict's tests: an encoder that reads colours, and scores with known answers."""

import numpy as np
from PIL import Image

from likewise.metrics import Interval
from likewise.verdict.gauge import Gauge
from likewise.verdict.scores import Scores

NAMES = {"red": (1, 0, 0), "green": (0, 1, 0), "blue": (0, 0, 1)}


class Colours:
    """An encoder whose row is a picture's mean colour around grey; a text's is the colour it names."""

    name, preprocessing, dimension, hash = "colours", "mean", 3, "colours"

    def __init__(self):
        self.read = []

    def embed(self, images):
        rows = np.array([np.asarray(image, np.float64).mean((0, 1)) for image in images]).reshape(-1, 3)
        return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)

    def embed_texts(self, texts):
        self.read += texts
        named = [next((value for name, value in NAMES.items() if name in text), (1, 1, 1)) for text in texts]
        rows = np.array(named, np.float32)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def plain(colour, size=32):
    return Image.new("RGB", (size, size), colour)


def noisy(seed, size=32):
    """A picture unlike any other."""
    values = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    return Image.fromarray(values).resize((size, size), Image.Resampling.NEAREST)


def scores(step, likeness, prompt=None, drift=0.0, copied=0.0, *, count=12, noise=0.02, seed=0):
    """Scores around the given means; the noise of picture i is shared by all steps, as with shared seeds, and a half
    of it is the step's own."""
    shared = np.random.default_rng(seed).normal(0, noise, count)
    own = np.random.default_rng([seed, step]).normal(0, noise / 2, count)
    wobble = shared + own - (shared + own).mean()
    copies = np.arange(count) < round(copied * count)
    return Scores(
        step=step,
        likeness=likeness + wobble,
        nearest=np.where(copies, 0.95, 0.6),
        photo=np.full(count, 2),
        overlap=np.where(copies, 0.97, 0.3),
        diversity=np.full(count, 0.3),
        prompt=None if prompt is None else prompt + wobble,
        plain=np.full(4, 0.4 + drift),
        change=np.full(4, drift),
    )


GAUGE = Gauge(
    floor=0.4,
    ceiling=0.8,
    ceiling_interval=Interval(0.8, 0.75, 0.85, count=5),
    prompt_floor=0.1,
    prompt_ceiling=0.3,
    prompt_ratio=False,
    copy_cosine=0.85,
    copy_overlap=0.9,
)
BASE = scores(0, 0.41, 0.30)
