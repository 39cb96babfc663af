"""The trade-off as inline SVG: what each model gained in likeness against what it kept of heeding prompts."""

from collections.abc import Sequence
from dataclasses import dataclass

from likewise.images.markup import Markup, join, tag
from likewise.metrics.intervals import Interval

WIDTH, HEIGHT = 560, 430
LEFT, RIGHT, TOP, BOTTOM = 58, 22, 16, 50
LEVELS = (0.2, 0.4, 0.6, 0.8)  # of worth
MARGIN = 0.04  # of the plot, beyond 0 and 1
LINE, LETTER = 15, 6.4  # pixels a line and, about, a letter of a label takes


@dataclass(frozen=True)
class Point:
    """One model: its shares with their intervals."""

    label: str
    fidelity: Interval
    gain: Interval
    kind: str = ""  # "chosen", "base" or nothing


def draw(points: Sequence[Point], weight: float, *, path: bool = True, label: str = "The trade-off") -> Markup:
    """The plot as an <svg>; path: join the points in their order; weight: the exponent of likeness in worth."""
    line = "M" + "L".join(f"{_px(_x(one.fidelity.value))} {_px(_y(one.gain.value))}" for one in points)
    return tag(
        "svg",
        _axes(),
        [_level(worth, weight) for worth in LEVELS],
        tag("path", class_="way", d=line) if path and len(points) > 1 else "",
        [_whiskers(one) for one in points],
        [_dot(one) for one in points],
        _labels(points),
        view_box=f"0 0 {WIDTH} {HEIGHT}",
        role="img",
        aria_label=label,
        class_="trade",
    )


def _x(share: float) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * (share + MARGIN) / (1 + 2 * MARGIN)


def _y(share: float) -> float:
    return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (share + MARGIN) / (1 + 2 * MARGIN)


def _axes() -> Markup:
    lines = []
    for share in (0, 0.25, 0.5, 0.75, 1):
        x, y, text = _px(_x(share)), _px(_y(share)), f"{100 * share:.0f}%"
        lines += [tag("line", class_="grid", x1=x, x2=x, y1=TOP, y2=HEIGHT - BOTTOM)]
        lines += [tag("line", class_="grid", x1=LEFT, x2=WIDTH - RIGHT, y1=y, y2=y)]
        lines += [tag("text", text, class_="tick", x=x, y=HEIGHT - BOTTOM + 16, text_anchor="middle")]
        lines += [tag("text", text, class_="tick", x=LEFT - 7, y=_px(_y(share) + 3.5), text_anchor="end")]
    across = {"class_": "axis", "text_anchor": "middle"}
    middle = (HEIGHT - BOTTOM + TOP) / 2
    lines.append(tag("text", "prompts come true", x=(WIDTH + LEFT - RIGHT) / 2, y=HEIGHT - 10, **across))
    lines.append(tag("text", "looks like the photos", transform=f"translate(14 {middle}) rotate(-90)", **across))
    return join(lines)


def _level(worth: float, weight: float) -> Markup:
    """The curve of all points of equal worth, but for copies and drift: gain^w fidelity^(1-w) = worth."""
    start = worth ** (1 / (1 - weight))  # where likeness is full
    shares = [start + (1 - start) * step / 40 for step in range(41)]
    curve = [(x, (worth / x ** (1 - weight)) ** (1 / weight)) for x in shares]
    line = "M" + "L".join(f"{_px(_x(x))} {_px(_y(y))}" for x, y in curve)
    x, y = curve[-1]
    name = tag("text", f"{worth:g}", class_="tick iso", x=_px(_x(x) + 3), y=_px(_y(y) + 3.5))
    return join(tag("path", class_="iso", d=line), name)


def _whiskers(one: Point) -> Markup:
    x, y = _px(_x(one.fidelity.value)), _px(_y(one.gain.value))
    across = tag("line", class_="whisker", x1=_px(_x(one.fidelity.low)), x2=_px(_x(one.fidelity.high)), y1=y, y2=y)
    return join(across, tag("line", class_="whisker", x1=x, x2=x, y1=_px(_y(one.gain.low)), y2=_px(_y(one.gain.high))))


def _dot(one: Point) -> Markup:
    style, radius = f"dot {one.kind}".strip(), 7 if one.kind == "chosen" else 5
    return tag("circle", class_=style, cx=_px(_x(one.fidelity.value)), cy=_px(_y(one.gain.value)), r=radius)


def _labels(points: Sequence[Point]) -> Markup:
    """A label beside each point, where it touches neither a point nor another label; the chosen one's first."""
    taken = [(_x(one.fidelity.value) - 6, _y(one.gain.value) - 6, 12.0, 12.0) for one in points]
    drawn = []
    for one in sorted(points, key=lambda one: one.kind != "chosen"):
        box = _free(one, taken)
        taken.append(box)
        style = "name bold" if one.kind == "chosen" else "name"
        drawn.append(tag("text", one.label, class_=style, x=_px(box[0] + 2), y=_px(box[1] + 11)))
    return join(drawn)


Box = tuple[float, float, float, float]  # left, top, width, height


def _free(one: Point, taken: Sequence[Box]) -> Box:
    x, y, width = _x(one.fidelity.value), _y(one.gain.value), len(one.label) * LETTER + 4
    places = [
        (left, top, width, float(LINE))
        for reach in (0, 16, 32, 48, 64)
        for left, top in (
            (x + 9, y - 8 - reach),
            (x - 9 - width, y - 8 - reach),
            (x + 9, y - 8 + reach),
            (x - 9 - width, y - 8 + reach),
        )
    ]
    inside = [
        box
        for box in places
        if box[0] >= LEFT and box[0] + width <= WIDTH and box[1] >= TOP and box[1] + LINE <= HEIGHT - BOTTOM
    ]
    return next((box for box in inside if not any(_touch(box, other) for other in taken)), places[0])


def _touch(first: Box, second: Box) -> bool:
    return all(
        first[axis] < second[axis] + second[axis + 2] and second[axis] < first[axis] + first[axis + 2]
        for axis in (0, 1)
    )


def _px(value: float) -> str:
    return f"{value:.1f}"
