"""Links from a CSV or Parquet file, every row checked; what is wrong is told by line and column.

A row needs a source, a target and a time; it may name a domain. Times are all dates (ISO 8601) or all numbers.
"""

import csv
import gzip
import importlib.util
import io
import math
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from likewise.errors import (
    BadRowsError,
    LinkFileError,
    MissingColumnError,
    MissingExtraError,
    SkippedRowsWarning,
)

SHOWN = 10  # bad rows told one by one
MEANINGS = ("source", "target", "time", "domain")


@dataclass(frozen=True)
class Links:
    """E links in the order of time, of nodes numbered in the order of their first link."""

    source: np.ndarray  # (E,) int64
    target: np.ndarray  # (E,) int64
    time: np.ndarray  # (E,) float64: seconds since 1970 where dated, else the number in the file
    domain: np.ndarray  # (E,) int64, all 0 without domains
    nodes: tuple[str, ...]
    domains: tuple[str, ...]
    dated: bool

    def __len__(self) -> int:
        return len(self.source)


def read(
    path: str | Path,
    *,
    source: str = "source",
    target: str = "target",
    time: str = "time",
    domain: str | None = None,
    skip_bad_rows: bool = False,
) -> Links:
    """The links of a .csv, .tsv (either may be .gz) or .parquet file with a header.

    source, target, time, domain: names of columns; a column called "domain" is not read unless it is named. Raises
    LinkFileError, MissingColumnError, and BadRowsError unless skip_bad_rows, which warns (SkippedRowsWarning).
    """
    path = Path(path)
    names = {"source": source, "target": target, "time": time, **({"domain": domain} if domain else {})}
    return checked(rows_of(path, names), names, path, skip_bad_rows=skip_bad_rows)


def checked(
    rows: Iterable[tuple[int, Mapping[str, str]]],
    names: Mapping[str, str],
    origin: object,
    *,
    unit: str = "line",
    skip_bad_rows: bool = False,
) -> Links:
    """Links from numbered rows of texts by meaning; names: what each meaning's column is called; origin: what it is in.

    Raises LinkFileError, and BadRowsError unless skip_bad_rows, which warns (SkippedRowsWarning).
    """
    sieve = _Sieve(unit)
    for number, row in rows:
        sieve.take(number, row, names)
    refuse(origin, sieve.problems, sieve.seen, skip=skip_bad_rows)
    if not sieve.kept:
        raise LinkFileError(origin, "it holds no link")
    return sieve.links()


def refuse(origin: object, problems: Sequence[str], seen: int, *, skip: bool) -> None:
    """BadRowsError for bad rows of a file with `seen` rows; where they may be skipped, SkippedRowsWarning."""
    if problems and not skip:
        raise BadRowsError(origin, problems[:SHOWN], len(problems))
    if problems:
        warnings.warn(SkippedRowsWarning(origin, len(problems), seen, problems[0]), stacklevel=4)


@dataclass
class _Sieve:
    """Rows gone through one by one."""

    unit: str = "line"
    problems: list[str] = field(default_factory=list)
    kept: list[tuple[str, str, float, str]] = field(default_factory=list)
    lines: dict[tuple, int] = field(default_factory=dict)  # of the rows that are kept
    dated: bool | None = None
    seen: int = 0

    def take(self, line: int, row: Mapping[str, str], names: Mapping[str, str]) -> None:
        self.seen += 1
        problem = self._problem(line, row, names)
        if problem:
            self.problems.append(f"{self.unit} {line}, {problem}")

    def _problem(self, line: int, row: Mapping[str, str], names: Mapping[str, str]) -> str | None:
        for meaning in names:
            text = row[meaning]
            if not text:
                return f"column {names[meaning]}: found nothing, needed a {meaning}"
            if meaning in ("source", "target") and _negative(text):
                return f"column {names[meaning]}: found {text}, needed a name, or a number from 0"
        time, dated = time_of(row["time"])
        if time is None or self.dated not in (None, dated):
            wanted = {None: "a date such as 2024-05-31, or a number", True: "a date", False: "a number"}[self.dated]
            like = "" if self.dated is None else " as in the rows before"
            return f"column {names['time']}: found {row['time']!r}, needed {wanted}{like}"
        if row["source"] == row["target"]:
            return f"column {names['target']}: found {row['target']!r} linked with itself, needed another node"
        link = (row["source"], row["target"], time, row.get("domain", "all"))
        if link in self.lines:
            return f"all columns: found the same as in {self.unit} {self.lines[link]}, needed each link once"
        self.dated = dated
        self.lines[link] = line
        self.kept.append(link)
        return None

    def links(self) -> Links:
        self.kept.sort(key=lambda link: link[2])  # stable: links of one time stay in the order of the file
        nodes: dict[str, int] = {}
        domains = {name: number for number, name in enumerate(sorted({link[3] for link in self.kept}))}
        ends = [(nodes.setdefault(s, len(nodes)), nodes.setdefault(t, len(nodes))) for s, t, _, _ in self.kept]
        source, target = np.array(ends, dtype=np.int64).T
        time = np.array([link[2] for link in self.kept])
        domain = np.array([domains[link[3]] for link in self.kept], dtype=np.int64)
        return Links(source, target, time, domain, tuple(nodes), tuple(domains), bool(self.dated))


def _negative(text: str) -> bool:
    return text.startswith("-") and text[1:].isdecimal()


def time_of(text: str) -> tuple[float | None, bool]:
    """The time that a text means, seconds since 1970 of a date, or None; whether it is a date."""
    try:
        number = float(text)
        return (number if math.isfinite(number) else None), False
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None, True
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp(), True


def rows_of(path: Path, names: Mapping[str, str]) -> Iterator[tuple[int, dict[str, str]]]:
    """(line, {meaning: text}) of every row; the header is line 1. Raises LinkFileError, MissingColumnError."""
    if path.suffix == ".parquet":
        header, rows = _parquet(path)
    else:
        header, rows = _table(path)
    for meaning, name in names.items():
        if name not in header:
            raise MissingColumnError(path, name, meaning, header)
    places = {meaning: header.index(name) for meaning, name in names.items()}
    for line, row in rows:
        yield line, {meaning: row[place].strip() if place < len(row) else "" for meaning, place in places.items()}


def _table(path: Path) -> tuple[list[str], Iterable[tuple[int, list[str]]]]:
    suffixes = [suffix.lower() for suffix in path.suffixes]
    try:
        raw = path.read_bytes()
        text = (gzip.decompress(raw) if suffixes[-1:] == [".gz"] else raw).decode("utf-8-sig")
    except OSError as error:  # a broken .gz is one too
        raise LinkFileError(path, error.strerror or str(error)) from error
    except (EOFError, UnicodeDecodeError) as error:
        raise LinkFileError(path, f"it is no UTF-8 text ({error})") from error
    reader = csv.reader(io.StringIO(text, newline=""), delimiter="\t" if ".tsv" in suffixes else ",")
    try:
        header = [name.strip() for name in next(reader, [])]
        return header, [(reader.line_num, row) for row in reader if row]
    except csv.Error as error:
        raise LinkFileError(path, f"line {reader.line_num} is not CSV ({error})") from error


def _parquet(path: Path) -> tuple[list[str], Iterable[tuple[int, list[str]]]]:
    if importlib.util.find_spec("pyarrow") is None:
        raise MissingExtraError("pyarrow", "graph")
    import pyarrow  # pyright: ignore[reportMissingImports]  # of an extra that need not be installed
    from pyarrow import parquet  # pyright: ignore[reportMissingImports]

    try:
        table = parquet.read_table(path)
    except (OSError, pyarrow.ArrowException) as error:
        raise LinkFileError(path, f"it is no Parquet file ({error})") from error
    columns = [column.to_pylist() for column in table.columns]
    texts = ([_text(value) for value in row] for row in zip(*columns, strict=True))
    return table.column_names, enumerate(texts, start=2)  # as if the header were line 1


def _text(value: object) -> str:
    if value is None:
        return ""
    isoformat = getattr(value, "isoformat", None)  # dates and times
    return isoformat() if isoformat else str(value)
