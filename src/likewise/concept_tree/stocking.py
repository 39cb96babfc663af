"""A node that has a word and no pictures gets some: drawn from the word, the most central kept."""

from collections.abc import Callable

from likewise.concept_tree import consistency
from likewise.concept_tree.config import Config
from likewise.concept_tree.pictures import Look, Order, draw
from likewise.concept_tree.tree import Tree, write_node
from likewise.diffusion.backbone import Backbone
from likewise.encoders.encoder import Encoder, embed
from likewise.errors import RootWordError

STOCK = "stock"


def stock(
    tree: Tree, node: str, backbone: Backbone, config: Config, judge: Encoder, tick: Callable[[int], None] | None = None
) -> bool:
    """Draw config.images pictures of the node's word and keep the config.central most central ones.

    A node that has two pictures or more is left alone: False. RootWordError for one with neither pictures nor a word.
    """
    tree.check(backbone)
    if tree.node(node).images >= 2:
        return False
    if not tree.has_word(node):
        raise RootWordError(tree.folder)
    word = tree.placeholder(node)
    order = Order(word, tree.words([node]), config.images, tree.work / node / STOCK)
    (drawn,) = draw(backbone, [order], Look.of(config), tick)
    seen = embed(judge, drawn)
    kept = consistency.central(seen, config.central)
    files = [order.path(index) for index in sorted(kept)]
    with tree.changing(node):
        concept, rows, folder = tree.concept(node), tree.words([node])[word], tree.free_folder(node)
        write_node(tree.folder / folder, concept.card, rows, tree.steps(node), files, order.path(kept[0]))
        own = {**tree.node(node).own, judge.name: consistency.within(seen)}
        now = tree.node(node).model_copy(update={"folder": folder, "images": len(kept), "own": own})
        tree.replace({**tree.record.nodes, node: now}, tree.record.splits)
    return True
