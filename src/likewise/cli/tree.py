"""`likewise tree`: look at a tree of words, blend them, and change the tree itself."""

from pathlib import Path
from typing import Annotated, Any

import typer

from likewise.cli.bar import bar
from likewise.cli.command import Answer, Command, rows
from likewise.cli.decompose import Backbone, Device, described, summary

Folder = Annotated[Path, typer.Argument(metavar="TREE", help="A tree's folder.")]
Node = Annotated[str, typer.Argument(metavar="NODE", help="A node, such as v2.")]
Out = Annotated[Path | None, typer.Option(metavar="DIR", help="Where the pictures go; else into the tree's folder.")]
Seed = Annotated[int, typer.Option(help="Seed of the first picture of each prompt.")]
Steps = Annotated[list[int] | None, typer.Option("--step", metavar="N", help="This step alone; may be repeated.")]
Install = Annotated[
    bool, typer.Option("--install/--no-install", help="Bring the library's words in line, or leave them be.")
]


def show(tree: Folder) -> Answer:
    """Show a tree's nodes, their figures and how each split was chosen."""
    from likewise.concept_tree import Tree

    found = Tree.open(tree)
    return Answer(summary(found), described(found))


def blend(
    trees: Annotated[list[Path], typer.Argument(metavar="TREE...", help="The folder of a tree, or of several.")],
    node: Annotated[
        list[str] | None, typer.Option(metavar="NODE", help="Of these alone, as v1 or cat_v1; may be repeated.")
    ] = None,
    sentence: Annotated[
        list[str] | None,
        typer.Option(metavar="TEXT", help="A sentence with {} where the words go; may be repeated. Else the words."),
    ] = None,
    one_order: Annotated[bool, typer.Option("--one-order", help="Leave out the second order of each pair.")] = False,
    alone: Annotated[bool, typer.Option("--alone", help="Each word by itself instead of two at a time.")] = False,
    n: Annotated[int, typer.Option("-n", min=1, help="Pictures of each blend.")] = 2,
    seed: Seed = 0,
    out: Out = None,
    backbone: Backbone = "toybox",
    device: Device = None,
) -> Answer:
    """Draw words side by side, within a tree or across trees, in both orders and in sentences."""
    from likewise.concept_tree import Tree, combine, explore, page

    found = [Tree.open(tree) for tree in trees]
    target = out or found[0].folder / page.BLENDS
    chosen: dict[str, Any] = {"sentences": tuple(sentence or [explore.PLAIN]), "orders": not one_order}
    with bar("Drawing") as shown:
        pictures = combine(
            found, node or (), **chosen, pairs=not alone, backbone=backbone, n=n, seed=seed, out=target,
            device=device, progress=shown,
        )  # fmt: skip
    told = [f"{len(pictures)} pictures in {target}"]
    if out is None:
        told.append(f"Page: {page.write(found[0])}")
    data = {"folder": str(target), "pictures": [{**one.metadata, "path": str(one.path)} for one in pictures]}
    return Answer(data, told)


def steps(
    tree: Folder,
    node: Node,
    step: Steps = None,
    sentence: Annotated[str, typer.Option(metavar="TEXT", help="A sentence with {} where the word goes.")] = "{}",
    n: Annotated[int, typer.Option("-n", min=1, help="Pictures of each version.")] = 4,
    seed: Seed = 0,
    save: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Draw nothing: write the one --step as a concept into DIR.")
    ] = None,
    out: Out = None,
    backbone: Backbone = "toybox",
    device: Device = None,
) -> Answer:
    """Draw a word from its mildest to its full version, or keep a milder one as a concept."""
    from likewise.concept_tree import Tree, explore

    found = Tree.open(tree)
    if save is not None:
        if len(step or ()) != 1:
            raise typer.BadParameter("one --step is needed to know which version to save", param_hint="--save")
        concept = explore.milder(found, node, (step or [0])[0], save)
        return Answer(concept.as_json(), [f"{concept.placeholder} is in {save}"])
    target = out or found.folder / "steps" / node
    with bar("Drawing") as shown:
        pictures = explore.ladder(
            found, node, step or (), sentence=sentence, backbone=backbone, n=n, seed=seed, out=target, device=device,
            progress=shown,
        )  # fmt: skip
    data = {"folder": str(target), "pictures": [str(one.path) for one in pictures]}
    return Answer(data, [f"{len(pictures)} pictures in {target}"])


def track(
    tree: Folder,
    node: Annotated[str, typer.Argument(metavar="NODE", help="A node that was split, such as v0.")] = "v0",
    step: Steps = None,
    n: Annotated[int, typer.Option("-n", min=2, help="Pictures of each word at each step.")] = 12,
    encoder: Annotated[
        list[str] | None, typer.Option(metavar="NAME|DIR", help="What judges; else those that judged the split.")
    ] = None,
    backbone: Backbone = "toybox",
    device: Device = None,
) -> Answer:
    """Measure consistency, distinction and relevance of a split at the steps that were kept."""
    from likewise import devices, diffusion
    from likewise.concept_tree import Tree, consistency, tracking

    found = Tree.open(tree)
    found.node(node)
    judges = [consistency.judge(name) for name in encoder] if encoder else tracking.judges(found, node)
    model = diffusion.load(backbone).to(devices.choose(device).kind)
    measured = tracking.measure(found, node, model, judges, steps=step or (), pictures=n)
    head = ("step", "encoder", "consistency", "distinction", "relevance")
    table = [
        (str(one.step), one.encoder, f"{one.consistency:.3f}", f"{one.distinction:.3f}", f"{one.relevance:.3f}")
        for one in measured
    ]
    return Answer({"tracked": [one.model_dump() for one in measured]}, rows([head, *table]))


def prune(tree: Folder, node: Node, install: Install = True) -> Answer:
    """Take back what grew from a node; the node itself stays."""
    from likewise.concept_tree import Tree, installing, page

    found = Tree.open(tree)
    gone = found.prune(node)
    if install:
        installing.install(found)
    page.write(found)
    told = f"Gone: {', '.join(gone)}" if gone else f"Nothing had grown from {node}"
    return Answer({**summary(found), "pruned": gone}, [told])


def merge(
    tree: Folder,
    other: Annotated[Path, typer.Argument(metavar="OTHER", help="A tree of the same root, or of one of its words.")],
    install: Install = True,
) -> Answer:
    """Take over into a tree what another one has beyond it."""
    from likewise.concept_tree import Tree, installing, page
    from likewise.concept_tree import merge as join

    found = Tree.open(tree)
    made = join(found, Tree.open(other))
    if install:
        installing.install(found)
    page.write(found)
    told = f"Taken over: {', '.join(made)}" if made else "There was nothing to take over"
    return Answer({**summary(found), "merged": made}, [told])


def read(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="paper_tokens.bin, or a node's embeds.bin.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where the trees go, one folder each.")] = Path("trees"),
    install: Install = True,
    backbone: Backbone = "toybox",
) -> Answer:
    """Read embedding files that the paper's authors released, tensors only, as trees."""
    from likewise import diffusion
    from likewise.concept_tree import installing, released

    made = released.plant(file, out, diffusion.load(backbone))
    if install:
        for tree in made:
            installing.install(tree)
    data = {"trees": [summary(tree) for tree in made]}
    return Answer(data, [f"{tree.folder}: {', '.join(tree.words())}" for tree in made])


def page(tree: Folder) -> Answer:
    """Write the tree's page again."""
    from likewise.concept_tree import Tree
    from likewise.concept_tree import page as pages

    path = pages.write(Tree.open(tree))
    return Answer({"page": str(path)}, [f"Page: {path}"])


COMMANDS = {
    "show": Command(show),
    "blend": Command(blend, measured=True),
    "steps": Command(steps, measured=True),
    "track": Command(track, measured=True),
    "prune": Command(prune),
    "merge": Command(merge),
    "read": Command(read),
    "page": Command(page),
}
