"""`likewise dida` where it learns what nodes are: the file of classes, and what is told of them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from likewise.cli.command import Answer, rows
from likewise.errors import SettingError

if TYPE_CHECKING:
    from likewise.dida import DIDA, Graph
    from likewise.dida.classifying import Guess

Classes = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Learn what nodes are: a CSV, TSV or Parquet file with columns node, class."),
]
ClassTime = Annotated[
    str | None, typer.Option(metavar="COLUMN", help="The column of --classes of when; else a class holds always.")
]


def with_classes(
    graph: "Graph", file: Path | None, time: str | None, skip: bool, settings: Mapping[str, Any]
) -> tuple["Graph", dict[str, Any]]:
    """The graph with the classes of a file, and the settings to learn them; both as they were without a file."""
    from likewise.dida.classes import read_classes

    if file is None:
        if time is not None or settings.get("task") == "classes":
            name, value = ("class-time", time) if time is not None else ("task", "classes")
            raise SettingError(name, value, "it counts only with --classes FILE")
        return graph, dict(settings)
    if settings.get("task") == "links":
        raise SettingError("task", "links", "--classes FILE is there to learn classes")
    return read_classes(file, graph, time=time, skip_bad_rows=skip), {**settings, "task": "classes"}


def learned(model: "DIDA", out: Path) -> list[str]:
    """What is told once classes are learned."""
    graph, found = model.graph, model.validation
    assert graph.classes is not None, "classes were learned"
    return [
        f"{graph.size} nodes, {graph.ends[-1]} links, {len(graph)} snapshots; {len(graph.kinds)} classes, known "
        f"{int((graph.classes >= 0).sum())} times",
        f"Validation accuracy {found['accuracy']:.1%}; each node's newest class before {found['last seen']:.1%}",
        f"Next: likewise dida evaluate {out}, or likewise dida forecast {out}",
    ]


def told(report: Mapping[str, Any], name: str) -> list[str]:
    """A report on classes as lines."""
    spans = report["snapshots"]
    table = [("", "accuracy", "macro F1")]
    for who in (name, "last seen"):
        one = report[who]["accuracy"]
        interval = f"{one['value']:.1%} [{one['low']:.1%}, {one['high']:.1%}]"
        table.append((who, interval, f"{report[who]['macro_f1']:.3f}"))
    gain = report["over_memory"]
    return [
        f"{report['known']} known classes of {report['nodes']} nodes, {spans[0]}"
        + (f" ... {spans[-1]}" if len(spans) > 1 else ""),
        *rows(table),
        f"Over memory {100 * gain['value']:+.1f} points [{100 * gain['low']:+.1f}, {100 * gain['high']:+.1f}]",
    ]


def forecast(model: "DIDA", top: int, who: str | None) -> Answer:
    """What nodes are taken for after the last snapshot."""
    found: Sequence[Guess] = model.classify()
    if who is not None:
        model.graph.number_of(who)
        found = [one for one in found if one.node == who]
    shown = found[:top]
    table = [("node", "class", "probability", "known as")]
    table += [(one.node, one.kind, f"{one.probability:.1%}", one.known or "") for one in shown]
    foot = f"After {model.graph.labels[-1]}. Probabilities are the softmax's; they are not calibrated."
    return Answer({"after": model.graph.labels[-1], "nodes": [vars(one) for one in shown]}, [*rows(table), "", foot])
