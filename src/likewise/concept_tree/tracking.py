"""How the two words of a split part, step by step: consistency, distinction and relevance on the way."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from likewise.concept_tree import consistency
from likewise.concept_tree.config import Config
from likewise.concept_tree.jury import track
from likewise.concept_tree.pictures import Look, Order, draw
from likewise.concept_tree.record import Tracked
from likewise.concept_tree.tree import Tree
from likewise.diffusion.backbone import Backbone
from likewise.encoders.encoder import Encoder, embed
from likewise.errors import JudgeGoneError, NoStepsKeptError, UnknownTreeNodeError


def judges(tree: Tree, node: str) -> list[Encoder]:
    """What judged a node's split, loaded again. JudgeGoneError for an encoder that is not what it was."""
    split = tree.record.splits.get(node)
    if split is None:
        return []
    settings = Config(**split.settings)
    # trees from before it was kept what loads an encoder have the settings, in the order of the encoders
    asked = dict(zip(split.encoders, dict.fromkeys([settings.encoder, *settings.judges]), strict=False))
    found = []
    for name, digest in split.encoders.items():
        found.append(consistency.judge(split.loads.get(name) or asked.get(name, name)))
        if found[-1].hash != digest:
            raise JudgeGoneError(node, name)
    return found


def measure(
    tree: Tree,
    node: str,
    backbone: Backbone,
    encoders: Sequence[Encoder],
    *,
    steps: Sequence[int] = (),
    pictures: int = 12,
) -> list[Tracked]:
    """Draw both children of a node at several steps (all that were kept), measure them, and keep that in the tree."""
    tree.check(backbone)
    sides = tree.children(node)
    if len(sides) < 2 or node not in tree.record.splits:
        raise UnknownTreeNodeError(tree.folder, f"children of {node}", tree.nodes)
    known = sorted(set(tree.steps(sides[0])) & set(tree.steps(sides[1])))
    for step in steps:
        if step not in known:
            raise NoStepsKeptError(node, step, known)
    split = tree.record.splits[node]
    look = Look.of(Config(**split.settings))
    with TemporaryDirectory() as temp:
        found = [
            one
            for step in (steps or known)
            for one in _at(tree, node, step, backbone, encoders, look, Path(temp) / str(step), pictures)
        ]
    old = [one for one in split.tracked if (one.step, one.encoder, one.pictures) not in map(_key, found)]
    tracked = sorted([*old, *found], key=lambda one: (one.encoder, one.step, one.pictures))
    changed = split.model_copy(update={"tracked": tracked})
    with tree.changing(node):
        tree.replace(tree.record.nodes, {**tree.record.splits, node: changed})
    return found


def _at(
    tree: Tree,
    node: str,
    step: int,
    backbone: Backbone,
    encoders: Sequence[Encoder],
    look: Look,
    folder: Path,
    pictures: int,
) -> list[Tracked]:
    words = {tree.placeholder(side): tree.step(side, step) for side in tree.children(node)}
    orders = [Order(word, words, pictures, folder / word.strip("<>")) for word in words]
    left, right = draw(backbone, orders, look)
    own = tree.images(node)
    return [track(step, e.name, embed(e, own), embed(e, left), embed(e, right)) for e in encoders]


def _key(one: Tracked) -> tuple[int, str, int]:
    return one.step, one.encoder, one.pictures
