"""Lines on paper: spectra, angles and losses as a PNG, drawn with Pillow alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from PIL import Image, ImageDraw, ImageFont

from likewise.images.contact import EDGE, INK, PAPER, SOFT_INK

COLOURS = ((38, 84, 140), (196, 88, 40), (50, 130, 80), (140, 70, 150), (120, 110, 40), (60, 60, 60))
WIDTH, HEIGHT = 760, 460
LEFT, RIGHT, TOP, BOTTOM = 72, 24, 74, 64
APART = 18  # pixels between two names


@dataclass(frozen=True)
class Axis:
    """A name, and the ends where they are given."""

    name: str
    low: float | None = None
    high: float | None = None


def lines(series: Mapping[str, Sequence[float]], title: str, x: Axis, y: Axis, start: int = 1) -> Image.Image:
    """One line a series, its values at start, start + 1, ...; each name stands where its line ends."""
    assert series and all(len(values) > 0 for values in series.values()), "a plot needs values"
    paper = Image.new("RGB", (WIDTH, HEIGHT), PAPER)
    draw, font, bold = ImageDraw.Draw(paper), ImageFont.load_default(14), ImageFont.load_default(18)
    last = start + max(len(values) for values in series.values()) - 1
    seen = [value for values in series.values() for value in values]
    low = min(seen) if y.low is None else y.low
    high = max(seen) if y.high is None else y.high
    high = high if high > low else low + 1
    right = WIDTH - RIGHT - round(max(draw.textlength(name, font) for name in series)) - 10

    def place(step: float, value: float) -> tuple[float, float]:
        across = (step - start) / max(1, last - start)
        up = (min(max(value, low), high) - low) / (high - low)
        return LEFT + across * (right - LEFT), HEIGHT - BOTTOM - up * (HEIGHT - TOP - BOTTOM)

    draw.text((LEFT, 16), title, fill=INK, font=bold)
    for number in range(6):
        value = low + (high - low) * number / 5
        _, height = place(start, value)
        draw.line([(LEFT, height), (right, height)], fill=EDGE)
        draw.text((LEFT - 8, height), f"{value:.3g}", fill=SOFT_INK, font=font, anchor="rm")
    for step in sorted({start, *(round(start + (last - start) * part / 4) for part in range(1, 5))}):
        draw.text((place(step, low)[0], HEIGHT - BOTTOM + 8), str(step), fill=SOFT_INK, font=font, anchor="ma")
    draw.text(((right + LEFT) / 2, HEIGHT - 26), x.name, fill=SOFT_INK, font=font, anchor="mm")
    draw.text((LEFT, TOP - 6), y.name, fill=SOFT_INK, font=font, anchor="lb")
    heights = _apart([place(start, values[-1])[1] for values in series.values()])
    for number, (name, values) in enumerate(series.items()):
        colour = COLOURS[number % len(COLOURS)]
        points = [place(start + step, value) for step, value in enumerate(values)]
        draw.line(points, fill=colour, width=3, joint="curve") if len(points) > 1 else None
        for across, height in points if len(points) <= 24 else ():
            draw.ellipse([across - 3, height - 3, across + 3, height + 3], fill=colour)
        draw.text((right + 10, heights[number]), name, fill=colour, font=font, anchor="lm")
    return paper


def _apart(heights: Sequence[float]) -> list[float]:
    """The same heights in the same order, none nearer than APART to another and none below the paper's lines."""
    ranked = sorted(range(len(heights)), key=lambda number: heights[number])
    found, floor = list(heights), float(HEIGHT - BOTTOM)
    for before, number in pairwise(ranked):
        found[number] = max(found[number], found[before] + APART)
    for number in reversed(ranked):
        found[number] = floor = min(found[number], floor)
        floor -= APART
    return found
