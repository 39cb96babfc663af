"""What an encoder knows of photos: probes, neighbours, retrieval, zero-shot, alignment and uniformity, with intervals.

Everything is measured on rows that the encoder gave once, in evaluation mode: its weights and statistics do not move.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from likewise.contrastive import photos as photo_files
from likewise.contrastive import views
from likewise.contrastive.photos import Photos
from likewise.contrastive.teacher import features
from likewise.encoders.encoder import Encoder, TextEncoder
from likewise.errors import LongCaptionsWarning, NoTextTowerError, PromptTooLongError
from likewise.images import to_pil
from likewise.metrics.intervals import Interval, bootstrap, wilson
from likewise.metrics.neighbours import Embedding, cosine
from likewise.metrics.probes import knn_predict, logistic_probe

TEMPLATE = "a photo of {}"
DEPTHS = (1, 5, 10)
SHARP = 2.0  # t of uniformity, as published


@dataclass(frozen=True)
class Settings:
    """How to measure: neighbours that vote, their sharpness, the probe's penalty, the sentence of zero-shot.

    penalty None: chosen by held rows (see logistic_probe).
    """

    k: int = 20
    sharpness: float = 0.07
    penalty: float | None = None
    template: str = TEMPLATE
    seed: int = 0


def evaluate(
    encoder: Encoder, photos: Photos, classes: np.ndarray | None = None, how: Settings = Settings()
) -> dict[str, Any]:
    """All measures that the photos allow, as JSON: with classes (N,) probes and zero-shot, with captions retrieval.

    Photos are split once (see photos.split); probes learn on one part, and every figure is of the other.
    """
    train, test = photo_files.split(photos, how.seed, classes)
    rows = Embedding(features(encoder, photos), encoder.hash)
    report: dict[str, Any] = {
        "encoder": encoder.name,
        "train": len(train),
        "test": len(test),
        "uniformity": figure(uniformity(rows[test], how.seed)),
        "alignment": figure(alignment(encoder, photos[test], rows[test], how.seed)),
    }
    if classes is not None:
        report["classes"] = len(set(classes.tolist()))
        found = probed(rows[train], classes[train], rows[test], classes[test], how)
        report |= {name: figure(share(right)) for name, right in found.items()}
        report["majority"] = float(np.unique(classes[test], return_counts=True)[1].max() / len(test))
        report["same_class_first"] = figure(share(nearest_is_alike(rows[test], classes[test])))
    if isinstance(encoder, TextEncoder):
        if classes is not None:
            report["zero_shot"] = figure(share(zero_shot(encoder, rows[test], classes[test], how.template)))
        captions = [photos.captions[row] for row in test]
        if all(captions):
            report["retrieval"] = retrieval(encoder, rows[test], [str(caption) for caption in captions])
    return report


def probed(
    train: Embedding, taught: np.ndarray, test: Embedding, right: np.ndarray, how: Settings = Settings()
) -> dict[str, np.ndarray]:
    """Whether each test photo is told right, by a linear probe and by its nearest neighbours, (N,) bool each."""
    probe = logistic_probe(train.rows, taught, how.penalty)
    nearest = knn_predict(train, taught, test, how.k, how.sharpness)
    return {"linear_probe": probe.predict(test.rows) == right, "knn": nearest == right}


def nearest_is_alike(rows: Embedding, classes: np.ndarray) -> np.ndarray:
    """Whether each photo's nearest other photo is of its class, (N,) bool."""
    similar = cosine(rows, rows)
    np.fill_diagonal(similar, -np.inf)
    return classes[similar.argmax(1)] == classes


def zero_shot(encoder: Encoder, rows: Embedding, classes: np.ndarray, template: str = TEMPLATE) -> np.ndarray:
    """Whether the sentence nearest to each photo names its class, (N,) bool. NoTextTowerError without texts."""
    if not isinstance(encoder, TextEncoder):
        raise NoTextTowerError(encoder.name, "Zero-shot")
    names = np.unique(classes)
    texts = Embedding(encoder.embed_texts([template.format(_spoken(name)) for name in names]), encoder.hash)
    return names[cosine(rows, texts).argmax(1)] == classes


def retrieval(encoder: TextEncoder, rows: Embedding, captions: Sequence[str]) -> dict[str, Any]:
    """The share of captions whose photo, and of photos whose caption, is among the first 1, 5 and 10.

    Photos with the same caption all count as right; texts are compared once each. LongCaptionsWarning for captions
    that the encoder cannot read whole, which are left out with their photos.
    """
    unique, which = np.unique(np.asarray(captions), return_inverse=True)
    embedded, read = _read(encoder, [str(text) for text in unique])
    if not read.all():
        warnings.warn(LongCaptionsWarning(int((~read).sum()), len(read)), stacklevel=2)
        rows, which = rows[np.flatnonzero(read[which])], (np.cumsum(read) - 1)[which[read[which]]]
        unique = unique[read]
    texts = Embedding(embedded, encoder.hash)
    similar = cosine(texts, rows)
    right = which[None] == np.arange(len(unique))[:, None]  # (texts, photos)
    first_photo = _places(similar, right)
    first_text = _places(similar.T, right.T)
    return {
        "texts": len(unique),
        "photos": len(rows),
        **{f"text_to_photo@{depth}": figure(share(first_photo < depth)) for depth in DEPTHS},
        **{f"photo_to_text@{depth}": figure(share(first_text < depth)) for depth in DEPTHS},
    }


def _read(encoder: TextEncoder, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the texts that the encoder can read whole, and which of them those are, (N,) bool."""
    try:
        return encoder.embed_texts(texts), np.ones(len(texts), dtype=bool)
    except PromptTooLongError:
        rows = []
        for text in texts:
            try:
                rows.append(encoder.embed_texts([text])[0])
            except PromptTooLongError:
                rows.append(None)
    read = np.array([row is not None for row in rows])
    return np.array([row for row in rows if row is not None]), read


def alignment(encoder: Encoder, photos: Photos, rows: Embedding, seed: int = 0) -> Interval:
    """The mean squared distance of a photo and a random view of it, by unit rows: lower is more aligned.

    (arXiv:2005.10242, with exponent 2; views by SimCLR's recipe without blur, keyed by the seed.)
    """
    side = photos.pixels.shape[-1]
    recipe = views.Recipe(size=side, blur=0.0)
    chances = views.draw(recipe, len(photos), side, seed, "alignment")
    made = [
        encoder.embed(to_pil(views.views(photos.pixels[start : start + 64], chances[start : start + 64], recipe)))
        for start in range(0, len(photos), 64)
    ]
    return bootstrap(((rows.rows - np.concatenate(made)) ** 2).sum(1), seed=seed)


def uniformity(rows: Embedding, seed: int = 0) -> Interval:
    """log of the mean of exp(-2 |x - y|^2) over pairs of different photos: lower is more uniform (arXiv:2005.10242)."""
    powers = np.exp(-2 * SHARP * (1 - cosine(rows, rows)))
    np.fill_diagonal(powers, 0)
    means = powers.sum(1) / (len(rows) - 1)
    # A photo is in twice as many pairs as a row mean tells: the variance of a mean over pairs is 4 Var(row means) / n.
    twice = 2 * means - means.mean()
    return bootstrap(twice, lambda drawn: float(np.log(max(drawn.mean(), np.finfo(float).tiny))), seed=seed)


def share(right: np.ndarray) -> Interval:
    """The share that is right, with Wilson's interval."""
    return wilson(int(right.sum()), len(right))


def figure(found: Interval) -> dict[str, float]:
    """For JSON."""
    return {"value": round(found.value, 4), "low": round(found.low, 4), "high": round(found.high, 4)}


def _places(similar: np.ndarray, right: np.ndarray) -> np.ndarray:
    """How many wrong ones stand before the first right one of each row; ties count against."""
    best = np.where(right, similar, -np.inf).max(1, keepdims=True)
    return ((similar >= best) & ~right).sum(1)


def _spoken(name: str) -> str:
    return name.replace("-", " ").replace("_", " ").lower()
