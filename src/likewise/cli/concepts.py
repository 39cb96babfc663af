"""`likewise concepts`: what has been learned, and getting it out or rid of it."""

from pathlib import Path
from typing import Annotated

import typer

from likewise.cli.command import Answer, Command, rows

Name = Annotated[str, typer.Argument(metavar="NAME|DIR", help="A concept of the library, or its folder.")]


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
) -> Answer:
    """Copy a concept out, in the files that diffusers, A1111 and ComfyUI load."""
    from likewise import concept

    folder = concept.library().export(name, out)
    return Answer({"folder": str(folder)}, [f"Exported to {folder}"])


def delete(name: Annotated[str, typer.Argument(metavar="NAME", help="A concept of the library.")]) -> Answer:
    """Delete a concept from the library."""
    from likewise import concept

    concept.library().delete(name)
    return Answer({"deleted": name}, [f"Deleted {name}."])


COMMANDS = {"list": Command(list_), "show": Command(show), "export": Command(export), "delete": Command(delete)}
