"""Where a node stands, from its number alone: v0 is the root, v1 and v2 its children, v3 and v4 those of v1."""

import re

from likewise.concept.card import check_name

ROOT = "v0"
SIDES = ("left", "right")
_NODE = re.compile(r"v(0|[1-9][0-9]{0,8})")


def number(node: str) -> int | None:
    """17 of "v17", None for what is no node's name."""
    found = _NODE.fullmatch(node)
    return int(found[1]) if found else None


def children(index: int) -> tuple[int, int]:
    """The numbers of the left and the right child."""
    return 2 * index + 1, 2 * index + 2


def parent(index: int) -> int | None:
    """The number of the node above, None for the root."""
    return (index - 1) // 2 if index else None


def depth(index: int) -> int:
    """Edges between the node and the root."""
    return (index + 1).bit_length() - 1


def side(index: int) -> str:
    """Which child of its parent it is."""
    assert index > 0, "the root is nobody's child"
    return SIDES[1 - index % 2]


def below(index: int, top: int) -> bool:
    """Whether a node stands somewhere under another."""
    above = depth(index) - depth(top)
    return above > 0 and ((index + 1) >> above) - 1 == top


def moved(index: int, old: int, new: int) -> int:
    """The number of a node under `old` (or that itself) once the branch that begins at `old` begins at `new`."""
    down = depth(index) - depth(old)
    within = (index + 1) - ((old + 1) << down)
    return ((new + 1) << down) + within - 1


def label(index: int) -> str:
    """ "v17" of 17."""
    return f"v{index}"


def concept_name(tree: str, node: str) -> str:
    """What prompts call a node, without brackets: cat_v1 of the tree cat."""
    return check_name(f"{tree}_{node}")
