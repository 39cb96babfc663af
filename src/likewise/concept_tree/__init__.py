"""Concept Decomposition (arXiv:2305.18203): take an idea apart into a tree of words, and recombine them.

    tree = decompose("photos/cat", depth=2)
    likewise.imagine("a house in the style of <cat_v1>")

Importing this package loads no torch.
"""

from typing import TYPE_CHECKING

from likewise import lazy

if TYPE_CHECKING:
    from likewise.concept_tree.config import Config as Config
    from likewise.concept_tree.decomposing import decompose as decompose
    from likewise.concept_tree.explore import combine as combine
    from likewise.concept_tree.merging import merge as merge
    from likewise.concept_tree.tree import Tree as Tree

__all__ = ["Config", "Tree", "combine", "decompose", "merge"]

lazy.public(
    __name__,
    Config="config",
    Tree="tree",
    combine="explore",
    decompose="decomposing",
    merge="merging",
)
