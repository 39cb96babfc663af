"""A curve with its interval band as inline SVG: one measure over the steps of a run."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from likewise.images.markup import Markup, join, tag
from likewise.metrics.intervals import Interval

WIDTH, HEIGHT = 320, 190
LEFT, RIGHT, TOP, BOTTOM = 40, 12, 14, 26


@dataclass(frozen=True)
class Curve:
    """One measure at every step, and levels to draw across: (name, value)."""

    steps: Sequence[int]
    values: Sequence[Interval]
    levels: Sequence[tuple[str, float]] = ()
    share: bool = False  # an axis from 0 to 100 %
    chosen: int | None = None


def draw(curve: Curve, label: str) -> Markup:
    """The curve as an <svg>; `label` is read out to those who cannot see it."""
    low, high = _range(curve)
    ticks = _ticks(low, high)

    def x(step: int) -> float:
        first, last = curve.steps[0], curve.steps[-1]
        return LEFT + (WIDTH - LEFT - RIGHT) * ((step - first) / (last - first) if last > first else 0.5)

    def y(value: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (1 - (value - low) / (high - low))

    points = [(x(step), interval) for step, interval in zip(curve.steps, curve.values, strict=True)]
    return tag(
        "svg",
        [_grid(y(tick), _number(tick, curve.share, ticks[1] - ticks[0])) for tick in ticks],
        [_label(x(step), step, step == curve.chosen) for step in _labelled(curve, x)],
        tag("path", class_="band", d=_band(points, y)),
        [_level(y(value), name) for name, value in curve.levels],
        _mark(x(curve.chosen)) if curve.chosen is not None else "",
        tag("path", class_="curve", d=_line([(px, y(interval.value)) for px, interval in points])),
        [_dot(px, y(one.value), step == curve.chosen) for step, (px, one) in zip(curve.steps, points, strict=True)],
        view_box=f"0 0 {WIDTH} {HEIGHT}",
        role="img",
        aria_label=label,
    )


def _range(curve: Curve) -> tuple[float, float]:
    if curve.share:
        return 0.0, 1.0
    seen = [end for one in curve.values for end in (one.low, one.high)] + [value for _, value in curve.levels]
    low, high = min(seen), max(seen)
    room = max(0.01, 0.08 * (high - low))
    return low - room, high + room


def _ticks(low: float, high: float) -> list[float]:
    """Two to six round numbers inside the range."""
    rough = (high - low) / 5
    unit = 10.0 ** math.floor(math.log10(rough))
    step = next(unit * factor for factor in (1, 2, 5, 10) if unit * factor >= rough)
    first = math.ceil(low / step - 1e-9)
    return [index * step for index in range(first, math.floor(high / step + 1e-9) + 1)]


def _number(value: float, share: bool, step: float) -> str:
    decimals = max(2, -math.floor(math.log10(step) + 1e-9))
    return f"{100 * value:.0f}%" if share else f"{value:.{decimals}f}"


def _labelled(curve: Curve, x: Callable[[int], float]) -> list[int]:
    """Steps whose labels do not touch: the chosen one first, then the others from the end."""
    kept: list[int] = []
    order = [curve.chosen] if curve.chosen in curve.steps else []
    for step in [*order, curve.steps[-1], curve.steps[0], *reversed(curve.steps)]:
        if all(abs(x(step) - x(other)) >= 34 for other in kept):
            kept.append(step)
    return sorted(kept)


def _grid(height: float, text: str) -> Markup:
    line = tag("line", class_="grid", x1=LEFT, x2=WIDTH - RIGHT, y1=_px(height), y2=_px(height))
    return join(line, tag("text", text, class_="tick", x=LEFT - 6, y=_px(height + 3.5), text_anchor="end"))


def _label(place: float, step: int, chosen: bool) -> Markup:
    style = "tick chosen" if chosen else "tick"
    return tag("text", str(step), class_=style, x=_px(place), y=HEIGHT - 8, text_anchor="middle")


def _level(height: float, name: str) -> Markup:
    line = tag("line", class_="level", x1=LEFT, x2=WIDTH - RIGHT, y1=_px(height), y2=_px(height))
    return join(line, tag("text", name, class_="name", x=LEFT + 5, y=_px(height - 5)))


def _mark(place: float) -> Markup:
    return tag("line", class_="mark", x1=_px(place), x2=_px(place), y1=TOP, y2=HEIGHT - BOTTOM)


def _dot(place: float, height: float, chosen: bool) -> Markup:
    return tag("circle", class_="dot chosen" if chosen else "dot", cx=_px(place), cy=_px(height), r=5 if chosen else 3)


def _line(points: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{_px(px)} {_px(py)}" for px, py in points)


def _band(points: Sequence[tuple[float, Interval]], y: Callable[[float], float]) -> str:
    upper = [(px, y(one.high)) for px, one in points]
    lower = [(px, y(one.low)) for px, one in reversed(points)]
    return _line([*upper, *lower]) + "Z"


def _px(value: float) -> str:
    return f"{value:.1f}"
