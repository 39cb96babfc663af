"""What a tree is grown for: its words side by side, across trees, in both orders, in sentences, and milder."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from likewise.concept import Concept
from likewise.concept_tree import naming
from likewise.concept_tree.tree import Tree
from likewise.diffusion.backbone import Backbone
from likewise.errors import SettingError
from likewise.imagine import Picture, imagine

PLAIN = "{}"


@dataclass(frozen=True)
class Blend:
    """Words side by side in a sentence: the prompt that draws them, and what it names."""

    prompt: str
    words: tuple[str, ...]  # placeholders, in the order in which the prompt says them


def blends(
    trees: Sequence[Tree],
    nodes: Sequence[str] = (),
    sentences: Sequence[str] = (PLAIN,),
    *,
    orders: bool = True,
    pairs: bool = True,
) -> list[Blend]:
    """Every two words of all trees, in both orders, in every sentence.

    nodes: those alone, as "v1" (of every tree that has it) or "cat_v1". sentences: with {} where the words go. orders:
    both ways round. pairs: two words at a time; else each word on its own.
    """
    for sentence in sentences:
        check(sentence)
    words = chosen(trees, nodes)
    if pairs and len(words) < 2:
        raise SettingError("nodes", " ".join(words) or "none", "two words at least are needed to be combined")
    groups: list[tuple[str, ...]] = [*combinations(words, 2)] if pairs else [(word,) for word in words]
    if orders and pairs:
        groups = [group for pair in groups for group in (pair, pair[::-1])]
    return [Blend(sentence.replace(PLAIN, " ".join(group)), group) for sentence in sentences for group in groups]


def check(sentence: str) -> None:
    """SettingError for a sentence that has no place for words; other braces are its own."""
    if PLAIN not in sentence:
        raise SettingError("sentence", sentence, "it needs {} where the words go")


def chosen(trees: Sequence[Tree], nodes: Sequence[str] = ()) -> list[str]:
    """The placeholders of the nodes meant, tree by tree. UnknownTreeNodeError, RootWordError."""
    if not nodes:
        return [tree.placeholder(node) for tree in trees for node in tree.nodes if tree.has_word(node)]
    found = []
    for asked in nodes:
        own = [(tree, node) for tree in trees for node in tree.nodes if asked.strip("<>") in _names(tree, node)]
        if not own:
            trees[0].node(asked)
        found += [tree.concept(node).placeholder for tree, node in own]
    return list(dict.fromkeys(found))


def _names(tree: Tree, node: str) -> tuple[str, str]:
    return node, naming.concept_name(tree.name, node)


def combine(
    trees: Tree | Sequence[Tree],
    nodes: Sequence[str] = (),
    *,
    sentences: Sequence[str] = (PLAIN,),
    orders: bool = True,
    pairs: bool = True,
    backbone: str | Path | Backbone = "toybox",
    n: int = 2,
    seed: int = 0,
    out: str | Path | None = None,
    **drawing: Any,
) -> list[Picture]:
    """Draw the blends of one tree or several, n pictures each; see `blends`, and `likewise.imagine` for the rest.

    The same noise stands behind every blend, so that what differs comes from the words and their order. With `out`,
    every picture and a sheet, a row a blend. Two trees of one name cannot be told apart: ConceptClashError.
    """
    gathered = [trees] if isinstance(trees, Tree) else list(trees)
    wanted = blends(gathered, nodes, sentences, orders=orders, pairs=pairs)
    named = {word for blend in wanted for word in blend.words}
    concepts = [one for tree in gathered for one in tree.concepts() if one.placeholder in named]
    prompts = [blend.prompt for blend in wanted]
    return imagine(prompts, concepts=concepts, backbone=backbone, n=n, seed=seed, out=out, **drawing)


def milder(tree: Tree, node: str, step: int, folder: Path) -> Concept:
    """A node as it was after fewer steps, as a concept `<cat_v1-s50>` in a new folder; NoStepsKeptError.

    An earlier step says less: it leans towards the word that the node started from, and goes along with others better.
    """
    rows, card = tree.step(node, step), tree.concept(node).card
    origin = {**card.provenance, "step": step}
    card = card.renamed(f"{card.name}-s{step}").model_copy(update={"provenance": origin, "scores": {}})
    return Concept.save(folder, card, words=rows)


def ladder(
    tree: Tree,
    node: str,
    versions: Sequence[int] = (),
    *,
    sentence: str = PLAIN,
    backbone: str | Path | Backbone = "toybox",
    n: int = 4,
    out: str | Path | None = None,
    **drawing: Any,
) -> list[Picture]:
    """A node from its mildest to its full version, n pictures each, from the same noise.

    versions: optimiser steps, all that were kept by default; NoStepsKeptError for another.
    """
    check(sentence)
    asked = list(versions) or sorted(tree.steps(node))
    if not asked:
        tree.step(node, tree.node(node).step or 0)
    with TemporaryDirectory() as temp:
        words = [milder(tree, node, step, Path(temp) / str(step)) for step in asked]
        prompts = [sentence.replace(PLAIN, one.placeholder) for one in words]
        return imagine(prompts, concepts=words, backbone=backbone, n=n, out=out, **drawing)


def prompts(tree: Tree, node: str) -> Mapping[str, str]:
    """Prompts to begin with: the word, with its sibling, and in sentences, by what they show."""
    word = tree.placeholder(node)
    above = naming.parent(tree.index(node))
    found = {"alone": word}
    if above is not None:
        both = [tree.placeholder(child) for child in tree.children(naming.label(above))]
        found["with its sibling"] = " ".join(both)
    return {**found, "in a thing": f"a house made of {word}", "on a thing": f"a cake in the style of {word}"}
