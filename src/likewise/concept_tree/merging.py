"""Two trees that belong together as one: the same tree grown on two machines, or a tree of one of another's words."""

import shutil
import tempfile
from pathlib import Path

import torch
from torch import Tensor

from likewise.concept_tree import naming
from likewise.concept_tree.record import Node
from likewise.concept_tree.tree import Tree, write_node
from likewise.diffusion.backbone import Vectors
from likewise.errors import TreesDifferError


def merge(first: Tree, second: Tree) -> list[str]:
    """Take over into the first tree what the second has beyond it, and return the new nodes' names.

    They belong together if both grew from the same photos or concept, or if the second's root is a word of the first.
    Words keep their vectors and get the first tree's name. TreesDifferError, before anything is changed, where they do
    not belong together, or where one node was split into different words.
    """
    with first.changing(naming.ROOT, deep=True):
        return _joined_at(first, second, _place(first, second))


def _joined_at(first: Tree, second: Tree, top: str) -> list[str]:
    """The nodes taken over, with the second tree's root at `top` of the first."""
    taken = {node: naming.label(naming.moved(second.index(node), 0, first.index(top))) for node in second.nodes}
    clashes = [
        new
        for old, new in taken.items()
        if old != naming.ROOT and new in first.record.nodes and not _same(first, new, second, old)
    ]
    if clashes:
        reason = f"{', '.join(clashes)} grew into another word there (prune one of the two, or name it anew)"
        raise TreesDifferError(first.folder, second.folder, reason)
    fresh = {old: new for old, new in taken.items() if new not in first.record.nodes}
    made = {new: _copied(first, second, old, new) for old, new in fresh.items()}
    splits = {taken[old]: one for old, one in second.record.splits.items() if old in taken}
    known = {node: one for node, one in first.record.splits.items() if one.chosen is not None or node not in splits}
    first.replace({**first.record.nodes, **made}, {**splits, **known})
    return [node for node in first.nodes if node in made]


def _place(first: Tree, second: Tree) -> str:
    """The node of the first tree that the second's root is."""
    if first.record.base_hash != second.record.base_hash:
        raise TreesDifferError(first.folder, second.folder, "they grew on different base models")
    if first.record.source.hash == second.record.source.hash:
        return naming.ROOT
    if second.has_word(naming.ROOT):
        for node in first.nodes:
            if first.has_word(node) and _same(first, node, second, naming.ROOT):
                return node
    raise TreesDifferError(first.folder, second.folder, "they grew from different things, and its root is no node here")


def _same(first: Tree, node: str, second: Tree, other: str) -> bool:
    mine, theirs = first.concept(node).rows(), second.concept(other).rows()
    return len(mine) == len(theirs) and all(map(torch.equal, mine, theirs))


def _copied(first: Tree, second: Tree, old: str, new: str) -> Node:
    """The second tree's node in the first one's folder, under its new name."""
    node = second.node(old)
    if not second.has_word(old):
        shutil.copytree(second.place(old), first.folder / new, dirs_exist_ok=True)
        return node.model_copy(update={"folder": new})
    concept, rows = second.concept(old), _joined(second.concept(old).rows())
    pictures = [photo.path for photo in second.pictures(old).photos] if node.images else []
    preview = concept.folder / "preview.png"
    origin = {**concept.card.provenance, "tree": first.name, "node": new, "source": first.record.source.hash}
    card = concept.card.renamed(naming.concept_name(first.name, new)).model_copy(update={"provenance": origin})
    folder = first.free_folder(new)
    with tempfile.TemporaryDirectory() as temp:  # the preview of a folder that may be replaced
        shown = Path(temp) / "preview.png"
        if preview.is_file():
            shutil.copyfile(preview, shown)
        made = write_node(
            first.folder / folder, card, rows, second.steps(old), pictures, shown if preview.is_file() else None
        )
    return node.model_copy(update={"folder": folder, "hash": made.hash})


def _joined(rows: tuple[Tensor, ...]) -> Vectors:
    return rows[0] if len(rows) == 1 else rows
