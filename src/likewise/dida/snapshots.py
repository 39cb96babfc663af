"""Links cut into snapshots: by the calendar, by a width of time, or into so many of about equal size."""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import torch

from likewise.dida.graph import Graph
from likewise.dida.reading import Links
from likewise.errors import CalendarError, SettingError, TooFewSnapshotsError

CALENDAR = ("year", "quarter", "month", "week", "day", "hour")
COUNT = 16
MOST = 10_000  # snapshots; more is a width in the wrong unit
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def cut(links: Links, *, every: str | float | None = None, count: int | None = None) -> Graph:
    """The links as a graph of snapshots.

    every: "year", "quarter", "month", "week", "day" or "hour" for dates, or a width in the unit of plain times;
    snapshots without links are kept. count: how many snapshots of about as many links each (16); links of one time are
    never parted. Raises CalendarError, SettingError, TooFewSnapshotsError.
    """
    if every is not None and count is not None:
        raise SettingError("snapshots", count, "give either it or every, not both")
    place, labels, opens = (
        _by_count(links, COUNT if count is None else count) if every is None else _by_width(links, every)
    )
    if len(labels) < 2:
        raise TooFewSnapshotsError(len(labels), 2, "to learn how one follows from another")
    ends = np.cumsum(np.bincount(place, minlength=len(labels)))
    edges = torch.from_numpy(np.stack([links.source, links.target]))
    domain = torch.from_numpy(links.domain)
    return Graph(
        edges,
        tuple(ends.tolist()),
        domain,
        nodes=links.nodes,
        domains=links.domains,
        labels=tuple(_distinct(labels)),
        opens=tuple(opens.tolist()),
    )


Cut = tuple[np.ndarray, list[str], np.ndarray]  # each link's snapshot; labels; where they begin and the last ends


def _by_count(links: Links, count: int) -> Cut:
    wanted = [min(len(links) - 1, round(i * len(links) / count)) for i in range(count)]
    starts = np.unique(links.time[wanted])
    place = np.searchsorted(starts, links.time, side="right") - 1
    first, last = (np.searchsorted(place, np.arange(len(starts)), side) for side in ("left", "right"))
    spans = zip(links.time[first], links.time[last - 1], strict=True)
    opens = np.append(starts, np.nextafter(links.time[-1], np.inf))
    return place, [f"{_shown(a, links.dated)} to {_shown(b, links.dated)}" for a, b in spans], opens


def _by_width(links: Links, every: str | float) -> Cut:
    if every in CALENDAR:
        if not links.dated:
            raise CalendarError(str(every))
        number = _numbers(links.time, str(every))
        name, opening = _name(str(every)), _opening(str(every))
    else:
        width = _width(every)
        number = np.floor((links.time - links.time[0]) / width).astype(np.int64)
        scale, start = (86400.0 if links.dated else 1.0), links.time[0]
        if links.dated:  # a plain width means days there
            number = np.floor((links.time - start) / (width * scale)).astype(np.int64)

        def begins(index: np.ndarray | np.float64) -> np.ndarray:
            return start + index * width * scale

        def called(index: int) -> str:
            return f"from {_shown(float(begins(np.float64(index))), links.dated)}"

        name, opening = called, begins

    count = int(number[-1] - number[0]) + 1
    if count > MOST:
        raise SettingError("every", every, f"it makes {count} snapshots; choose a width that makes {MOST} at most")
    opens = opening(number[0] + np.arange(count + 1)).astype(np.float64)
    return number - number[0], [name(int(number[0]) + index) for index in range(count)], opens


def _width(every: str | float) -> float:
    try:
        width = float(every)
    except ValueError:
        width = -1.0
    if not 0 < width < float("inf"):
        raise SettingError("every", every, f"give one of {', '.join(CALENDAR)}, or a width above 0")
    return width


def _numbers(time: np.ndarray, every: str) -> np.ndarray:
    """The number of each moment's year, quarter, ... since 1970."""
    seconds = np.floor(time).astype("int64")
    moments = seconds.astype("datetime64[s]")
    if every == "year":
        return moments.astype("datetime64[Y]").astype(np.int64)
    if every in ("month", "quarter"):
        return moments.astype("datetime64[M]").astype(np.int64) // (3 if every == "quarter" else 1)
    if every == "week":
        return (seconds // 86400 + 3) // 7  # from Monday; 1970 began on a Thursday
    return seconds // (86400 if every == "day" else 3600)


def _opening(every: str) -> Callable[[np.ndarray], np.ndarray]:
    """From numbers of years, quarters, ... since 1970 to the seconds at which they begin: `_numbers` turned round."""
    unit, size = {"year": ("Y", 1), "quarter": ("M", 3), "month": ("M", 1)}.get(every, ("", 0))
    if unit:
        return lambda n: (n * size).astype(f"datetime64[{unit}]").astype("datetime64[s]").astype(np.int64)
    if every == "week":
        return lambda n: (7 * n - 3) * 86400
    return lambda n: n * (86400 if every == "day" else 3600)


def _name(every: str) -> Callable[[int], str]:
    """What a year, quarter, ... is called by its number."""
    return {
        "year": lambda n: str(1970 + n),
        "quarter": lambda n: f"{1970 + n // 4}-Q{n % 4 + 1}",
        "month": lambda n: f"{1970 + n // 12}-{n % 12 + 1:02d}",
        "week": lambda n: f"week of {(EPOCH + timedelta(days=7 * n - 3)).date()}",
        "day": lambda n: str((EPOCH + timedelta(days=n)).date()),
        "hour": lambda n: f"{EPOCH + timedelta(hours=n):%Y-%m-%d %H}h",
    }[every]


def _distinct(labels: Sequence[str]) -> list[str]:
    """The labels, those that came before with a number behind them."""
    seen, found = Counter(), []
    for label in labels:
        seen[label] += 1
        found.append(f"{label} ({seen[label]})" if seen[label] > 1 else label)
    return found


def _shown(time: float, dated: bool) -> str:
    if not dated:
        return str(int(time)) if float(time).is_integer() and abs(time) < 2**63 else f"{time:.15g}"
    moment = EPOCH + timedelta(seconds=float(time))
    return str(moment.date()) if moment.time() == moment.min.time() else f"{moment:%Y-%m-%d %H:%M}"
