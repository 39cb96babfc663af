"""Ways of making pairs on photos, each as a joint law of photos and partners that the graph report can read.

captions: the partner is the caption, or the cluster that its text falls in. views: the partner is the photo that a
random view of the picture is most like, to an encoder, so that views tie photos which they can be mistaken for.
teacher: the partners are the photo itself and its nearest neighbours, to an encoder.
"""

from collections.abc import Sequence

import numpy as np

from likewise import seeds
from likewise.contrastive import views
from likewise.contrastive.photos import Photos
from likewise.encoders.encoder import Encoder, TextEncoder
from likewise.errors import CaptionsNeededError, NoTextTowerError
from likewise.images import to_pil

KINDS = ("captions", "views", "teacher")


def caption_law(photos: Photos, encoder: Encoder | None = None, clusters: int = 0, seed: int = 0) -> np.ndarray:
    """P (N, L): photos and their captions, equal texts being one partner; clusters > 0 joins texts near each other.

    Joining needs an encoder of texts, else NoTextTowerError. CaptionsNeededError for photos without.
    """
    bare = [path.name for path, caption in zip(photos.paths, photos.captions, strict=True) if not caption]
    if bare:
        raise CaptionsNeededError(photos.folder, bare, len(photos), "the caption graph")
    texts, which = np.unique(np.array([str(caption) for caption in photos.captions]), return_inverse=True)
    if clusters and not isinstance(encoder, TextEncoder):
        raise NoTextTowerError(encoder.name if encoder else "none", "Joining captions")
    if 0 < clusters < len(texts):
        assert isinstance(encoder, TextEncoder)
        which = cluster(encoder.embed_texts([str(text) for text in texts]), clusters, seed)[which]
    return _law(which[:, None])


def teacher_law(rows: np.ndarray, neighbours: int = 5) -> np.ndarray:
    """P (N, N): each photo with itself and its `neighbours` nearest others by the cosine of unit rows (N, D)."""
    similar = rows @ rows.T
    np.fill_diagonal(similar, np.inf)  # itself first
    return _law(np.argsort(-similar, axis=1, kind="stable")[:, : neighbours + 1])


def view_law(photos: Photos, encoder: Encoder, rows: np.ndarray, draws: int = 4, seed: int = 0) -> np.ndarray:
    """P (N, N): each photo with the photos that its random views are most like; rows: the encoder's of the photos."""
    side = photos.pixels.shape[-1]
    recipe = views.Recipe(size=side, blur=0.0)
    nearest = []
    for draw in range(draws):
        chances = views.draw(recipe, len(photos), side, seed, "graph", draw)
        found = [
            encoder.embed(to_pil(views.views(photos.pixels[start : start + 64], chances[start : start + 64], recipe)))
            for start in range(0, len(photos), 64)
        ]
        nearest.append((np.concatenate(found) @ rows.T).argmax(1))
    partners = np.stack([np.arange(len(photos)), *nearest], 1)
    return _law(partners)


def cluster(rows: np.ndarray, count: int, seed: int = 0, rounds: int = 50) -> np.ndarray:
    """k-means of unit rows (N, D) by cosine: the cluster of each, (N,). Starts far apart (k-means++), seeded."""
    random = seeds.numpy_stream(seed, "clusters", count)
    centres = [rows[random.integers(len(rows))]]
    for _ in range(count - 1):
        distance = (1 - rows @ np.array(centres).T).min(1).clip(0) + 1e-12
        centres.append(rows[random.choice(len(rows), p=distance / distance.sum())])
    middle, which = np.array(centres), np.full(len(rows), -1)
    for _ in range(rounds):
        nearest = (rows @ middle.T).argmax(1)
        if (nearest == which).all():
            break
        which = nearest
        for one in np.unique(which):
            mean = rows[which == one].mean(0)
            middle[one] = mean / max(np.linalg.norm(mean), 1e-12)
    return which


def _law(partners: Sequence | np.ndarray) -> np.ndarray:
    """P from the partners of each photo (N, K), each as likely; partners that nobody has are left out."""
    partners = np.asarray(partners)
    law = np.zeros((len(partners), partners.max() + 1))
    np.add.at(law, (np.arange(len(partners))[:, None], partners), 1.0)
    return law[:, law.sum(0) > 0] / law.sum()
