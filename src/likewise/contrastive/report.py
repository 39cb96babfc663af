"""The graph report of a folder: ways of making pairs compared on its own photos and labels, before any training."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from PIL import Image

from likewise import encoders, seeds
from likewise.contrastive import pairings, plot
from likewise.contrastive import photos as photo_files
from likewise.contrastive.photos import Photos
from likewise.contrastive.prediction import compare
from likewise.contrastive.teacher import features
from likewise.encoders.encoder import Encoder
from likewise.errors import UnknownNameError

HEAD = ("pairs", "labelling error", "pairs across classes", "partners in class", "gap", "bound", "predicted probe")


@dataclass(frozen=True)
class Settings:
    """What to look at, and how; see `likewise contrastive graph --help`."""

    labels: str = "folder"
    encoder: str = "efficientnet-lite0"
    clusters: int = 0
    neighbours: int = 5
    width: int = 64
    limit: int = 800
    seed: int = 0


def report(folder: Path, kinds: Sequence[str], how: Settings) -> tuple[dict[str, Any], Image.Image]:
    """The comparison as JSON, and the spectra as a picture. kinds: of pairings.KINDS; none: all that are possible."""
    encoder = encoders.load(how.encoder)
    photos = photo_files.load_for(encoder, folder)
    classes = photo_files.labels(photos, how.labels)
    chosen = np.sort(seeds.numpy_stream(how.seed, "limit").permutation(len(photos))[: how.limit])
    photos, classes = photos[chosen], classes[chosen]
    names = list(kinds) or [kind for kind in pairings.KINDS if kind != "captions" or all(photos.captions)]
    laws = build(photos, names, encoder, how)
    parts = photo_files.split(photos, how.seed, classes)
    found = {"photos": len(photos), "classes": len(set(classes.tolist())), "encoder": how.encoder}
    found |= compare(laws, classes, how.width, parts)
    spectra = {name: way["spectrum"] for name, way in found["ways"].items()}
    axis = plot.Axis("singular value", 0, 1)
    return found, plot.lines(spectra, "How far each kind of pair connects the photos", plot.Axis("rank"), axis)


def build(photos: Photos, kinds: Sequence[str], encoder: Encoder, how: Settings) -> Mapping[str, np.ndarray]:
    """The joint law of each way. UnknownNameError for one that is none."""
    for kind in kinds:
        if kind not in pairings.KINDS:
            raise UnknownNameError("way of making pairs", kind, pairings.KINDS)
    rows = features(encoder, photos) if set(kinds) & {"views", "teacher"} else None
    known = cast(np.ndarray, rows)  # computed wherever one of these ways asks for it
    makers = {
        "captions": lambda: pairings.caption_law(photos, encoder, how.clusters, how.seed),
        "views": lambda: pairings.view_law(photos, encoder, known, seed=how.seed),
        "teacher": lambda: pairings.teacher_law(known, how.neighbours),
    }
    return {kind: makers[kind]() for kind in kinds}


def table(found: Mapping[str, Any]) -> list[Sequence[str]]:
    """The comparison as rows of cells, best first, with their head."""
    cells: list[Sequence[str]] = [HEAD]
    for name in found["order"]:
        way, probe = found["ways"][name], found["ways"][name]["predicted"]
        error = way["bounds"]["error"]
        bound = "says nothing" if error is None or error >= 1 else f"{error:.3f}"
        figures = [f"{way[key]:.3f}" for key in ("labelling_error", "picture_error")]
        figures += [f"{way['partners_in_class']:.1f}", f"{way['gap']:.3f}", bound]
        cells.append((name, *figures, f"{probe['value']:.3f} [{probe['low']:.3f}, {probe['high']:.3f}]"))
    return cells
