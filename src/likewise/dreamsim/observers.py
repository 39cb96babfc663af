"""Simulated people whose taste is known: how much colour, shape, position, count and texture weigh in what looks alike.

They answer in the same rooms as people do, so that all from the making of triplets to a tuned metric can be checked
against a truth that no human judgement has.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image, ImageDraw

from likewise import seeds
from likewise.dreamsim.room import Room
from likewise.dreamsim.room_trials import Trial

AXES = ("colour", "shape", "position", "count", "texture")
COLOURS, SHAPES, COUNTS, TEXTURES = 8, 5, 4, 5  # how many there are of each; colours stand in a circle
Ink = float | tuple[int, ...] | None  # as Pillow gives a pixel's colour and takes it
PLACES = 0.6  # largest shift of position, as a share of the picture, that counts as entirely elsewhere


@dataclass(frozen=True)
class Look:
    """What a simple picture shows: copies of one shape somewhere before a textured ground."""

    colour: int
    shape: int
    x: float  # centre of the copies, shares of the picture
    y: float
    count: int  # from 1
    texture: int

    def apart(self, other: "Look") -> np.ndarray:
        """How far two looks lie apart along each axis of AXES, (5,) in [0, 1]."""
        turn = abs(self.colour - other.colour)
        away = float(np.hypot(self.x - other.x, self.y - other.y)) / PLACES
        return np.array(
            [
                min(turn, COLOURS - turn) / (COLOURS // 2),
                float(self.shape != other.shape),
                min(1.0, away),
                abs(self.count - other.count) / (COUNTS - 1),
                float(self.texture != other.texture),
            ]
        )


@dataclass(frozen=True)
class Observer:
    """Somebody for whom the axes weigh so much, and who is unsure by `noise` of a difference of one."""

    weights: tuple[float, float, float, float, float]  # of AXES
    noise: float = 0.1

    def distance(self, first: Look, second: Look) -> float:
        """The weighted sum of how far the looks lie apart, weights made to sum to 1."""
        weights = np.array(self.weights) / sum(self.weights)
        return float(weights @ first.apart(second))

    def nearer(self, reference: Look, left: Look, right: Look, rng: np.random.Generator) -> str:
        """ "left" or "right": the one with the smaller distance, each as far as the noise lets it be seen."""
        leaning = self.distance(reference, right) - self.distance(reference, left)
        return "left" if leaning + self.noise * rng.standard_normal() > 0 else "right"


def look(rng: np.random.Generator) -> Look:
    """Any look at all."""
    x, y = rng.uniform(0.3, 0.7, 2)
    return Look(
        int(rng.integers(COLOURS)),
        int(rng.integers(SHAPES)),
        float(x),
        float(y),
        int(rng.integers(1, COUNTS + 1)),
        int(rng.integers(TEXTURES)),
    )


def question(seed: int, index: int) -> tuple[Look, Look, Look]:
    """Reference, left and right of question `index`: each side differs along its own two or three axes."""
    rng = seeds.numpy_stream(seed, "question", index)
    reference = look(rng)
    order = [AXES[place] for place in rng.permutation(len(AXES))]
    cut = int(rng.integers(2, 4))
    return reference, _changed(reference, order[:cut], rng), _changed(reference, order[cut:], rng)


def _changed(reference: Look, axes: Sequence[str], rng: np.random.Generator) -> Look:
    """The reference with another value on each of these axes."""
    found = reference
    for axis in axes:
        if axis == "position":
            turn, far = rng.uniform(0, 2 * np.pi), rng.uniform(0.15, 0.4)
            place = (found.x + far * np.cos(turn), found.y + far * np.sin(turn))
            x, y = (float(np.clip(value, 0.25, 0.75)) for value in place)
            found = replace(found, x=x, y=y)
        else:
            size, first = {
                "colour": (COLOURS, 0),
                "shape": (SHAPES, 0),
                "count": (COUNTS, 1),
                "texture": (TEXTURES, 0),
            }[axis]
            step = int(rng.integers(1, size))
            found = replace(found, **{axis: first + (getattr(found, axis) - first + step) % size})
    return found


def places(one: Look) -> list[tuple[float, float]]:
    """The centres of the copies, in a square around the look's own centre, shares of the picture."""
    if one.count == 1:
        return [(one.x, one.y)]
    corners = [(-0.12, -0.12), (0.12, 0.12), (0.12, -0.12), (-0.12, 0.12)]
    return [(one.x + dx, one.y + dy) for dx, dy in corners[: one.count]]


def draw(one: Look, px: int = 96) -> Image.Image:
    """A plain drawing of a look, px a side: what the default tests use in place of sprites."""
    ground = Image.new("RGB", (px, px), (236, 234, 228))
    pen = ImageDraw.Draw(ground)
    _texture(pen, one.texture, px)
    hue = one.colour * 255 // COLOURS
    fill = Image.new("HSV", (1, 1), (hue, 190, 205)).convert("RGB").getpixel((0, 0))
    radius = px * (0.2 if one.count == 1 else 0.1)
    for x, y in places(one):
        _shape(pen, one.shape, (x * px, y * px), radius, fill)
    return ground


def _texture(pen: ImageDraw.ImageDraw, kind: int, px: int) -> None:
    step, ink = px // 8, (196, 192, 184)
    for place in range(0, 2 * px, step):
        if kind == 1:
            pen.line((place, 0, place - px, px), fill=ink, width=max(1, step // 3))
        elif kind == 2:
            pen.line((0, place, px, place), fill=ink, width=max(1, step // 3))
        elif kind in (3, 4):
            for other in range(0, px, step):
                box = (place, other, place + step // 2, other + step // 2)
                (pen.ellipse if kind == 3 else pen.rectangle)(box, fill=ink)


def _shape(pen: ImageDraw.ImageDraw, kind: int, centre: tuple[float, float], radius: float, fill: Ink) -> None:
    x, y = centre
    if kind == 0:
        pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=fill)
    elif kind == 1:
        pen.rectangle((x - radius, y - radius, x + radius, y + radius), fill=fill)
    elif kind == 4:
        thin = radius / 3
        pen.rectangle((x - radius, y - thin, x + radius, y + thin), fill=fill)
        pen.rectangle((x - thin, y - radius, x + thin, y + radius), fill=fill)
    else:
        pen.regular_polygon((x, y, radius * 1.2), 3 if kind == 2 else 6, fill=fill)


Answering = Callable[[Trial, np.random.Generator], tuple[str, float]]  # what is pressed, and milliseconds


def attentive(observer: Observer, looks: Mapping[str, Look], lapse: float = 0.01) -> Answering:
    """Somebody who looks, and presses the wrong key in `lapse` of the answers. looks: by picture path."""

    def answer(trial: Trial, rng: np.random.Generator) -> tuple[str, float]:
        reference, left, right = (looks[name] for name in trial.pictures)
        side = observer.nearer(reference, left, right, rng)
        wrong = rng.random() < lapse
        return {"left": "right", "right": "left"}[side] if wrong else side, _time(rng, 1100)

    return answer


def clicking(fast: bool = False) -> Answering:
    """Somebody who presses at random, without looking; fast: at once."""
    return lambda trial, rng: (str(rng.choice(["left", "right"])), _time(rng, 150 if fast else 700))


def sided(side: str = "left", share: float = 0.9) -> Answering:
    """Somebody who mostly presses one side."""
    other = {"left": "right", "right": "left"}[side]
    return lambda trial, rng: (side if rng.random() < share else other, _time(rng, 800))


def visit(room: Room, name: str, answering: Answering, seed: int = 0) -> int:
    """Let a simulated person judge all that a room has for them; the number of their answers."""
    person = room.enter(name)
    given = 0
    while block := room.begin(person):
        for index in block.open:
            rng = seeds.numpy_stream(seed, "visit", name, block.number, index)
            pressed, ms = answering(block.trials[index], rng)
            room.judge(person, block.number, index, [pressed], [ms], {})
            given += 1
    return given


def _time(rng: np.random.Generator, typical: float) -> float:
    """A response time, ms: log-normal around a median, as people's are."""
    return float(typical * np.exp(0.35 * rng.standard_normal()))
