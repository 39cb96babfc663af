"""`likewise dreamsim index`, `dedup`, `evaluate` and the rest that uses a metric on many pictures, or hands it on."""

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from likewise.cli.command import Answer, Command, rows

if TYPE_CHECKING:
    from likewise.dreamsim import Metric

Name = Annotated[
    str,
    typer.Option(
        "--metric",
        metavar="NAME|DIR",
        help="embedded, a folder with a tuned or a released metric, or networks such as efficientnet-lite0:pooled.",
    ),
]
Pictures = Annotated[list[Path], typer.Argument(metavar="PICTURES...", help="Pictures, or folders of them.")]


def index(
    what: Annotated[
        Literal["build", "add", "query", "delete", "info"],
        typer.Argument(metavar="build|add|query|delete|info", help="What to do."),
    ],
    folder: Annotated[Path, typer.Argument(metavar="INDEX", help="The index's folder.")],
    pictures: Annotated[
        list[Path] | None, typer.Argument(metavar="[PICTURES...]", help="Pictures, or folders of them.")
    ] = None,
    metric: Name = "embedded",
    top: Annotated[int, typer.Option(min=1, help="How many of the most alike a query tells.")] = 10,
    exact: Annotated[bool | None, typer.Option("--exact/--approximate", help="How to search, not by size.")] = None,
) -> Answer:
    """Keep rows of many pictures and find the most alike: build or add to it, query it, delete from it.

    Building or adding that was stopped goes on when called again; a picture that is in already is passed over.
    """
    from likewise.dreamsim import index as store
    from likewise.dreamsim.pictures import found
    from likewise.errors import SettingError

    if what == "info":
        opened = store.open_(folder)
        data = {"index": str(folder), "rows": len(opened), "dimension": opened.dimension, "metric": opened.encoder}
        return Answer(data, [f"{len(opened)} rows of {opened.dimension} numbers, metric {opened.encoder[:12]}"])
    if not pictures:
        raise SettingError("PICTURES", pictures or [], f"index {what} needs at least one")
    if what == "delete":
        opened = store.open_(folder)
        gone = opened.delete([name for path in pictures for name in opened.below(path)])
        if not gone:
            raise SettingError("PICTURES", [str(path) for path in pictures], "the index holds none of them")
        return Answer({"deleted": gone, "rows": len(opened)}, [f"{gone} deleted, {len(opened)} left"])
    model = _metric(metric)
    if what == "query":
        answers = store.open_(folder, model.hash).query(model.embed(found(pictures)), top, exact=exact)
        return _answers(found(pictures), answers)
    opened = (
        store.create(folder, model.hash, model.dimension) if _new(what, folder) else store.open_(folder, model.hash)
    )
    return _ingested(opened, model, found(pictures))


def _new(what: str, folder: Path) -> bool:
    return what == "build" and not (folder / "index.json").is_file()


def _ingested(opened: Any, model: "Metric", paths: list[Path]) -> Answer:
    from likewise.dreamsim.ingest import ingest
    from likewise.errors import UnreadPicturesWarning
    from likewise.progress import progress

    with progress(len(paths), False) as bar:
        bar.say("Looking at pictures")
        done = ingest(opened, model, paths, show=lambda count, total: bar.show(count, {}))
    if done.problems:
        warnings.warn(UnreadPicturesWarning(done.problems, len(paths)), stacklevel=2)
    data = {"added": done.added, "known": done.known, "unread": list(done.problems), "rows": len(opened)}
    return Answer(data, [f"{done.added} added, {done.known} in already, {len(opened)} rows"])


def _answers(asked: list[Path], answers: list) -> Answer:
    table: list[tuple] = []
    for path, found in zip(asked, answers, strict=True):
        table += [(path, f"{one.distance:.4f}", one.name) for one in found]
    data = {str(path): [one._asdict() for one in found] for path, found in zip(asked, answers, strict=True)}
    return Answer({"answers": data}, rows(table) if table else ["The index is empty."])


def dedup(
    pictures: Pictures,
    metric: Name = "embedded",
    threshold: Annotated[
        float | None, typer.Option(help="Distance up to which two are copies; else found on the pictures themselves.")
    ] = None,
    sheet: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a contact sheet of the groups.")] = None,
    move: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Move the copies there; without it nothing is touched.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the sample that finds the threshold.")] = 0,
) -> Answer:
    """Find copies of one picture in other sizes or compressions, and which one of each group to keep."""
    from likewise.dreamsim import dedup as copies
    from likewise.dreamsim.pictures import found
    from likewise.images import write_png

    model, paths = _metric(metric), found(pictures)
    values = model.embed(paths)
    limit = copies.line(model, paths, values, seed) if threshold is None else threshold
    groups = copies.groups(values, limit, [copies.worth(path) for path in paths])
    if sheet and groups:
        write_png(sheet, copies.sheet(groups, paths))
    moved = copies.move(groups, paths, move) if move else []
    count = sum(len(group.copies) for group in groups)
    told = copies.report(groups, paths)
    lines = [
        f"keep {one['keep']}" + "".join(f"\n  {c['distance']:.4f}  {c['image']}" for c in one["copies"]) for one in told
    ]
    lines.append(f"{count} copies in {len(groups)} groups among {len(paths)} pictures, threshold {limit:.4f}")
    lines.append(f"{len(moved)} moved to {move}" if move else "Nothing was touched; --move DIR moves the copies.")
    data = {"pictures": len(paths), "threshold": round(limit, 6), "copies": count, "groups": told, "moved": moved}
    return Answer(data, lines)


def evaluate(
    data: Annotated[Path, typer.Argument(metavar="DATA", help="A data folder.")],
    metric: Name = "embedded",
    format: Annotated[
        Literal["triplets", "jnd", "nights", "bapps", "things"],
        typer.Option(metavar="triplets|jnd|nights|bapps|things", help="What the folder holds."),
    ] = "triplets",
    seed: Annotated[int, typer.Option(min=0, help="Seed of the intervals.")] = 0,
) -> Answer:
    """Measure how well a metric agrees with people, with intervals and beside what people reach themselves."""
    from likewise.dreamsim.evaluating import evaluate as measured

    found = measured(_metric(metric), data, format, seed)
    return Answer(found, rows((name.replace("_", " "), _shown(value)) for name, value in found.items()))


def calibrate(
    data: Annotated[
        Path, typer.Argument(metavar="DATA", help="A data folder with triplets.jsonl, pairs.jsonl or both.")
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where the calibrated metric goes; must be new.")],
    metric: Name = "embedded",
) -> Answer:
    """Fit a metric's probabilities to votes: who would choose which, and who would take two pictures for the same."""
    from likewise.dreamsim import folder
    from likewise.dreamsim.fitting import fitted

    made, about = fitted(_metric(metric), data)
    folder.save(made, out, more=about)
    return Answer(
        {"metric": str(out), **about}, [*rows(about.items()), f"Next: likewise dreamsim distance A B --metric {out}"]
    )


def convert(
    weights: Annotated[Path, typer.Argument(metavar="DIR", help="An unpacked archive of released weights.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where the metric goes; must be new.")],
    release: Annotated[
        str | None, typer.Option(metavar="NAME", help="Which release, if the folder has several.")
    ] = None,
) -> Answer:
    """Turn released DreamSim weights into one folder of safetensors that needs nothing else."""
    from likewise import dreamsim

    made = dreamsim.convert(weights, out, release)
    return Answer({"metric": str(out), "name": made.name, "hash": made.hash}, [f"{made.name} is in {out}"])


def export(
    out: Annotated[Path, typer.Argument(metavar="FILE", help="The ONNX file to write.")],
    metric: Name = "embedded",
    precision: Annotated[
        Literal["float32", "float16", "int8"], typer.Option(metavar="float32|float16|int8", help="Of its weights.")
    ] = "float32",
    compare: Annotated[
        list[Path] | None, typer.Option(metavar="PICTURES", help="Compare with the metric on these; may be repeated.")
    ] = None,
) -> Answer:
    """Write a metric as one ONNX file, and say how near it stays to the original."""
    from likewise.dreamsim import export as onnx
    from likewise.dreamsim.pictures import found

    model = _metric(metric)
    path = onnx.export(model, out, precision)
    data: dict[str, Any] = {"file": str(path), "precision": precision, "bytes": path.stat().st_size, "hash": model.hash}
    if compare:
        data["parity"] = onnx.parity(model, path, found(compare))
    lines = [f"{path}: {data['bytes'] / 1e6:.1f} MB"]
    return Answer(data, [*lines, *rows(data["parity"].items())] if compare else lines)


def probe(
    pictures: Pictures,
    metric: Name = "embedded",
    seed: Annotated[int, typer.Option(min=0, help="Seed of the intervals.")] = 0,
) -> Answer:
    """Show what a metric attends to: how far each kind of change moves pictures, 1 being as far as another picture."""
    from likewise.dreamsim import probes
    from likewise.dreamsim.pictures import found
    from likewise.errors import SettingError
    from likewise.images import read

    paths = found(pictures)
    if len(paths) < 2:
        raise SettingError("PICTURES", len(paths), "a probe needs at least two, of different things")
    spans = probes.probe(_metric(metric), [read(path) for path in paths], seed)
    data = {name: {"value": span.value, "low": span.low, "high": span.high} for name, span in spans.items()}
    return Answer(data, rows((name, span) for name, span in spans.items()))


def _shown(value: Any) -> str:
    if isinstance(value, dict) and {"value", "low", "high"} <= value.keys():
        from likewise.dreamsim.measuring import span

        return span(value, ".4f")
    if isinstance(value, dict):
        return ", ".join(f"{name}: {_shown(one)}" for name, one in value.items())
    return str(value)


def _metric(name: str) -> "Metric":
    from likewise import dreamsim

    return dreamsim.load(name)


COMMANDS = {
    "index": Command(index, measured=True),
    "dedup": Command(dedup, measured=True),
    "evaluate": Command(evaluate, measured=True),
    "calibrate": Command(calibrate, measured=True),
    "probe": Command(probe, measured=True),
    "convert": Command(convert),
    "export": Command(export),
}
