"""The world: image i of world w is a pure function of (w, i), so nothing has to be stored to see it again."""

from dataclasses import dataclass
from functools import cached_property
from itertools import product
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

from likewise.seeds import numpy_stream
from likewise.toybox import captions, scenes
from likewise.toybox.concepts import MASCOTS, STYLES, Concept, concepts
from likewise.toybox.photos import Photos
from likewise.toybox.sprites import Sprites

PX = 128
CELL = 8  # px of a latent cell
HELD_PAIRS, HELD_COMPOSITIONS = 60, 200


@dataclass(frozen=True)
class Subject:
    """One drawn thing: its name and where it stands; centre and size are shares of the picture, tilt is in degrees."""

    name: str
    x: float
    y: float
    size: float
    tilt: float


@dataclass(frozen=True)
class Scene:
    """All that a picture shows, and the words for it."""

    style: str
    subjects: tuple[Subject, ...]
    background: str
    light: float  # 1 is neutral
    caption: str
    key: int  # names the streams that draw the background


@dataclass(frozen=True)
class World:
    """A seeded world over a folder of sprites; `photos` adds real pictures as style 'photo'."""

    sprites: Sprites
    seed: int = 0
    limit: int | None = None
    photos: Photos | None = None
    photo_share: float = 0.12
    pairs_held: int = HELD_PAIRS
    compositions_held: int = HELD_COMPOSITIONS

    @cached_property
    def concepts(self) -> tuple[Concept, ...]:
        """What training may show."""
        return concepts(self.limit)

    @cached_property
    def held_pairs(self) -> frozenset[tuple[str, str]]:
        """(subject, style) pairs never seen in training; the subject is seen in its other three styles."""
        order = numpy_stream(self.seed, "held pairs").permutation(len(self.concepts))[: self.pairs_held]
        return frozenset((self.concepts[i].name, STYLES[k % 4]) for k, i in enumerate(order))

    @cached_property
    def held_compositions(self) -> tuple[tuple[str, str, str], ...]:
        """(subject, style, background) never seen together in training; each part is seen in other company."""
        names, places = [c.name for c in self.concepts], list(scenes.BACKGROUNDS)
        rng, found = numpy_stream(self.seed, "held compositions"), []
        order = rng.permutation(len(names) * len(places))
        for k, index in enumerate(order):
            name, place = names[index // len(places)], places[index % len(places)]
            style = STYLES[k % 4]
            if (name, style) not in self.held_pairs:
                found.append((name, style, place))
            if len(found) == self.compositions_held:
                break
        return tuple(found)

    @cached_property
    def _pairs(self) -> list[tuple[str, str]]:
        return [(c.name, s) for c, s in product(self.concepts, STYLES) if (c.name, s) not in self.held_pairs]

    @cached_property
    def _closed(self) -> frozenset[tuple[str, str]]:
        return frozenset((name, place) for name, _, place in self.held_compositions)

    @cached_property
    def _category(self) -> dict[str, str]:
        return {c.name: c.category for c in (*self.concepts, *MASCOTS)}

    def scene(self, index: int) -> Scene:
        """Training scene `index`: drawn subjects only, nothing that is held out."""
        rng = numpy_stream(self.seed, "scene", index)
        name, style = self._pairs[int(rng.integers(len(self._pairs)))]
        names = [name]
        if rng.random() < 0.08:
            partners = [n for n, s in self._pairs if s == style]
            names.append(name if rng.random() < 0.3 else partners[int(rng.integers(len(partners)))])
        places = [b for b in scenes.BACKGROUNDS if all((n, b) not in self._closed for n in names)]
        return self._stage(rng, names, style, places[int(rng.integers(len(places)))])

    def composition(self, name: str, style: str, background: str, index: int = 0) -> Scene:
        """A single, centred subject before a background: what evaluation asks for, and its true picture."""
        rng = numpy_stream(self.seed, "composition", name, style, background, index)
        subject = Subject(name, 0.5, 0.54, rng.uniform(0.6, 0.72), 0.0)
        words = captions.plain_caption(style, name, background)
        return Scene(style, (subject,), background, 1.0, words, int(rng.integers(2**62)))

    def portrait(self, name: str, style: str, index: int) -> Scene:
        """Photo `index` of a subject for teaching: one subject in varied places, sizes and light."""
        rng = numpy_stream(self.seed, "portrait", name, style, index)
        places = [b for b in scenes.BACKGROUNDS if b not in ("on a black background",)]
        return self._stage(rng, [name], style, places[int(rng.integers(len(places)))], talk=False)

    def _stage(
        self, rng: np.random.Generator, names: list[str], style: str, background: str, talk: bool = True
    ) -> Scene:
        # Subjects stay near the middle at much the same size: what varies less is drawn well much sooner.
        size = float(rng.uniform(0.58, 0.76)) if len(names) == 1 else float(rng.uniform(0.42, 0.48))
        free = (1 - size) / 2
        tilt = float(rng.uniform(-15, 15)) if rng.random() < 0.12 else 0.0
        if len(names) == 1:
            dx, dy = rng.uniform(-0.4, 0.4) * free, rng.uniform(-0.1, 0.5) * free
            subjects: tuple[Subject, ...] = (Subject(names[0], 0.5 + dx, 0.5 + dy, size, tilt),)
            big = "big" if size > 0.72 else "small" if size < 0.62 else ""
            side = "on the left" if dx < -0.05 else "on the right" if dx > 0.05 else ""
        else:
            y = rng.uniform(0.5, 0.62)
            subjects = (Subject(names[0], 0.27, y, size, tilt), Subject(names[1], 0.73, y, size, 0.0))
            big = side = ""
        said = [n if rng.random() > 0.08 or not talk else self._category[n] for n in names]
        words = captions.caption(
            rng,
            style=style,
            subjects=said if len(said) == 1 or names[0] != names[1] else [said[0], said[0]],
            size=big if rng.random() < 0.5 else "",
            place=side if rng.random() < 0.5 else "",
            background=background,
        )
        light = float(rng.uniform(0.85, 1.12)) if rng.random() < 0.3 else 1.0
        return Scene(style, subjects, background, light, words, int(rng.integers(2**62)))

    def draw(self, scene: Scene, px: int = PX) -> Image.Image:
        """The picture of a scene, RGB, px x px."""
        image = scenes.draw(scene.background, numpy_stream(scene.key, "background"), px)
        for subject in scene.subjects:
            framed, (x, y) = self._placed(scene, subject, px)
            dark = scenes.shadow(framed.getchannel("A"), 0.3)
            image.paste((20, 20, 30), (x + _pad(px) // 2, y + _pad(px)), dark)
            image.paste(framed, (x, y), framed)
        if scene.light == 1.0:
            return image

        def lit(value: int) -> int:
            return min(255, round(value * scene.light))

        return image.point(lit)

    def picture(self, index: int) -> tuple[Image.Image, str]:
        """Image `index` of the world and its caption; a fixed share of indices are real photos, where there are any."""
        photo = self._photo(index)
        if photo is not None:
            return photo
        scene = self.scene(index)
        return self.draw(scene), scene.caption

    def coverage(self, index: int) -> np.ndarray:
        """How much of each latent cell of image `index` its subjects cover, 0 to 255 (16, 16); nothing of a photo."""
        covered = Image.new("L", (PX, PX))
        if self._photo(index) is None:
            scene = self.scene(index)
            for subject in scene.subjects:
                sprite, place = self._placed(scene, subject, PX)
                covered.paste(255, place, sprite.getchannel("A"))
        return np.array(covered.resize((PX // CELL, PX // CELL), Image.Resampling.BOX))

    def _photo(self, index: int) -> tuple[Image.Image, str] | None:
        rng = numpy_stream(self.seed, "kind", index)
        if self.photos is None or rng.random() >= self.photo_share:
            return None
        return self.photos.picture(int(rng.integers(len(self.photos))), PX)

    def _placed(self, scene: Scene, subject: Subject, px: int) -> tuple[Image.Image, tuple[int, int]]:
        """A subject's sprite as the scene shows it, and its upper left corner."""
        sprite = self.sprites.get(scene.style, subject.name)
        framed = _framed(sprite, subject, px, outline=scene.style == "sticker")
        return framed, (round(subject.x * px - framed.width / 2), round(subject.y * px - framed.height / 2))


def _framed(sprite: Image.Image, subject: Subject, px: int, outline: bool) -> Image.Image:
    """The sprite at its size and tilt, with room around it for an outline."""
    scale = subject.size * px / max(sprite.size)
    size = (max(1, round(sprite.width * scale)), max(1, round(sprite.height * scale)))
    small, pad = sprite.resize(size, Image.Resampling.LANCZOS), _pad(px)
    framed = Image.new("RGBA", (small.width + 2 * pad, small.height + 2 * pad), (0, 0, 0, 0))
    framed.paste(small, (pad, pad))
    if outline:  # a sticker is cut out with a white border
        edge = framed.getchannel("A").filter(_grow(pad))
        border = Image.new("RGBA", framed.size, (255, 255, 255, 0))
        border.putalpha(edge)
        framed = Image.alpha_composite(border, framed)
    return framed.rotate(subject.tilt, Image.Resampling.BICUBIC, expand=True) if subject.tilt else framed


def _pad(px: int) -> int:
    return max(2, px // 42)


def _grow(radius: int) -> ImageFilter.MaxFilter:
    return ImageFilter.MaxFilter(2 * radius - 1)


def open_world(folder: Path, seed: int = 0, limit: int | None = None, photos: Path | None = None) -> World:
    """The world over a folder that `toybox build` filled."""
    return World(Sprites(folder / "sprites"), seed, limit, Photos.read(photos) if photos else None)
