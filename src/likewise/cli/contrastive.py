"""`likewise contrastive`: encoders from a folder of photos, what they know, and the graphs that explain them."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from likewise import registry
from likewise.cli.command import Answer, Command, rows
from likewise.settings import flags

Photos = Annotated[Path, typer.Argument(metavar="DIR", help="A folder of photos; folders inside it are read too.")]
EncoderName = Annotated[
    str, typer.Argument(metavar="ENCODER", help="efficientnet-lite0, toybox, or a folder that learn wrote.")
]
Labels = Annotated[
    str,
    typer.Option(metavar="folder|FIELD|none", help="Classes: the folder of each photo, or a field of metadata.jsonl."),
]
Seed = Annotated[int, typer.Option(min=0, help="Seed of everything that is drawn.")]


def learn(
    photos: Photos,
    out: Annotated[Path, typer.Option(metavar="DIR", help="The run folder; must be new, or --resume.")] = Path(
        "runs/contrastive"
    ),
    device: Annotated[str | None, typer.Option(metavar="cpu|cuda|mps", help="Where to train.")] = None,
    without_captions: Annotated[
        Literal["refuse", "skip"], typer.Option(help="What to do with photos that lack a caption, where one is needed.")
    ] = "refuse",
    seed: Seed = 0,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in --out.")] = False,
    *,
    settings: Mapping[str, Any],
) -> Answer:
    """Learn an encoder from photos, with or without captions."""
    from likewise.contrastive import fit

    again = _command(photos, out, device, without_captions, seed, settings)
    how = {"out": out, "seed": seed, "device": device, "resume": resume, "resume_command": again, "quiet": False}
    done = fit(photos, **how, skip_bare=without_captions == "skip", **settings)
    data = {
        "run": str(out),
        "encoder": str(done.encoder),
        "steps": done.steps,
        "loss": round(done.loss, 4),
        "photos": done.photos,
        "views": done.note,
    }
    lines = [
        f"{done.photos} photos, {done.steps} steps, loss {done.loss:.3f} at the end; {done.note}",
        f"The encoder: {done.encoder}",
        f"Next: likewise contrastive evaluate {done.encoder} {photos}",
    ]
    return Answer(data, lines)


def evaluate(
    encoder: EncoderName,
    photos: Photos,
    labels: Labels = "folder",
    k: Annotated[int, typer.Option(min=1, help="Neighbours that vote.")] = 20,
    template: Annotated[str, typer.Option(metavar="TEXT", help="The sentence of zero-shot.")] = "a photo of {}",
    seed: Seed = 0,
) -> Answer:
    """Measure an encoder on photos: probe, neighbours, retrieval, zero-shot, alignment, uniformity."""
    from likewise import encoders
    from likewise.contrastive import measures
    from likewise.contrastive import photos as photo_files
    from likewise.errors import SettingError

    if "{}" not in template:
        raise SettingError("template", template, "it must hold {}, where the name of the class goes")
    chosen = encoders.load(encoder)
    found = photo_files.load_for(chosen, photos)
    classes = None if labels == "none" else photo_files.labels(found, labels)
    report = measures.evaluate(chosen, found, classes, measures.Settings(k=k, template=template, seed=seed))
    return Answer(report, _told(report))


def graph(
    photos: Photos,
    pairs: Annotated[
        list[str] | None,
        typer.Option(
            metavar="captions|views|teacher", help="A way of making pairs; may be repeated; else all that are possible."
        ),
    ] = None,
    labels: Labels = "folder",
    encoder: Annotated[
        str, typer.Option(metavar="ENCODER", help="Who says which photos are alike, and reads captions if it can.")
    ] = "efficientnet-lite0",
    clusters: Annotated[int, typer.Option(min=0, help="Join captions into so many; 0 keeps each text.")] = 0,
    neighbours: Annotated[int, typer.Option(min=1, help="Nearest photos that the teacher pairs each with.")] = 5,
    width: Annotated[int, typer.Option(min=2, help="Width of the learner that is predicted.")] = 64,
    limit: Annotated[
        int, typer.Option(min=4, help="Photos at most, drawn by the seed; time grows with the cube.")
    ] = 800,
    plot: Annotated[Path | None, typer.Option(metavar="FILE", help="Where to draw the spectra, a PNG.")] = None,
    seed: Seed = 0,
) -> Answer:
    """Say of ways of making pairs, before training, how well their encoders should probe, and why."""
    from likewise.contrastive import report
    from likewise.images import write_png

    how = report.Settings(labels, encoder, clusters, neighbours, width, limit, seed)
    found, picture = report.report(photos, pairs or [], how)
    head = f"{found['photos']} photos of {found['classes']} classes; a learner of width {width}"
    lines = [head, *rows(report.table(found)), f"Best first: {', '.join(found['order'])}"]
    if plot is not None:
        write_png(plot, picture)
        lines.append(f"The spectra: {plot}")
    return Answer(found, lines)


def pairs(
    photos: Photos,
    teacher: Annotated[str, typer.Option(metavar="ENCODER", help="The encoder that guides.")] = "efficientnet-lite0",
    rule: Annotated[
        list[str] | None,
        typer.Option(
            metavar="add-new-positive|drop-false-negative|drop-easy-negative",
            help="A rule; may be repeated; else all three.",
        ),
    ] = None,
    batch: Annotated[int, typer.Option(min=2, help="Photos of the batch that is looked at.")] = 128,
    labels: Labels = "none",
    top: Annotated[int, typer.Option(min=1, help="Pairs of each rule to tell.")] = 8,
    sheet: Annotated[Path | None, typer.Option(metavar="FILE", help="Where to draw these pairs, a PNG.")] = None,
    seed: Seed = 0,
) -> Answer:
    """Show which pairs of a batch a teacher changes."""
    from likewise.contrastive import showing
    from likewise.images import write_png

    found, picture = showing.show(photos, teacher, rule or [], batch=batch, labels=labels, top=top, seed=seed)
    lines = showing.told(found)
    if sheet is not None:
        write_png(sheet, picture)
        lines.append(f"The pairs: {sheet}")
    return Answer(found, lines)


def _told(report: Mapping[str, Any]) -> list[str]:
    flat = {**report, **report.get("retrieval", {})}
    figures = [(name, one) for name, one in flat.items() if isinstance(one, dict) and "low" in one]
    head = f"{report['encoder']}: {report['test']} photos tested, {report['train']} learned from"
    if "classes" in report:
        head += f"; {report['classes']} classes, the largest {report['majority']:.1%} of the test"
    table = [("measure", "value", "95 % interval")]
    table += [
        (name.replace("_", " "), f"{one['value']:.3f}", f"[{one['low']:.3f}, {one['high']:.3f}]")
        for name, one in figures
    ]
    return [head, *rows(table)]


def _command(photos: Path, out: Path, device: str | None, bare: str, seed: int, settings: Mapping[str, Any]) -> str:
    """The command line that goes on with this run."""
    parts = ["likewise", "contrastive", "learn", str(photos), "--out", str(out), "--resume"]
    given: dict[str, Any] = {"device": device} if device else {}
    given |= {"without_captions": bare} if bare != "refuse" else {}
    given |= {"seed": seed} if seed else {}
    return shlex.join([*parts, *flags({**given, **settings})])


def _config(known: Mapping[str, Any]) -> Any:
    return registry.resolve(registry.CONTRASTIVE)


COMMANDS = {
    "learn": Command(learn, _config, measured=True),
    "evaluate": Command(evaluate, measured=True),
    "graph": Command(graph, measured=True),
    "pairs": Command(pairs, measured=True),
}
