"""A tree on one page that needs nothing else: nodes as pictures, their figures, prompts to copy, what was blended."""

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

from PIL import Image

from likewise import checkpoint, images
from likewise.concept_tree import naming
from likewise.concept_tree.explore import prompts
from likewise.concept_tree.record import Split
from likewise.concept_tree.tree import Tree
from likewise.errors import PictureMetadataError
from likewise.images.markup import Markup, join, picture, tag, trusted

FILE, BLENDS = "tree.html", "blends"
SIDE, MOSAIC = 200, 4  # pixels a picture; pictures a node
SCRIPT = trusted("""
for (const one of document.querySelectorAll("button.copy")) one.addEventListener("click", async () => {
  const text = one.dataset.text;
  try { await navigator.clipboard.writeText(text); }
  catch { getSelection().selectAllChildren(one); document.execCommand("copy"); }
  one.classList.add("done");
  setTimeout(() => one.classList.remove("done"), 1500);
});
""")


def write(tree: Tree) -> Path:
    """Write the page into the tree's folder."""
    path = tree.folder / FILE
    checkpoint.write_bytes(path, render(tree).encode())
    return path


def render(tree: Tree) -> str:
    """The whole HTML document."""
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", f"{tree.name}: a tree of {len(tree.words())} words"),
        tag("style", trusted((files("likewise.concept_tree") / "page.css").read_text(encoding="utf-8"))),
    )
    grown = tag("div", tag("ul", _branch(tree, naming.ROOT), class_="tree"), class_="scroll")
    parts = [_top(tree), grown, _blends(tree), _choices(tree), _foot(tree)]
    body = tag("body", tag("main", parts), tag("script", SCRIPT))
    return "<!doctype html>\n" + tag("html", head, body, lang="en") + "\n"


def _top(tree: Tree) -> Markup:
    source, count = tree.record.source, len(tree.words())
    came = {"photos": f"the photos in {source.name}", "concept": f"<{source.name}>", "file": source.name}[source.kind]
    lead = f"{count} words grown from {came}. Point at a picture, or tap it, for its figures and prompts."
    return tag("header", tag("h1", tree.name), tag("p", lead, class_="lead"))


def _branch(tree: Tree, node: str) -> Markup:
    """A node and all under it."""
    below = [_branch(tree, child) for child in tree.children(node)]
    loose: list[Markup] = []
    if node == naming.ROOT and not below:  # a file may hold v5 and v6 without v1 and v2
        loose = [_branch(tree, other) for other in tree.nodes if other != naming.ROOT]
    return tag("li", _card(tree, node), tag("ul", below or loose) if below or loose else "")


def _card(tree: Tree, node: str) -> Markup:
    word = tree.placeholder(node) if tree.has_word(node) else tree.record.source.name
    shown = [picture(one, side=SIDE, alt=f"{word}, picture {i}") for i, one in enumerate(_shown(tree, node), start=1)]
    split = tree.record.splits.get(node)
    whole = tag("p", f"Left whole: {split.stopped}.", class_="whole") if split and split.stopped else ""
    kind = "root" if node == naming.ROOT else naming.side(tree.index(node))
    return tag(
        "div",
        tag("div", shown, class_="mosaic"),
        tag("div", tag("span", word), tag("small", f"{node} · {kind}"), class_="name"),
        whole,
        _facts(tree, node, split),
        class_="node",
        tabindex="0",
    )


def _shown(tree: Tree, node: str) -> Sequence[Image.Image]:
    return tree.images(node)[:MOSAIC]


def _facts(tree: Tree, node: str, split: Split | None) -> Markup:
    one, rows = tree.node(node), []
    rows += [(f"Its pictures alike ({name})", f"{value:.3f}") for name, value in one.own.items()]
    if split and split.chosen is not None:
        last = split.tracked[-1].step if split.tracked else 0
        for at in (tracked for tracked in split.tracked if tracked.step == last):
            rows.append((f"Its parts alike to each other ({at.encoder})", f"{at.distinction:.3f}"))
    if one.seed is not None:
        rows.append(("Seed, step", f"{one.seed}, {one.step}"))
    if one.length is not None:
        rows.append(("Length, in usual words", f"{one.length:.1f}"))
    listed = tag("dl", [join(tag("dt", name), tag("dd", value)) for name, value in rows]) if rows else ""
    copies = [_copy(text) for text in prompts(tree, node).values()] if tree.has_word(node) else []
    return tag("div", listed, copies, class_="facts") if listed or copies else Markup("")


def _copy(text: str) -> Markup:
    return tag("button", text, class_="copy", type="button", title="Copy this prompt", data_text=text)


def _blends(tree: Tree) -> Markup:
    """What `combine` drew into the tree's folder, grouped by prompt."""
    groups: dict[str, list[Path]] = {}
    for path in sorted((tree.folder / BLENDS).rglob("[0-9]*.png")):
        groups.setdefault(_prompt(path), []).append(path)
    if not groups:
        return Markup("")
    cards = [
        tag(
            "figure",
            tag("div", [picture(images.read(path), side=SIDE, alt=prompt) for path in paths], class_="row"),
            _copy(prompt) if prompt else "",
        )
        for prompt, paths in groups.items()
    ]
    return join(tag("h2", "Blends"), tag("div", cards, class_="shown"))


def _prompt(path: Path) -> str:
    try:
        return str(images.read_metadata(path).get("prompt", ""))
    except PictureMetadataError:  # a picture that someone else put there
        return ""


def _choices(tree: Tree) -> Markup:
    """The seeds of each split, and what was chosen."""
    parts = []
    for node in tree.nodes:
        split = tree.record.splits.get(node)
        if split is None or not split.seeds:
            continue
        names = list(split.encoders)
        head = tag("tr", [tag("th", one) for one in ("Seed", "Left", "Right", "Between", *map(_scored, names))])
        body = [_seed(split, seed, names) for seed in split.seeds]
        table = tag("table", tag("thead", head), tag("tbody", body))
        agreed = ", ".join(f"{name} {value:+.2f}" for name, value in split.agreement.items())
        note = f"Order of the seeds as another encoder sees it, as a rank correlation: {agreed}." if agreed else ""
        parts += [tag("p", f"How {node} was split", class_="note"), tag("div", table, class_="table")]
        parts += [tag("p", note, class_="note")] if note else []
    return join(tag("h2", "How each split was chosen"), parts) if parts else Markup("")


def _scored(name: str) -> str:
    return f"Score, {name}"


def _seed(split: Split, seed: str, names: Sequence[str]) -> Markup:
    own = split.seeds[seed]
    first = own[names[0]]
    cells = [f"{value:.3f}" for value in (first.left, first.right, first.between)]
    cells += [f"{own[name].score:.3f}" if name in own else "" for name in names]
    chosen = "chosen" if split.chosen is not None and str(split.chosen) == seed else None
    return tag("tr", tag("td", seed), [tag("td", cell) for cell in cells], class_=chosen)


def _foot(tree: Tree) -> Markup:
    note = (
        f"Base model {tree.record.base_name} ({tree.record.base_hash[:12]}). Likeness is the mean cosine of an "
        "encoder's features; figures of two encoders are not comparable. Made by Likewise; this file holds all that it "
        "shows."
    )
    return tag("footer", note)
