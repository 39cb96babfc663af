"""A tree of concepts on disk: tree.json, and a folder a node with its word, its pictures, and its word on the way.

    TREE/tree.json                    what every node is, and what it was chosen by
    TREE/v0/images/                   the photos, as the model sees them
    TREE/v1/concept/                  a concept like any other: learned_embeds.safetensors, concept.json, preview.png
    TREE/v1/images/, steps.safetensors
    TREE/work/                        splits under way
    TREE/tree.lock                    empty; held while one program changes the tree, for seconds

tree.json is replaced last and in one step, so a tree is always whole: folders that it does not name are leftovers.
Several programs may grow one tree: each reads it anew before it writes, and refuses what another one changed.
"""

import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from torch import Tensor

from likewise import checkpoint, disk, images, imageset, locking
from likewise.concept import Card, Concept
from likewise.concept_tree import naming, record
from likewise.concept_tree.record import Node, Record, Source, Split
from likewise.diffusion.backbone import Backbone, Vectors, Words
from likewise.errors import (
    NoStepsKeptError,
    RootWordError,
    SplitTakenError,
    TreeBaseError,
    TreeChangedError,
    TreeFolderError,
    TreeTakenError,
    UnknownTreeNodeError,
)
from likewise.imageset import ImageSet

STEPS, LOCK = "steps.safetensors", "tree.lock"
_FOLDER = re.compile(r"(v[0-9]+)(-[0-9]+)?")  # what free_folder makes


@dataclass
class Tree:
    """A tree that was read; its methods that change it write it first."""

    folder: Path
    record: Record

    @classmethod
    def open(cls, folder: str | Path) -> "Tree":
        """The tree in a folder; TreeFolderError."""
        return cls(Path(folder), record.read(Path(folder)))

    @classmethod
    def begin(
        cls, folder: Path, name: str, noun: str, backbone: Backbone, pictures: Sequence[Image.Image], source: Source
    ) -> "Tree":
        """A new tree of a root alone, whose pictures are framed to the model's square. TreeTakenError."""
        if os.path.lexists(folder):
            raise TreeTakenError(folder)
        naming.concept_name(name, "v999")
        root = Node(folder=naming.ROOT, images=len(pictures))
        made = Record(
            name=name, noun=noun, base_name=backbone.name, base_hash=backbone.hash, source=source,
            nodes={naming.ROOT: root},
        )  # fmt: skip
        with disk.new_folder(folder) as temp:
            for index, picture in enumerate(pictures):
                framed = images.cover(picture, backbone.facts.image_size)
                images.write_png(temp / naming.ROOT / "images" / f"{index:02d}.png", framed)
            record.write(temp, made)
        return cls(folder, made)

    @property
    def name(self) -> str:
        """What its nodes are called by: cat in cat_v1."""
        return self.record.name

    @property
    def nodes(self) -> list[str]:
        """Its nodes' names, from the root down."""
        return sorted(self.record.nodes, key=lambda node: naming.number(node) or 0)

    @property
    def work(self) -> Path:
        """Where splits under way are."""
        return self.folder / "work"

    def node(self, node: str) -> Node:
        """A node's record; UnknownTreeNodeError."""
        if node not in self.record.nodes:
            raise UnknownTreeNodeError(self.folder, node, self.nodes)
        return self.record.nodes[node]

    def index(self, node: str) -> int:
        """A node's number; UnknownTreeNodeError."""
        self.node(node)
        index = naming.number(node)
        if index is None:
            raise TreeFolderError(self.folder, f"{node!r} is no name of a node")
        return index

    def children(self, node: str) -> list[str]:
        """The names of the children that there are, left first."""
        below = map(naming.label, naming.children(self.index(node)))
        return [child for child in below if child in self.record.nodes]

    def under(self, node: str) -> list[str]:
        """The names of all nodes under one."""
        top = self.index(node)
        return [other for other in self.nodes if naming.below(self.index(other), top)]

    def check(self, backbone: Backbone) -> None:
        """Raise TreeBaseError unless it grew on this very model."""
        if backbone.hash != self.record.base_hash:
            needed = (self.record.base_name, self.record.base_hash)
            raise TreeBaseError(self.folder, needed, (backbone.name, backbone.hash))

    def place(self, node: str) -> Path:
        """A node's folder."""
        return disk.inside(self.folder, self.node(node).folder, "node folder in tree.json")

    def pictures(self, node: str, minimum: int = 1) -> ImageSet:
        """The files that a node is split from; TooFewImagesError."""
        return imageset.load(self.place(node) / "images", minimum=minimum, captions=False)

    def images(self, node: str) -> list[Image.Image]:
        """A node's pictures; [] where it has none."""
        return self.pictures(node).images() if self.node(node).images else []

    def has_word(self, node: str) -> bool:
        """Whether a prompt can name the node; a root of photos has no word."""
        return self.node(node).hash is not None

    def concept(self, node: str) -> Concept:
        """The node as a concept, `<tree_v1>` in prompts; RootWordError for a root of photos."""
        if not self.has_word(node):
            raise RootWordError(self.folder)
        return Concept.load(self.place(node) / "concept")

    def concepts(self) -> list[Concept]:
        """Every node that is a word."""
        return [self.concept(node) for node in self.nodes if self.has_word(node)]

    def words(self, nodes: Iterable[str] | None = None) -> Words:
        """Placeholder -> vectors, of some nodes or of all."""
        chosen = [node for node in self.nodes if self.has_word(node)] if nodes is None else list(nodes)
        found: dict[str, Vectors] = {}
        for node in chosen:
            rows = self.concept(node).rows()
            found[self.placeholder(node)] = rows[0] if len(rows) == 1 else rows
        return found

    def placeholder(self, node: str) -> str:
        """What prompts call a node."""
        self.node(node)
        return f"<{naming.concept_name(self.name, node)}>"

    def steps(self, node: str) -> dict[int, Vectors]:
        """A node's vectors on the way, by optimiser step; the last is the node itself."""
        path = self.place(node) / STEPS
        return unpack(checkpoint.read_tensors(path)[0]) if path.is_file() else {}

    def step(self, node: str, step: int) -> Vectors:
        """A node's vectors at a step; NoStepsKeptError lists those that were kept."""
        known = self.steps(node)
        if step not in known:
            raise NoStepsKeptError(node, step, known)
        return known[step]

    def refresh(self) -> None:
        """Read the tree anew, with what other programs made of it."""
        self.record = record.read(self.folder)

    @contextmanager
    def changing(self, node: str, *, deep: bool = False) -> Iterator[None]:
        """Where the tree changes at a node: it is read anew, and no other program changes it until the scope ends.

        TreeChangedError where one has changed the node, its split or its children since it was read; deep: or anything
        under it. New folders of nodes are written within the scope too, or another program would sweep them away.
        """
        with locking.alone(self.folder / LOCK):
            now = record.read(self.folder)
            if _around(now, node, deep) != _around(self.record, node, deep):
                raise TreeChangedError(self.folder, node)
            self.record = now
            yield

    @contextmanager
    def claimed(self, node: str) -> Iterator[None]:
        """The scope in which a node's split under way is this program's alone. SplitTakenError."""
        with locking.claimed(self.work / f"{node}.lock", SplitTakenError(self.folder, node)):
            yield

    def replace(self, nodes: Mapping[str, Node], splits: Mapping[str, Split]) -> None:
        """Write tree.json with these nodes and splits, then remove the folders that nothing names any more.

        TreeChangedError, before anything is written, where another program has changed the tree; see `changing`.
        """
        with locking.alone(self.folder / LOCK):
            if record.read(self.folder) != self.record:
                raise TreeChangedError(self.folder, naming.ROOT)
            record.write(self.folder, self.record.model_copy(update={"nodes": dict(nodes), "splits": dict(splits)}))
            self.refresh()  # as JSON has it, or a tuple of the settings would seem to be changed
            self.sweep()

    def sweep(self) -> None:
        """Remove what a killed process left: folders of nodes that tree.json does not name."""
        disk.clean(self.folder)
        named = {node.folder for node in self.record.nodes.values()}
        for path in sorted(self.folder.glob("v*")):
            own = _FOLDER.fullmatch(path.name)  # v1-sketches is somebody's own
            if own and naming.number(own[1]) is not None and path.is_dir() and path.name not in named:
                disk.remove(path)

    def prune(self, node: str) -> list[str]:
        """Take back what grew from a node, and return the names of what is gone."""
        begun = [name for name in [node, *self.under(node)] if (self.work / name).is_dir()]
        with ExitStack() as scope:
            for name in begun:
                scope.enter_context(self.claimed(name))
            with self.changing(node, deep=True):
                gone = self.under(node)
                kept = {name: one for name, one in self.record.nodes.items() if name not in gone}
                splits = {name: one for name, one in self.record.splits.items() if name in kept and name != node}
                self.replace(kept, splits)
            for name in begun:
                disk.remove(self.work / name)
        return gone

    def free_folder(self, node: str) -> str:
        """A folder's name for a node that no other node has, now or before."""
        taken = {one.folder for one in self.record.nodes.values()}
        names = (node if turn == 1 else f"{node}-{turn}" for turn in range(1, len(taken) + 2))
        return next(name for name in names if name not in taken)


def _around(read: Record, node: str, deep: bool) -> tuple[dict[str, Node], Split | None]:
    """A node, its children (deep: all under it) and its split, as a record has them."""
    top = naming.number(node) or 0
    near = {
        name: one
        for name, one in read.nodes.items()
        if (index := naming.number(name)) is not None
        and (index == top or (naming.below(index, top) if deep else naming.parent(index) == top))
    }
    return near, read.splits.get(node)


def write_node(
    folder: Path,
    card: Card,
    rows: Vectors,
    steps: Mapping[int, Vectors],
    pictures: Sequence[Path],
    preview: Path | None,
) -> Concept:
    """Write a node's folder in one step, over one that a killed process left. pictures: files to copy, in order."""
    with disk.new_folder(folder, replace=True) as temp:
        shown = images.read(preview) if preview else None
        Concept.save(temp / "concept", card, words=rows, preview=shown)
        if steps:
            checkpoint.write_tensors(temp / STEPS, pack(steps))
        (temp / "images").mkdir()
        for path in pictures:
            shutil.copyfile(path, temp / "images" / path.name)
    return Concept.load(folder)


def pack(steps: Mapping[int, Vectors]) -> dict[str, Tensor]:
    """Vectors by step as tensors by name: "000050/0" is step 50 of the first text encoder."""
    return {
        f"{step:06d}/{place}": rows
        for step, given in steps.items()
        for place, rows in enumerate((given,) if isinstance(given, Tensor) else given)
    }


def unpack(tensors: Mapping[str, Tensor]) -> dict[int, Vectors]:
    """What `pack` was given."""
    found: dict[int, list[Tensor]] = {}
    for name in sorted(tensors):
        found.setdefault(int(name.partition("/")[0]), []).append(tensors[name])
    return {step: rows[0] if len(rows) == 1 else tuple(rows) for step, rows in found.items()}
