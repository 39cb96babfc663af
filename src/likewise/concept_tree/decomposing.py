"""`decompose`: from photos or a concept to a tree, or from a tree to more of it."""

import warnings
from collections.abc import Sequence
from pathlib import Path

from likewise import devices
from likewise.concept import Concept
from likewise.concept_tree import consistency, installing, page, planting
from likewise.concept_tree.config import Config
from likewise.concept_tree.costs import Report
from likewise.concept_tree.grow import Gardener
from likewise.concept_tree.split import LONG
from likewise.concept_tree.tree import Tree
from likewise.diffusion import load
from likewise.diffusion.backbone import Backbone
from likewise.encoders.encoder import Encoder
from likewise.errors import FixedTreeError, IdleSettingWarning, LongWordWarning, SettingError

DEPTH = 2


def decompose(
    source: str | Path | Concept | Tree,
    *,
    depth: int | None = None,
    nodes: Sequence[str] = (),
    again: bool = False,
    force: bool = False,
    name: str | None = None,
    noun: str = "",
    backbone: str | Path | Backbone = "toybox",
    encoders: Sequence[Encoder] = (),
    out: str | Path | None = None,
    install: bool = True,
    device: str | None = None,
    report: Report | None = None,
    command: str | None = None,
    **settings: object,
) -> Tree:
    """Grow a tree from photos or a concept, or go on with one; what is there already is not made again.

    source: a folder of photos, a concept (its name, its folder), or a tree (its folder). depth: levels below the root,
    2 unless told; with `nodes` those alone are split, with `again` anew. force: split even where little is left to
    split. out: the tree's folder, trees/NAME by default. encoders: what judges, the first of them chooses; instead of
    those that the settings name. install: put the nodes into the library, so that prompts can name them. settings: see
    Config.

    Raises a LikewiseError before anything is changed; whatever happens later, the tree stays whole.
    """
    if again and not nodes:
        raise SettingError("again", again, "it splits anew what --node names, and no node is named")
    if depth is not None and nodes:
        warnings.warn(IdleSettingWarning("depth", "node", ", ".join(nodes), ("left out",)), stacklevel=2)
    place = Path(out) if out is not None else None
    chosen = devices.choose(device)
    model = _model(backbone, str(settings.get("precision", "float32")), chosen)
    config = Config.for_backbone(model.facts, settings)
    tree = source if isinstance(source, Tree) else _planted(source, place, name, noun, model, config, encoders)
    _check_begun(tree, place, name, noun)
    tree.check(model)
    if install:
        installing.check(tree)
    gardener = Gardener(model, config, encoders, force, chosen, report, command=command)
    split = gardener.split(tree, nodes, again) if nodes else gardener.grow(tree, DEPTH if depth is None else depth)
    _warn_of_length(tree, split)
    tree.refresh()  # another program may have added words since
    if install:
        installing.install(tree)
    page.write(tree)
    if gardener.asked:
        gardener.asked.close()
    return tree


def _model(backbone: str | Path | Backbone, precision: str, device: devices.Device) -> Backbone:
    model = backbone if isinstance(backbone, Backbone) else load(backbone, precision)
    return model.to(device.kind)


def _planted(
    source: str | Path | Concept,
    out: Path | None,
    name: str | None,
    noun: str,
    model: Backbone,
    config: Config,
    encoders: Sequence[Encoder],
) -> Tree:
    found = None if isinstance(source, Concept) else planting.find(source)
    if found is not None:
        return found
    if planting.is_concept(source):
        judge = encoders[0] if encoders else consistency.judge(config.encoder)
        return planting.of_concept(Concept.load(source), out, name, noun, model, config, judge)
    assert not isinstance(source, Concept)
    return planting.of_photos(Path(source), out, name, noun, model)


def _check_begun(tree: Tree, out: Path | None, name: str | None, noun: str) -> None:
    """FixedTreeError for what only a new tree can be given; the same again is no matter."""
    if out is not None and out.resolve() != tree.folder.resolve():
        raise FixedTreeError(tree.folder, "--out", out, tree.folder)
    for option, found, own in (("--name", name, tree.name), ("--noun", noun, tree.record.noun)):
        if found and found != own:
            raise FixedTreeError(tree.folder, option, found, own or "none")


def _warn_of_length(tree: Tree, nodes: Sequence[str]) -> None:
    """Once for all new words: the longest of them."""
    lengths = [tree.node(child).length or 0 for node in nodes for child in tree.children(node)]
    if lengths and max(lengths) > LONG:
        warnings.warn(LongWordWarning(max(lengths)), stacklevel=3)
