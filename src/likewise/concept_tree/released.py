"""The embedding files that the authors released, and that their code writes, as trees: tensors alone are read.

`paper_tokens.bin` is a table of tables, {"cat": {"<cat_v1>": (768,)}}; `embeds.bin` of a node is {"v1": (768,)}. Both
are pickles, which `likewise.diffusion.formats.inert` reads without running them.
"""

import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor

from likewise import checkpoint
from likewise.concept import Card
from likewise.concept_tree import naming
from likewise.concept_tree.record import Node, Source
from likewise.concept_tree.tree import Tree, write_node
from likewise.diffusion.backbone import Backbone, word_table
from likewise.diffusion.formats import inert
from likewise.diffusion.formats.word_files import PICKLED
from likewise.errors import BrokenFileError, ForeignTreeError, SparseNodeWarning, WordFileError

_KEY = re.compile(r"<?(?:.*_)?(v[0-9]+)>?")


def read(path: Path) -> dict[str, dict[str, Tensor]]:
    """Tree -> node -> vectors (1, D) float32, in the file's order. ForeignTreeError, UnsafeFileError, BrokenFileError.

    A file of one tree's nodes gives one tree, called as the file's folder is.
    """
    held = inert.read(path) if path.suffix.lower() in PICKLED else checkpoint.read_tensors(path)[0]
    if not isinstance(held, dict) or not held:
        raise ForeignTreeError(path, f"it holds a {type(held).__name__}" if held else "it is empty")
    nested = all(isinstance(one, dict) for one in held.values())
    tables = cast(Mapping[Any, Mapping[Any, Any]], held if nested else {path.resolve().parent.name: held})
    return {_tidy(str(name)): _nodes(path, table) for name, table in tables.items()}


def _nodes(path: Path, table: Mapping[Any, Any]) -> dict[str, Tensor]:
    found: dict[str, Tensor] = {}
    for key, value in table.items():
        node = _KEY.fullmatch(str(key))
        if node is None or naming.number(node[1]) is None or not isinstance(value, Tensor):
            raise ForeignTreeError(path, f"its entry {str(key)[:40]!r} is no node")
        if value.numel() == 0 or not value.is_floating_point() or not torch.isfinite(value).all():
            raise BrokenFileError(path, f"{key} holds no finite numbers")
        found[node[1]] = value.float().reshape(-1, value.shape[-1]).clone()
    return found


def plant(path: Path, out: Path, backbone: Backbone) -> list[Tree]:
    """A tree for each concept of a file, in out/NAME, whose nodes prompts can name. TreeTakenError, WordFileError.

    Pictures are drawn when a node is split or shown: SparseNodeWarning.
    """
    widths = [word_table(encoder).embedding_dim for encoder in backbone.text_encoders]
    tables, made = read(path), []
    for nodes in tables.values():
        for rows in nodes.values():
            if widths != [rows.shape[1]]:
                raise WordFileError(path, f"its rows are {rows.shape[1]} wide, and {backbone.name} reads {widths}")
    for name, nodes in tables.items():
        source = Source(kind="file", name=path.name, hash=checkpoint.hash_tensors(nodes))
        tree = Tree.begin(out / name, name, "", backbone, [], source)
        words = {node: _write(tree, node, rows, backbone) for node, rows in nodes.items()}
        tree.replace({**tree.record.nodes, **words}, {})
        warnings.warn(SparseNodeWarning(tree.folder, len(words)), stacklevel=2)
        made.append(tree)
    return made


def _write(tree: Tree, node: str, rows: Tensor, backbone: Backbone) -> Node:
    word = naming.concept_name(tree.name, node)
    card = Card(
        name=word, placeholder=f"<{word}>", noun="", base_hash=backbone.hash, base_name=backbone.name,
        method="concept-tree", provenance={"tree": tree.name, "node": node, "source": tree.record.source.hash},
    )  # fmt: skip
    concept = write_node(tree.folder / node, card, rows, {}, [], None)
    return Node(folder=node, images=0, hash=concept.hash)


def _tidy(name: str) -> str:
    return re.sub(r"[^a-z0-9_-]+", "-", name.lower()).strip("-_")[:30] or "tree"
