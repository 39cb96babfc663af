"""`likewise concepts`: what has been learned, into and out of other programs' files, or gone."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from likewise.cli.command import Answer, Command, rows

Name = Annotated[str, typer.Argument(metavar="NAME|DIR", help="A concept of the library, or its folder.")]
Backbone = Annotated[
    str | None, typer.Option(metavar="NAME|DIR|HUB_ID", help="The base model, where files do not say it.")
]


def list_() -> Answer:
    """List the concepts of the library."""
    from likewise import concept

    found = concept.library().list()
    table = [(f"<{one.name}>", one.noun, one.method, one.base_name) for one in found]
    lines = rows([("concept", "noun", "method", "base model"), *table]) if table else ["The library is empty."]
    return Answer({"concepts": [one.as_json() for one in found]}, lines)


def show(name: Name) -> Answer:
    """Show what a concept is, what it was learned from and how well."""
    from likewise import concept

    data = concept.library().show(name).as_json()
    return Answer(data, rows((key, value) for key, value in data.items()))


def export(
    name: Name,
    out: Annotated[Path, typer.Argument(metavar="DIR|ZIP", help="A new folder, or a file that ends in .zip.")],
    format: Annotated[
        str,
        typer.Option(
            metavar="all|diffusers|kohya|a1111|comfyui|pipeline|single-file",
            help="Whose files to write; pipeline and single-file are whole models, adapters merged in.",
        ),
    ] = "all",
    backbone: Backbone = None,
    rank: Annotated[
        int | None,
        typer.Option(min=1, max=1024, help="Make the LoRA smaller, or extract one of this rank from a whole model."),
    ] = None,
    dtype: Annotated[
        str | None,
        typer.Option(metavar="float32|float16", help="What to store: float32 for adapters, float16 for models."),
    ] = None,
    license: Annotated[str, typer.Option(help="The licence to name in the files' headers.")] = "",
) -> Answer:
    """Write a concept in the files that diffusers, A1111 and ComfyUI load, with a README.txt of the calls."""
    from likewise import concept
    from likewise.concept.exporting import DTYPES, FORMATS, Choices

    _check("format", format, FORMATS)
    if dtype is not None:
        _check("dtype", dtype, DTYPES)
    done = concept.library().export(name, out, Choices(format, backbone, rank, dtype, license))  # type: ignore[arg-type]
    data = {"folder": str(done.path), "files": done.files, "report": done.report}
    return Answer(data, [f"Exported to {done.path}: {', '.join(done.files)}", *_told(done.report)])


def import_(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="A LoRA, a learned word's file(s), both, a model, a folder.")
    ],
    backbone: Backbone = None,
    name: Annotated[str | None, typer.Option(help="What prompts will call it, if not as the file does.")] = None,
    noun: Annotated[str | None, typer.Option(help="The plain word for the kind of thing it is.")] = None,
    trigger: Annotated[str | None, typer.Option(help="The words that call it, if the file does not say.")] = None,
) -> Answer:
    """Add a concept from the files of any program, and tell what of the base model they cover."""
    from likewise import concept
    from likewise.concept.importing import Names

    done = concept.library().bring(files, Names(name, noun, trigger), backbone)
    data = {"concept": done.concept.as_json(), "report": done.report}
    return Answer(data, [f"Imported as {done.concept.placeholder}.", *_told(done.report)])


def inspect(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A LoRA, a learned word or a model in one file.")],
    backbone: Backbone = None,
) -> Answer:
    """Tell what a file holds: kind, ranks, alphas, norms, header, and what of a base model it covers."""
    from likewise.concept.inspecting import inspect

    data = inspect(file, backbone)
    return Answer(data, list(_flat(data)))


def delete(name: Annotated[str, typer.Argument(metavar="NAME", help="A concept of the library.")]) -> Answer:
    """Delete a concept from the library."""
    from likewise import concept

    concept.library().delete(name)
    return Answer({"deleted": name}, [f"Deleted {name}."])


def _check(flag: str, value: str, known: Any) -> None:
    if value not in known:
        raise typer.BadParameter(f"{value!r} is none of {', '.join(known)}", param_hint=f"--{flag}")


def _told(report: Mapping[str, Any]) -> Iterator[str]:
    """A line for each file, and for what a rank kept."""
    for file, data in report.items():
        if file == "kept":
            worst = f"{data['worst']:.2%} in the worst of {data['layers']} layers"
            yield f"Kept {data['total']:.2%} of the change, {worst}."
            continue
        covered = data.get("coverage") or data
        matched, lost = covered.get("matched"), covered.get("unmatched")
        if matched is not None:
            where = f" of {covered['base']}" if "base" in covered else ""
            yield f"{file}: {matched} layers{where} matched, {len(lost or ())} entries not."
        for name in list(lost or ())[:5]:
            yield f"  not matched: {name}"


def _flat(data: Mapping[str, Any], before: str = "") -> Iterator[str]:
    for key, value in data.items():
        if isinstance(value, dict) and value:
            yield f"{before}{key}:"
            yield from _flat(value, before + "  ")
        else:
            yield f"{before}{key}: {value}"


COMMANDS = {
    "list": Command(list_),
    "show": Command(show),
    "export": Command(export),
    "import": Command(import_),
    "inspect": Command(inspect),
    "delete": Command(delete),
}
