import re

import pytest

from likewise.metrics import Interval
from likewise.verdict import tradeoff
from likewise.verdict.tradeoff import Point, draw


def point(label, x, y, kind=""):
    return Point(label, Interval(x, x - 0.05, min(1.0, x + 0.05)), Interval(y, max(0.0, y - 0.1), y + 0.1), kind)


def test_the_corners_are_where_they_belong():
    source = draw([point("a", 0.0, 0.0), point("b", 1.0, 1.0)], 0.5)
    (x0, y0), (x1, y1) = [
        (float(x), float(y)) for x, y in re.findall(r'<circle class="dot" cx="([\d.]+)" cy="([\d.]+)"', source)
    ]
    assert tradeoff.LEFT < x0 < x1 < tradeoff.WIDTH - tradeoff.RIGHT
    assert tradeoff.TOP < y1 < y0 < tradeoff.HEIGHT - tradeoff.BOTTOM


@pytest.mark.parametrize("weight", [0.3, 0.5, 0.7])
def test_on_a_dotted_line_the_worth_is_the_same(weight):
    line = re.search(r'class="iso" d="M([^"]+)"', tradeoff._level(0.4, weight))[1]
    for pair in line.split("L"):
        x, y = map(float, pair.split())
        fidelity = (x - tradeoff._x(0)) / (tradeoff._x(1) - tradeoff._x(0))
        gain = (y - tradeoff._y(0)) / (tradeoff._y(1) - tradeoff._y(0))
        assert gain**weight * fidelity ** (1 - weight) == pytest.approx(0.4, abs=0.01)


def test_labels_of_points_that_coincide_do_not_touch():
    points = [point(f"step {index}", 0.9, 0.3, "chosen" if index == 2 else "") for index in range(5)]
    source = draw(points, 0.5)
    places = re.findall(r'class="name(?: bold)?" x="([\d.]+)" y="([\d.]+)">(step \d)<', source)
    boxes = [
        (float(x) - 2, float(y) - 11, len(text) * tradeoff.LETTER + 4, float(tradeoff.LINE)) for x, y, text in places
    ]
    assert len(boxes) == 5
    assert not any(tradeoff._touch(a, b) for i, a in enumerate(boxes) for b in boxes[:i])
    assert "nan" not in source
