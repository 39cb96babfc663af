"""What was found before training, as lines for people, as data for programs, and as an error where that is asked."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from likewise.errors import PreflightError

Level = Literal["ok", "note", "warning"]
MARKS: Mapping[str, str] = {"ok": " ", "note": " ", "warning": "!"}


@dataclass(frozen=True)
class Row:
    """One thing that was looked at."""

    about: str  # photos, captions, identifier, learns, time, disk, memory
    level: Level
    text: str
    advice: str = ""  # what to do about a warning

    def line(self) -> str:
        """The row for people."""
        return f"{self.text}. {self.advice}" if self.advice else self.text


@dataclass(frozen=True)
class Preflight:
    """All that was looked at, in order, and the figures behind it."""

    rows: tuple[Row, ...]
    data: Mapping[str, Any] = field(default_factory=dict)

    @property
    def warnings(self) -> list[str]:
        """What should be mended, or looked at, before training."""
        return [f"{row.about}: {row.line()}" for row in self.rows if row.level == "warning"]

    def lines(self) -> list[str]:
        """A column of subjects, each said once, and what was found; warnings are marked by "!"."""
        width = max((len(row.about) for row in self.rows), default=0)
        lines, before = [], ""
        for row in self.rows:
            about = row.about if row.about != before else ""
            lines.append(f"{MARKS[row.level]} {about:<{width}}  {row.line()}")
            before = row.about
        return lines

    def as_json(self) -> dict[str, Any]:
        """The figures, every row, and the warnings."""
        return {**self.data, "warnings": self.warnings, "rows": [asdict(row) for row in self.rows]}

    def enforce(self) -> None:
        """PreflightError if there is any warning."""
        if self.warnings:
            raise PreflightError(self.warnings)


def rows_of(about: str, texts: Sequence[str], level: Level = "ok") -> list[Row]:
    """A row for each text."""
    return [Row(about, level, text) for text in texts]
