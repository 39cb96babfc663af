"""`likewise dida`: learn from links that came and went, and say which come next."""

import shlex
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from likewise import registry
from likewise.cli.command import Answer, Command, rows
from likewise.cli.dida_classes import Classes, ClassTime, learned, told, with_classes
from likewise.cli.dida_classes import forecast as classified
from likewise.cli.dida_explain import explain
from likewise.errors import SettingError
from likewise.settings import flags

if TYPE_CHECKING:
    from likewise.dida import Graph

Table = Annotated[
    Path, typer.Argument(metavar="LINKS", help="A CSV, TSV or Parquet file, one row a link, with a header.")
]
Source = Annotated[str, typer.Option("--source", metavar="COLUMN", help="The column of who links.")]
Target = Annotated[str, typer.Option("--target", metavar="COLUMN", help="The column of what is linked to.")]
Time = Annotated[str, typer.Option("--time", metavar="COLUMN", help="The column of when: dates, or numbers.")]
Domain = Annotated[
    str | None, typer.Option("--domain", metavar="COLUMN", help="The column of what kind of link it is.")
]
Every = Annotated[
    str | None,
    typer.Option(metavar="SPAN", help="Length of a snapshot: year, quarter, month, week, day, hour, or a number."),
]
Snapshots = Annotated[
    int | None, typer.Option(min=2, help="Snapshots of about as many links each, if --every is not given; else 16.")
]
Skip = Annotated[bool, typer.Option("--skip-bad-rows", help="Leave out rows that cannot be used, and say so.")]
Seed = Annotated[int, typer.Option(min=0, help="Seed of weights, negatives and interventions.")]
ASKING = {"data", "top", "who", "new"}  # what a forecast of a finished run leaves to choose
STEPS = 200  # of a forecast straight from a file, unless settings say otherwise


def learn(
    table: Table,
    out: Annotated[Path, typer.Option(metavar="DIR", help="The run folder; must be new, or --resume.")] = Path(
        "runs/dida"
    ),
    source: Source = "source",
    target: Target = "target",
    time: Time = "time",
    domain: Domain = None,
    every: Every = None,
    snapshots: Snapshots = None,
    hold_out: Annotated[
        list[str] | None, typer.Option("--hold-out", metavar="DOMAIN", help="A domain that training must not see.")
    ] = None,
    skip_bad_rows: Skip = False,
    classes: Classes = None,
    class_time: ClassTime = None,
    seed: Seed = 0,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in --out.")] = False,
    *,
    settings: Mapping[str, Any],
) -> Answer:
    """Learn from a file of dated links which links come next, or with --classes what the nodes are."""
    from likewise.dida import DIDA

    columns = {"source": source, "target": target, "time": time, "domain": domain}
    graph = _graph(table, columns, every, snapshots, skip_bad_rows)
    graph, settings = with_classes(graph, classes, class_time, skip_bad_rows, settings)
    held = hold_out or []
    own = {name: value for name, value in (("classes", classes), ("class_time", class_time)) if value is not None}
    own |= {name: value for name, value in settings.items() if name != "task"}
    again = _command(table, out, columns, every, snapshots, held, skip_bad_rows, seed, own)
    how = {"held": held, "seed": seed, "out": out, "resume": resume, "quiet": False, "resume_command": again}
    model = DIDA(**settings).fit(graph, **how)
    data = {"run": str(out), **_described(graph), "validation": model.validation}
    if classes:
        return Answer(data, learned(model, out))
    lines = [
        f"{graph.size} nodes, {graph.ends[-1]} links, {len(graph)} snapshots",
        f"Validation AUC {model.validation['auc']:.3f}; remembering past pairs (EdgeBank) "
        f"{model.validation['edgebank']:.3f}",
        f"Next: likewise dida evaluate {out}, or likewise dida forecast {out}",
    ]
    return Answer(data, lines)


def evaluate(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run that dida learn wrote.")],
    negatives: Annotated[
        list[str] | None,
        typer.Option(
            metavar="auto|random|bipartite|historical|inductive",
            help="What links are told from; may be repeated; else auto and historical.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the negatives.")] = 0,
) -> Answer:
    """Measure a run on the snapshots it never saw, beside the memory of past pairs."""
    from likewise.dida import DIDA

    model = DIDA.load(run)
    of_nodes = model.config.task == "classes"
    if of_nodes and negatives:
        raise SettingError("negatives", ", ".join(negatives), "the run learned classes, told from no pairs")
    report = model.evaluate(kinds=negatives or ["auto", "historical"], seed=seed)
    return Answer(report, told(report, model.config.model) if of_nodes else _told(report))


def forecast(
    data: Annotated[Path, typer.Argument(metavar="LINKS|RUN", help="A file of links to learn from first, or a run.")],
    top: Annotated[int, typer.Option(min=1, help="How many links to tell.")] = 20,
    who: Annotated[str | None, typer.Option(metavar="NODE", help="Only links of this node.")] = None,
    new: Annotated[bool, typer.Option("--new", help="Only pairs that were never linked.")] = False,
    source: Source = "source",
    target: Target = "target",
    time: Time = "time",
    domain: Domain = None,
    every: Every = None,
    snapshots: Snapshots = None,
    skip_bad_rows: Skip = False,
    seed: Seed = 0,
    *,
    settings: Mapping[str, Any],
    given: Collection[str],
) -> Answer:
    """Say who will link to what next, the likeliest first, each with its probability; or what nodes are."""
    from likewise.dida import DIDA

    if data.is_dir():
        _refuse_learning([*settings, *given])
        model = DIDA.load(data)
        if model.config.task == "classes":
            if new:
                raise SettingError("new", new, "the run learned classes of nodes, which are not pairs")
            return classified(model, top, who)
    else:
        columns = {"source": source, "target": target, "time": time, "domain": domain}
        graph = _graph(data, columns, every, snapshots, skip_bad_rows)
        quick = {"test_snapshots": 0, "epochs": STEPS, "min_epochs": STEPS // 2}
        quick |= {"min_epochs": settings["epochs"]} if "epochs" in settings else {}
        model = DIDA(**{**quick, **settings}).fit(graph, seed=seed)
    found = model.forecast(top, source=who, new=new)
    links = [
        {"source": one.source, "target": one.target, "probability": round(one.probability, 4), "before": one.before}
        for one in found
    ]
    about = {"after": model.graph.labels[-1], "validation": model.validation, "links": links}
    table = [("", "source", "target", "probability", "before")]
    table += [
        (place, one.source, one.target, f"{one.probability:.1%}", one.before)
        for place, one in enumerate(found, start=1)
    ]
    auc, memory = model.validation["auc"], model.validation["edgebank"]
    foot = f"Links of the snapshot after {about['after']}. Validation AUC {auc:.3f}, of memory alone {memory:.3f}."
    return Answer(about, [*rows(table), "", foot])


def _refuse_learning(given: Collection[str]) -> None:
    idle = sorted(set(given) - ASKING)
    if idle:
        flag = f"--{idle[0].replace('_', '-')}"
        raise typer.BadParameter(f"a finished run keeps its settings, so {flag} has no place", param_hint="LINKS|RUN")


def _graph(
    table: Path, columns: Mapping[str, str | None], every: str | None, snapshots: int | None, skip: bool
) -> "Graph":
    from likewise.dida import cut, read

    named = {meaning: name for meaning, name in columns.items() if name is not None}
    return cut(read(table, **named, skip_bad_rows=skip), every=every, count=snapshots)


def _described(graph: "Graph") -> dict[str, Any]:
    return {
        "nodes": graph.size,
        "links": graph.ends[-1],
        "snapshots": len(graph),
        "first": graph.labels[0],
        "last": graph.labels[-1],
        "bipartite": graph.bipartite,
    }


def _command(
    table: Path,
    out: Path,
    columns: Mapping[str, str | None],
    every: str | None,
    snapshots: int | None,
    held: Sequence[str],
    skip: bool,
    seed: int,
    settings: Mapping[str, Any],
) -> str:
    """The command line that goes on with this run."""
    parts = ["likewise", "dida", "learn", str(table), "--out", str(out), "--resume"]
    usual = {"source": "source", "target": "target", "time": "time", "domain": None}
    given: dict[str, Any] = {meaning: name for meaning, name in columns.items() if name != usual[meaning]}
    given |= {name: value for name, value in (("every", every), ("snapshots", snapshots)) if value is not None}
    given |= {"seed": seed} if seed else {}
    parts += flags({**given, "hold_out": held, **settings})
    return shlex.join([*parts, "--skip-bad-rows"] if skip else parts)


def _told(report: Mapping[str, Any]) -> list[str]:
    """A report as lines."""
    spans = report["snapshots"]
    lines = [f"The {report['period']} snapshots: {spans[0]}" + (f" ... {spans[-1]}" if len(spans) > 1 else "")]
    lines += report["unmeasured"]
    lines += [*_figures(report), ""] if report["by_negatives"] else [""]
    if "shift" in report:
        lines += [f"Under shift, links of {', '.join(report['held_out'])} alone", *_figures(report["shift"]), ""]
    expected = report["calibration"]
    lines.append(f"Links expected {expected['expected_links']:.0f}, came {expected['links']}")
    if "surprise" in report:
        lines.append(f"Links of pairs never linked before: {report['surprise']:.0%}")
    lines.append(f"Largest change of an embedding by its future: {report['leakage']['future_changes_past']:.1e}")
    suspects = [row["snapshot"] for row in report["leakage"]["features"] if row["suspect"]]
    return [*lines, f"Features that know the future: {', '.join(suspects)}"] if suspects else lines


def _figures(report: Mapping[str, Any]) -> list[str]:
    table: list[tuple[str, ...]] = [("negatives", "model", "AUC", "AP", "MRR", "Hits@10")]
    for kind, models in report["by_negatives"].items():
        table += [
            (kind, name, _span(one["auc"]), f"{one['ap']:.3f}", _span(one["mrr"]), _span(one["hits@10"]))
            for name, one in models.items()
        ]
    model, figures = next(iter(next(iter(report["by_negatives"].values())).items()))
    domains = [(f"links of {name}", model, _span(one), "", "", "") for name, one in figures["by_domain"].items()]
    return rows([*table, *domains])


def _span(one: Mapping[str, float]) -> str:
    return f"{one['value']:.3f} [{one['low']:.3f}, {one['high']:.3f}]"


def _config(known: Mapping[str, Any]) -> Any:
    return registry.resolve(registry.DIDA)


COMMANDS = {
    "learn": Command(learn, _config, measured=True),
    "evaluate": Command(evaluate, measured=True),
    "forecast": Command(forecast, _config, measured=True),
    "explain": Command(explain, measured=True),
}
