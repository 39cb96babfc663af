"""Which nodes a command was asked to split, kept until its words are where they belong.

A command that was stopped between two of its nodes can so tell what it split itself from what was split before it.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from likewise import checkpoint
from likewise.concept_tree.tree import Tree


@dataclass(frozen=True)
class Asked:
    """A command at a tree: where it is noted, the settings of its splits, and how its nodes were before it."""

    tree: Tree
    path: Path
    settings: Mapping[str, Any]
    before: Mapping[str, list[str]]

    @classmethod
    def of(cls, tree: Tree, nodes: Sequence[str], settings: Mapping[str, Any], how: object) -> "Asked":
        """The command that was stopped, if it was this very one, else a new one. how: what else makes it this one."""
        digest = checkpoint.hash_json([list(nodes), dict(settings), how])
        path = tree.work / f"asked-{digest[:16]}.json"
        known = checkpoint.read_json(path) if path.is_file() else {node: _state(tree, node) for node in nodes}
        return cls(tree, path, settings, known)

    def begin(self) -> None:
        """Note it, so that the same command can go on."""
        if not self.path.is_file():
            checkpoint.write_json(self.path, self.before)

    def done(self, node: str) -> bool:
        """Whether the node was split, or left whole, since the command began, and with its settings."""
        now, split = _state(self.tree, node), self.tree.record.splits.get(node)
        return bool(now) and now != self.before[node] and split is not None and split.settings == self.settings

    def close(self) -> None:
        """Forget it: all is done."""
        self.path.unlink(missing_ok=True)
        with suppress(OSError):  # other splits are under way
            self.tree.work.rmdir()


def _state(tree: Tree, node: str) -> list[str]:
    """What a split of the node changes: its children's folders, which are new each time, or why it was left whole."""
    split = tree.record.splits.get(node)
    return [tree.node(child).folder for child in tree.children(node)] or [*filter(None, [split and split.stopped])]
