"""Plots of a graph's history as SVG: curves over snapshots with their intervals, and a square of shares.

Elements are built, never pasted together, so that no name from a user's file can become markup. Each drawing stands
alone: colours and letters are its own, for a reader in light or dark.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element, SubElement, register_namespace, tostring

SPACE = "http://www.w3.org/2000/svg"
register_namespace("", SPACE)
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM, LINE = 680, 280, 52, 18, 40, 40, 20
COLOURS = ("#0b6e63", "#c8642b", "#5a5fb0", "#a83f6f", "#7a8a1f", "#2d7fb8", "#8c5a2b", "#666f75")
STYLE = (
    "text{font:12px system-ui,sans-serif;fill:#4a555b} .title{font-weight:600;font-size:14px;fill:#1d2327} "
    ".grid{stroke:#dcdad4} .mark{stroke:#4a555b;stroke-dasharray:3 4} .curve{fill:none;stroke-width:2} "
    ".band{opacity:.15;stroke:none} .back{fill:#fff}"
)


@dataclass(frozen=True)
class Curve:
    """One line: (place, value) pairs, and the interval of each where it has one."""

    name: str
    points: Sequence[tuple[int, float]]
    spans: Sequence[tuple[float, float]] = field(default=())


def curves(title: str, lines: Sequence[Curve], labels: Sequence[str], *, since: int | None = None) -> str:
    """Curves over snapshots as one <svg>; since: the first place that training never saw, marked by a line."""
    root = _root(title, WIDTH, HEIGHT)
    low, high = _range(lines)
    last = max(1, len(labels) - 1)

    def x(place: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * place / last

    def y(value: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (1 - (value - low) / (high - low))

    for tick in _ticks(low, high):
        _add(root, "line", x1=LEFT, x2=WIDTH - RIGHT, y1=y(tick), y2=y(tick), **{"class": "grid"})
        _text(root, f"{tick:.2f}", LEFT - 8, y(tick) + 4, "end")
    every = max(1, math.ceil(len(labels) * max(map(len, labels)) * 7 / (WIDTH - LEFT)))
    for place in range(0, len(labels), every):
        anchor = "start" if not place else "end" if place == len(labels) - 1 else "middle"
        _text(root, labels[place], x(place), HEIGHT - BOTTOM + 20, anchor)
    if since is not None:
        _add(root, "line", x1=x(since - 0.5), x2=x(since - 0.5), y1=TOP, y2=HEIGHT - BOTTOM, **{"class": "mark"})
        _text(root, "never seen in training", x(since - 0.5) + 5, TOP + 10, "start")
    for number, line in enumerate(lines):
        _curve(root, line, COLOURS[number % len(COLOURS)], x, y)
    _legend(root, [line.name for line in lines])
    return _written(root)


def square(title: str, shares: Sequence[Sequence[float]], labels: Sequence[str]) -> str:
    """Row t, column s as a square, dark where the row's share is large; what lies above the diagonal is left out."""
    cell = max(8, min(34, 520 // len(labels)))
    wide = cell * len(labels)
    edge = 14 + 7 * max(map(len, labels))
    root = _root(title, max(edge + wide + 20, 560), TOP + wide + 44)
    every = max(1, math.ceil(14 / cell))
    for t, row in enumerate(shares):
        most = max(row) or 1.0
        if t % every == 0:
            _text(root, labels[t], edge - 6, TOP + cell * (t + 0.5) + 4, "end")
        for s in range(t + 1):
            box = {"x": edge + cell * s, "y": TOP + cell * t, "width": cell - 1, "height": cell - 1}
            shade = _add(root, "rect", **box, fill=COLOURS[0], opacity=round(max(0.04, row[s] / most), 3))
            SubElement(shade, _tag("title")).text = f"{labels[t]} on links of {labels[s]}: {row[s]:.0%}"
    _text(
        root,
        "down: when it looks; across: whose links; the darkest of a row takes most of it",
        edge,
        TOP + wide + 24,
        "start",
    )
    return _written(root)


def _curve(root: Element, line: Curve, colour: str, x, y) -> None:
    places = [(x(place), y(value)) for place, value in line.points]
    if line.spans:
        upper = [(x(place), y(high)) for (place, _), (_, high) in zip(line.points, line.spans, strict=True)]
        lower = [(x(place), y(low)) for (place, _), (low, _) in zip(line.points, line.spans, strict=True)]
        _add(root, "path", d=_path([*upper, *reversed(lower)]) + "Z", fill=colour, **{"class": "band"})
    _add(root, "path", d=_path(places), stroke=colour, **{"class": "curve"})
    for (px, py), (_, value) in zip(places, line.points, strict=True):
        dot = _add(root, "circle", cx=px, cy=py, r=3, fill=colour)
        SubElement(dot, _tag("title")).text = f"{line.name}: {value:.3f}"


def _legend(root: Element, names: Sequence[str]) -> None:
    if len(names) < 2:
        return
    place, row = LEFT, HEIGHT + 4
    for number, name in enumerate(names):
        wide = 30 + 7 * len(name)
        if place + wide > WIDTH - RIGHT and place > LEFT:
            place, row = LEFT, row + LINE
        _add(root, "circle", cx=place + 5, cy=row - 4, r=4, fill=COLOURS[number % len(COLOURS)])
        _text(root, name, place + 14, row, "start")
        place += wide
    tall = row + 12
    root.set("viewBox", f"0 0 {WIDTH} {tall}")
    root.set("height", str(tall))
    root[1].set("height", str(tall))  # the paper behind


def _range(lines: Sequence[Curve]) -> tuple[float, float]:
    seen = [value for line in lines for _, value in line.points]
    seen += [end for line in lines for span in line.spans for end in span]
    low, high = min(seen), max(seen)
    room = max(0.02, 0.08 * (high - low))
    return low - room, high + room


def _ticks(low: float, high: float) -> list[float]:
    rough = (high - low) / 5
    unit = 10.0 ** math.floor(math.log10(rough))
    step = next(unit * factor for factor in (1, 2, 5, 10) if unit * factor >= rough)
    return [step * index for index in range(math.ceil(low / step), math.floor(high / step) + 1)]


def _root(title: str, width: float, height: float) -> Element:
    root = Element(_tag("svg"), viewBox=f"0 0 {width} {height}", width=str(width), height=str(height), role="img")
    root.set("aria-label", title)
    SubElement(root, _tag("style")).text = STYLE
    _add(root, "rect", x=0, y=0, width=width, height=height, **{"class": "back"})
    _text(root, title, 14, 20, "start", **{"class": "title"})
    return root


def _text(root: Element, words: str, x: float, y: float, anchor: str, **more: object) -> None:
    _add(root, "text", x=x, y=y, **{"text-anchor": anchor, **more}).text = words


def _add(root: Element, name: str, **attributes: object) -> Element:
    listed = {key: f"{value:.1f}" if isinstance(value, float) and key != "opacity" else str(value)
              for key, value in attributes.items()}  # fmt: skip
    return SubElement(root, _tag(name), listed)


def _path(points: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{px:.1f} {py:.1f}" for px, py in points)


def _tag(name: str) -> str:
    return f"{{{SPACE}}}{name}"


def _written(root: Element) -> str:
    return tostring(root, encoding="unicode")
