"""What a picture shows, said by an encoder that never saw training: subject by nearest sprite, style, place by probe.

Features of a whole scene carry its background, so every row is centred on the mean of real pictures with the same
background before subjects are compared. The background is read off the four corners, put together to one small
picture, and off the colours along the border, which the encoder is made to overlook. The style is read off the whole
and its middle, where the subject is larger and the background less. All that is learned here is learned from real
pictures of the world.
"""

from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from likewise import checkpoint
from likewise.encoders.encoder import Encoder
from likewise.metrics.neighbours import unit
from likewise.metrics.probes import LinearProbe, ridge_probe
from likewise.seeds import numpy_stream
from likewise.toybox.concepts import STYLES
from likewise.toybox.scenes import BACKGROUNDS
from likewise.toybox.world import World

VIEWS = 3  # pictures of each sprite in the gallery, on as many backgrounds
CORNER = 40  # px of a 128 px picture
MIDDLE = 72  # px of a 128 px picture
CELLS = 8  # the border's colours are read on a grid of this many cells a side
PENALTY = 1e-3


@dataclass(frozen=True)
class Seen:
    """What the encoder says of N pictures: whole (N, D), middle (N, D), and around the subject (N, D + colours)."""

    whole: np.ndarray
    middle: np.ndarray
    around: np.ndarray

    @property
    def style(self) -> np.ndarray:
        """What styles are told apart by (N, 2 D)."""
        return np.hstack([self.whole, self.middle])


@dataclass(frozen=True)
class Judge:
    """Gallery rows (G, D) with their names, the mean row of each background, and two linear probes."""

    encoder: Encoder
    rows: np.ndarray
    names: np.ndarray
    places: dict[str, np.ndarray]
    style: LinearProbe
    background: LinearProbe

    def subjects(self, features: np.ndarray, backgrounds: list[str]) -> list[list[str]]:
        """Every concept of the world for each row, likeliest first: by the nearest of its sprites in any style."""
        centred = unit(features - np.stack([self.places[place] for place in backgrounds]))
        return [_ranked(scores, self.names) for scores in centred @ self.rows.T]


def _ranked(scores: np.ndarray, names: np.ndarray) -> list[str]:
    return list(dict.fromkeys(names[np.argsort(-scores, kind="stable")].tolist()))


def build(world: World, encoder: Encoder, cache: Path | None = None) -> Judge:
    """A judge from 3 pictures of every sprite of the world, held-out pairs among them, since it must know them.

    cache: a folder to keep the pictures' features in, by encoder and world; embedding them takes minutes.
    """
    labels, pictures = [], []
    places = _dealt(world.seed, len(world.concepts) * len(STYLES) * VIEWS)
    for concept, style, view in product(world.concepts, STYLES, range(VIEWS)):
        place = places[len(labels)]
        pictures.append(world.draw(world.composition(concept.name, style, place, 1000 + view)))
        labels.append((concept.name, style, place))
    seen = _cached(encoder, pictures, labels, cache)
    whole = seen.whole
    names, styles, grounds = (np.array(column) for column in zip(*labels, strict=True))
    means = {place: whole[grounds == place].mean(0) for place in BACKGROUNDS}
    centred = unit(whole - np.stack([means[place] for place in grounds]))
    style, background = ridge_probe(seen.style, styles, PENALTY), ridge_probe(seen.around, grounds, PENALTY)
    return Judge(encoder, centred, names, means, style, background)


def _dealt(seed: int, count: int) -> list[str]:
    """`count` backgrounds, dealt like cards: every one is out before any comes again."""
    places, rounds = list(BACKGROUNDS), -(-count // len(BACKGROUNDS))
    orders = [numpy_stream(seed, "gallery", deal).permutation(len(places)) for deal in range(rounds)]
    return [places[index] for order in orders for index in order][:count]


def _cached(
    encoder: Encoder, pictures: list[Image.Image], labels: list[tuple[str, str, str]], cache: Path | None
) -> Seen:
    sizes = [CORNER, MIDDLE, CELLS]
    key = checkpoint.hash_json([encoder.hash, labels, checkpoint.hash_bytes(pictures[0].tobytes()), *sizes])
    path = cache / f"judge-{key[:16]}.safetensors" if cache else None
    if path and path.is_file():
        return Seen(**{name: rows.numpy() for name, rows in checkpoint.read_tensors(path)[0].items()})
    seen = look(encoder, pictures)
    if path:
        checkpoint.write_tensors(path, {name: torch.from_numpy(rows) for name, rows in vars(seen).items()})
    return seen


def look(encoder: Encoder, pictures: list[Image.Image]) -> Seen:
    """All that is read off pictures."""
    middles = [_middle(picture) for picture in pictures]
    return Seen(embed(encoder, pictures), embed(encoder, middles), edges(encoder, pictures))


def embed(encoder: Encoder, pictures: list[Image.Image]) -> np.ndarray:
    """Unit rows of pictures (N, D)."""
    return np.asarray(encoder.embed(pictures), dtype=np.float32)


def edges(encoder: Encoder, pictures: list[Image.Image]) -> np.ndarray:
    """What lies around the subject (N, D + colours): features of the four corners, and the border's colours."""
    colours = np.stack([_border(picture) for picture in pictures])
    return np.hstack([embed(encoder, [_corners(picture) for picture in pictures]), colours]).astype(np.float32)


def _middle(picture: Image.Image) -> Image.Image:
    edge = (picture.width - MIDDLE * picture.width // 128) // 2
    return picture.crop((edge, edge, picture.width - edge, picture.height - edge))


def _corners(picture: Image.Image) -> Image.Image:
    side, far = CORNER * picture.width // 128, picture.width - CORNER * picture.width // 128
    together = Image.new("RGB", (2 * side, 2 * side))
    for column, x in enumerate((0, far)):
        for row, y in enumerate((0, far)):
            together.paste(picture.crop((x, y, x + side, y + side)), (column * side, row * side))
    return together


def _border(picture: Image.Image) -> np.ndarray:
    cells = np.asarray(picture.resize((CELLS, CELLS), Image.Resampling.BOX), np.float32) / 255 - 0.5
    inner = np.zeros((CELLS, CELLS), bool)
    inner[1:-1, 1:-1] = True
    return cells[~inner].ravel()
