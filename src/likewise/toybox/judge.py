"""What a picture shows, said by an encoder that never saw training: subject by nearest sprite, style and place by probe.

Features of a whole scene carry its background, so every row is centred on the mean of real pictures with the same
background before subjects are compared. All that is learned here is learned from real pictures of the world.
"""

from dataclasses import dataclass
from itertools import product

import numpy as np
from PIL import Image

from likewise.encoders.encoder import Encoder
from likewise.metrics.neighbours import unit
from likewise.metrics.probes import LinearProbe, ridge_probe
from likewise.seeds import numpy_stream
from likewise.toybox.concepts import STYLES
from likewise.toybox.scenes import BACKGROUNDS
from likewise.toybox.world import World

VIEWS = 3  # pictures of each sprite in the gallery, on as many backgrounds


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


def build(world: World, encoder: Encoder) -> Judge:
    """A judge from about 3 pictures of every sprite of the world, held-out pairs among them, since it must know them."""
    labels, pictures = [], []
    for index, (concept, style) in enumerate(product(world.concepts, STYLES)):
        rng = numpy_stream(world.seed, "gallery", index)
        for view, place in enumerate(rng.choice(list(BACKGROUNDS), VIEWS, replace=False)):
            pictures.append(world.draw(world.composition(concept.name, style, str(place), 1000 + view)))
            labels.append((concept.name, style, str(place)))
    features = embed(encoder, pictures)
    names, styles, places = (np.array(column) for column in zip(*labels, strict=True))
    means = {place: features[places == place].mean(0) for place in BACKGROUNDS}
    centred = unit(features - np.stack([means[place] for place in places]))
    return Judge(encoder, centred, names, means, ridge_probe(features, styles), ridge_probe(features, places))


def embed(encoder: Encoder, pictures: list[Image.Image]) -> np.ndarray:
    """Unit rows of pictures (N, D)."""
    return np.asarray(encoder.embed(pictures))
