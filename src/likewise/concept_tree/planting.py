"""Where a tree comes from: a folder of photos, a concept, or a tree that is there already."""

import tempfile
import warnings
from pathlib import Path

import numpy as np

from likewise import encoders as judges
from likewise import images, imageset
from likewise.concept import Concept, library
from likewise.concept.applying import applied
from likewise.concept.prompts import expand
from likewise.concept_tree import consistency, naming
from likewise.concept_tree import record as records
from likewise.concept_tree.config import Config
from likewise.concept_tree.pictures import Look, Order, draw
from likewise.concept_tree.record import Node, Source
from likewise.concept_tree.tree import Tree, write_node
from likewise.diffusion.backbone import Backbone
from likewise.encoders.encoder import Encoder, embed
from likewise.errors import TreeSourceError, UnlikePhotosWarning
from likewise.imageset import ImageSet
from likewise.imageset.photos import TEACHING_MINIMUM
from likewise.metrics.neighbours import cosine
from likewise.tuning.going_on import name_of

PLACE = Path("trees")
# EfficientNet-Lite0, photos cropped to 128 px. 13 sets of one thing (DreamBooth's and the paper's): 0.43 to 0.76 alike.
# 300 mixtures of five different things: 0.37 at most; of three photos each of two things: 0.41 at the median.
ALIKE, ALIKE_BY, SIDE = 0.40, "efficientnet-lite0", 128
ODD = 0.8  # a photo is named where it is less like the others than this share of how alike they all are


def find(source: str | Path) -> Tree | None:
    """The tree in a folder, None where it holds none."""
    return Tree.open(source) if (Path(source) / records.FILE).is_file() else None


def is_concept(source: str | Path | Concept) -> bool:
    """Whether the source is a concept: one of the library by its name, a folder, or a run folder that holds one.

    A plain word that is no folder is meant as a name; a path that is not there, as photos.
    """
    if isinstance(source, Concept) or (isinstance(source, str) and source.strip("<>") in library().names()):
        return True
    folder = Path(source)
    return any((place / "concept.json").is_file() for place in (folder, folder / "concept")) or not (
        folder.exists() or len(folder.parts) > 1
    )


def of_photos(folder: Path, out: Path | None, name: str | None, noun: str, backbone: Backbone) -> Tree:
    """A new tree whose root is a folder's photos, or the one at `out` if it grew from these. TreeSourceError.

    TooFewImagesError below three. Warns of photos that look like different things.
    """
    photos = imageset.load(folder, minimum=TEACHING_MINIMUM, captions=False)
    name = name or name_of(folder)
    source = Source(kind="photos", name=folder.resolve().name, hash=photos.hash)
    place = out or PLACE / name
    found = _same(place, source)
    if found is not None:
        return found
    look_at(photos)
    return Tree.begin(place, name, noun, backbone, photos.images(), source)


def of_concept(
    concept: Concept, out: Path | None, name: str | None, noun: str, backbone: Backbone, config: Config, judge: Encoder
) -> Tree:
    """A new tree whose root is a concept: it draws the pictures, and the most central are split. WrongBaseError."""
    name = name or concept.name
    source = Source(kind="concept", name=concept.name, hash=concept.hash)
    place = out or PLACE / name
    found = _same(place, source)
    if found is not None:
        return found
    concept.check(backbone)
    with tempfile.TemporaryDirectory() as temp, applied(backbone, [concept]) as words:
        prompt = expand(concept.placeholder, {concept.name: concept})
        (drawn,) = draw(backbone, [Order(prompt, words, config.images, Path(temp))], Look.of(config))
        kept = consistency.central(embed(judge, drawn), config.central)
    pictures = [drawn[index] for index in sorted(kept)]
    tree = Tree.begin(place, name, noun or concept.noun, backbone, pictures, source)
    rows = concept.rows()
    if rows:
        word = naming.concept_name(name, naming.ROOT)
        card = concept.card.renamed(word)
        files = [photo.path for photo in tree.pictures(naming.ROOT).photos]
        folder = tree.free_folder(naming.ROOT)
        made = write_node(tree.folder / folder, card, rows[0] if len(rows) == 1 else rows, {}, files, files[0])
        tree.replace({naming.ROOT: Node(folder=folder, images=len(files), hash=made.hash)}, {})
    return tree


def _same(place: Path, source: Source) -> Tree | None:
    """The tree at a place, if one is there and grew from this source."""
    if not (place / records.FILE).is_file():
        return None
    tree = Tree.open(place)
    own = tree.record.source
    if own.hash != source.hash:
        needed, found = (f"{one.kind} {one.name!r} ({one.hash[:8]})" for one in (own, source))
        raise TreeSourceError(place, needed, found)
    return tree


def look_at(photos: ImageSet) -> None:
    """Warn where photos look like different things, and name those least like the others."""
    rows = embed(judges.load(ALIKE_BY), [images.cover(picture, SIDE) for picture in photos.images()])
    alike = consistency.within(rows)
    if alike >= ALIKE:
        return
    found = cosine(rows, rows)
    means = (found.sum(axis=1) - 1) / (len(found) - 1)
    odd = [photos.photos[int(place)].path.name for place in np.flatnonzero(means < ODD * alike)]
    warnings.warn(UnlikePhotosWarning(alike, ALIKE, odd), stacklevel=3)
