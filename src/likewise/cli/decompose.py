"""`likewise decompose`: take photos or a concept apart into a tree of words."""

import shlex
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from likewise import registry
from likewise.cli.command import Answer, Command, rows
from likewise.settings import VARIES

if TYPE_CHECKING:
    from likewise.concept_tree import Tree

Backbone = Annotated[
    str, typer.Option(metavar="NAME|DIR|HUB_ID", help="The base model: toybox, a diffusers folder or a hub id.")
]
QUICK, SOON = 5e-3, 3.0  # seconds: work that took less was on disk already; before so much no guess is made
Device = Annotated[str | None, typer.Option(metavar="cpu|cuda|mps", help="Where to compute.")]


def decompose(
    source: Annotated[
        str,
        typer.Argument(metavar="PHOTOS|CONCEPT|TREE", help="A folder of photos, a concept, or a tree to go on with."),
    ],
    depth: Annotated[
        int | None, typer.Option(min=1, max=8, help="Levels of the tree below its root; without --node 2.")
    ] = None,
    node: Annotated[
        list[str] | None, typer.Option(metavar="NODE", help="Split this node alone, such as v2; may be repeated.")
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Split --node anew; what grew from it goes once the new words are there.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Split even where little is left to split.")] = False,
    name: Annotated[str | None, typer.Option(help="What words begin with: cat in <cat_v1>; else the folder's.")] = None,
    noun: Annotated[str, typer.Option(help="The plain word for the kind of thing it is; kept with the words.")] = "",
    backbone: Backbone = "toybox",
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="The tree's folder; else trees/NAME.")] = None,
    install: Annotated[
        bool, typer.Option("--install/--no-install", help="Put the words into the library, or leave them in the tree.")
    ] = True,
    device: Device = None,
    *,
    settings: Mapping[str, Any],
) -> Answer:
    """Take photos or a concept apart into a tree of words.

    A split finds two new words a node, as deep as you like. Stopped at any point, the same command goes on.
    """
    from likewise.concept_tree import decompose as grow

    how = {"depth": depth, "nodes": node or (), "again": again, "force": force, "name": name, "noun": noun}
    how |= {"backbone": backbone, "out": out, "install": install, "device": device, "command": shlex.join(_command())}
    with progress() as report:
        tree = grow(source, report=report, **how, **settings)
    word = next((tree.placeholder(one) for one in tree.nodes if tree.has_word(one)), None)
    lines = [*described(tree), f"Page: {tree.folder / 'tree.html'}"]
    if word and install:
        lines.append(f'Try: likewise imagine "a house made of {word}"')
    return Answer(summary(tree), lines)


def _command() -> list[str]:
    return ["likewise", *sys.argv[1:]]


def summary(tree: "Tree") -> dict[str, Any]:
    """The tree as JSON: all of tree.json, and where things are."""
    words = {node: tree.placeholder(node) for node in tree.nodes if tree.has_word(node)}
    return {"tree": str(tree.folder), "words": words, **tree.record.model_dump(mode="json")}


def described(tree: "Tree") -> list[str]:
    """A line for each node: indented by its depth, with its figures."""
    from likewise.concept_tree import naming

    table = [("node", "word", "alike", "seed", "split")]
    for node in _downwards(tree, "v0"):
        one, split = tree.node(node), tree.record.splits.get(node)
        indent = "  " * naming.depth(tree.index(node))
        alike = next((f"{value:.2f}" for value in one.own.values()), "")
        word = tree.placeholder(node) if tree.has_word(node) else tree.record.source.name
        told = f"left whole: {split.stopped}" if split and split.stopped else _chosen(split)
        table.append((f"{indent}{node}", word, alike, "" if one.seed is None else str(one.seed), told))
    return [f"{tree.folder}: {len(tree.words())} words", *rows(table)]


def _chosen(split: Any) -> str:
    if split is None or split.chosen is None:
        return ""
    first = next(iter(split.encoders))
    return f"score {split.seeds[str(split.chosen)][first].score:.3f} by {first}"


def _downwards(tree: "Tree", node: str) -> Iterator[str]:
    yield node
    for child in tree.children(node):
        yield from _downwards(tree, child)
    if node == "v0" and not tree.children(node):
        yield from (other for other in tree.nodes if other != "v0")


@contextmanager
def progress() -> Iterator[Callable[[str, float, float], None]]:
    """What is being done and how long all of it will take: a bar at a terminal, else a line for each new stage."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn(),
        TextColumn("{task.fields[left]}"),
    )  # fmt: skip
    clock = Clock()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as shown:
        task = shown.add_task("Beginning", total=None, left="")
        last = ""

        def report(text: str, done: float, total: float) -> None:
            nonlocal last
            left = clock.left(done, total)
            shown.update(task, description=text, completed=done, total=total, left=left)
            if not console.is_terminal and text != last:
                typer.echo(f"{done / total:4.0%}  {text}{f' ({left})' if left else ''}", err=True)
            last = text

        yield report


class Clock:
    """How long the rest will take, by how long the work done now has taken; what was on disk before counts nothing."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        """now: seconds."""
        self.now, self.at, self.before = now, now(), 0.0
        self.worked = self.spent = 0.0

    def left(self, done: float, total: float) -> str:
        """ "about 3 min left", or "" where it cannot be told yet."""
        now, more = self.now(), done - self.before
        if now - self.at > QUICK:
            self.worked += more
        self.spent += now - self.at
        self.at, self.before = now, done
        if not self.worked or self.spent < SOON:
            return ""
        seconds = (total - done) * self.spent / self.worked
        return f"about {seconds / 60:.0f} min left" if seconds >= 90 else f"about {seconds:.0f} s left"


def _defaults(known: Mapping[str, Any]) -> Mapping[str, Any]:
    """The defaults for Toybox; for another base model, which is not opened for this, that some vary."""
    by_family = registry.resolve(registry.TREE_DEFAULTS)
    if known["backbone"] == "toybox":
        return by_family["toybox"]
    return {name: VARIES for row in by_family.values() for name in row}


COMMANDS = {"decompose": Command(decompose, lambda known: registry.resolve(registry.TREE), _defaults, measured=True)}
