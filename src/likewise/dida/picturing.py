"""The shift report as three drawings: AUC over time by domain, attention over time, drift of the embeddings."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from likewise import disk
from likewise.dida.chart import Curve, curves, square

MOST = 5  # domains that are drawn: those with most of the links


def drawings(report: Mapping[str, Any]) -> dict[str, str]:
    """File name to SVG, of what `DIDA.changes` found."""
    labels = report["snapshots"]
    rows = report["by_time"]
    since = min((row["place"] for row in rows if row["period"] != "training"), default=None)
    ranked = sorted(report["by_domain"].items(), key=lambda one: -one[1]["links_share"])
    lines = [_domain(name, one["auc"]) for name, one in ranked[:MOST] if one["auc"]]
    moved = [
        Curve(words, [(row["place"], row[key]) for row in rows])
        for key, words in (("drift", "embedding drift"), ("new_pairs", "new pairs"), ("mix", "change of domains"))
    ]
    return {
        "auc.svg": curves("AUC of the links of each snapshot, by domain", lines, labels, since=since),
        "attention.svg": square("Where the invariant attention looks", report["attention"], labels),
        "drift.svg": curves("What changed from snapshot to snapshot", moved, labels, since=since),
    }


def draw(report: Mapping[str, Any], folder: str | Path) -> list[Path]:
    """Write the drawings into a folder, which is made where it is missing, and return their paths."""
    made = {Path(folder) / name: text for name, text in drawings(report).items()}
    for path, text in made.items():
        disk.write_bytes(path, text.encode())
    return list(made)


def _domain(name: str, auc: list[Mapping[str, Any]]) -> Curve:
    points = [(one["place"], one["value"]) for one in auc]
    return Curve(name, points, [(one["low"], one["high"]) for one in auc])
