"""A tree's nodes in the library, so that any prompt can name them."""

import re

from likewise.concept import library
from likewise.concept_tree.tree import Tree
from likewise.errors import NameTakenError


def check(tree: Tree) -> None:
    """NameTakenError where the library has a name that this tree's nodes may get, from elsewhere."""
    shelf = library()
    for name in shelf.names():
        if re.fullmatch(rf"{re.escape(tree.name)}_v[0-9]+", name) and not _own(tree, name):
            raise NameTakenError(name)


def install(tree: Tree) -> list[str]:
    """Make the library hold exactly this tree's words; returns their names."""
    check(tree)
    shelf, words = library(), {concept.name: concept for concept in tree.concepts()}
    for name in shelf.names():
        if re.fullmatch(rf"{re.escape(tree.name)}_v[0-9]+", name):
            if name in words and shelf.get(name).hash == words[name].hash:
                words.pop(name)
            else:
                shelf.delete(name)
    for concept in words.values():
        shelf.add(concept)
    return sorted(concept.name for concept in tree.concepts())


def _own(tree: Tree, name: str) -> bool:
    """Whether a concept of the library is this tree's, now or before."""
    found = library().get(name)
    origin = found.card.provenance
    if origin.get("tree") == tree.name and origin.get("source") == tree.record.source.hash:
        return True
    return any(one.name == name and one.hash == found.hash for one in tree.concepts())
