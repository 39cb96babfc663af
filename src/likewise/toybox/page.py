"""The world as one page that needs nothing else: every thing in every style, what is held out, and sample scenes."""

import base64
from collections.abc import Mapping, Sequence
from importlib.resources import files
from io import BytesIO
from typing import Any

from PIL import Image

from likewise.images.markup import Markup, join, tag, trusted
from likewise.toybox.concepts import MASCOTS, STYLES, Concept
from likewise.toybox.world import World

SPRITE = 112  # px of a sprite on the page
STYLE_NAMES = ", ".join(STYLES)
FILTER = trusted(
    '<input type="search" id="find" placeholder="Find a thing" aria-label="Find a thing" autocomplete="off">'
)
SCRIPT = trusted("""
const find = document.getElementById("find");
find.addEventListener("input", () => {
  const text = find.value.trim().toLowerCase();
  for (const card of document.querySelectorAll(".thing")) card.hidden = !card.dataset.name.includes(text);
  for (const part of document.querySelectorAll(".category"))
    part.hidden = !part.querySelector(".thing:not([hidden])");
});
""")


def render(world: World, facts: Mapping[str, Any], samples: Sequence[tuple[Image.Image, str]]) -> str:
    """The whole HTML document. facts: what world.json holds; samples: pictures of the world with their captions."""
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", f"Toybox: a world of {len(world.concepts)} things"),
        tag("style", trusted((files("likewise.toybox") / "page.css").read_text(encoding="utf-8"))),
    )
    parts = [_top(world, facts), _scenes(samples), _things(world), _mascots(world), _held(facts), _sources(facts)]
    body = tag("body", tag("main", parts), tag("script", SCRIPT))
    return "<!doctype html>\n" + tag("html", head, body, lang="en") + "\n"


def _top(world: World, facts: Mapping[str, Any]) -> Markup:
    counts = (
        f"{len(world.concepts)} things in the styles {STYLE_NAMES}, before {len(facts['backgrounds'])} backgrounds. "
        f"Everything follows from seed {world.seed}: picture number i of this world is always the same."
    )
    links = {"scenes": "Scenes", "things": "Things", "mascots": "Mascots", "held": "Held out", "sources": "Licences"}
    return tag(
        "header",
        tag("h1", "Toybox"),
        tag("p", counts, class_="lead"),
        tag("nav", [tag("a", text, href=f"#{name}") for name, text in links.items()]),
    )


def _scenes(samples: Sequence[tuple[Image.Image, str]]) -> Markup:
    shown = [
        tag("figure", _embedded(picture, caption), tag("figcaption", caption), role="listitem")
        for picture, caption in samples
    ]
    return join(
        _title("scenes", "Scenes", "What training sees: pictures and the captions they come with."), _grid(shown)
    )


def _grid(shown: Sequence[Markup]) -> Markup:
    return tag("div", shown, class_="scenes", role="list")


def _things(world: World) -> Markup:
    text = f"Each in the styles {STYLE_NAMES}, in this order. A dashed frame marks a style that training never shows."
    categories = dict.fromkeys(concept.category for concept in world.concepts)
    return join(
        _title("things", "Things", text),
        FILTER,
        [_category(world, name, [c for c in world.concepts if c.category == name]) for name in categories],
    )


def _mascots(world: World) -> Markup:
    text = "Whole subjects that training never sees, in any style: they are what the demo and the tests teach."
    return join(_title("mascots", "Mascots", text), _category(world, "never seen", MASCOTS, held=True))


def _category(world: World, name: str, concepts: Sequence[Concept], held: bool = False) -> Markup:
    cards = [_card(world, concept, held) for concept in concepts]
    return tag("section", tag("h3", name), tag("div", cards, class_="things"), class_="category")


def _card(world: World, concept: Concept, held: bool) -> Markup:
    faces = []
    for style in STYLES:
        hidden = held or (concept.name, style) in world.held_pairs
        label = f"{concept.name}, {style}{', never seen in training' if hidden else ''}"
        sprite = world.sprites.get(style, concept.name).copy()
        sprite.thumbnail((SPRITE, SPRITE), Image.Resampling.LANCZOS)
        mark = "held" if hidden and not held else None
        faces.append(tag("span", _embedded(sprite, label), class_=mark, title=label))
    badge = tag("small", "never seen") if held else join()
    name = tag("p", concept.name, badge)
    return tag("div", name, tag("div", faces, class_="faces"), class_="thing", data_name=concept.name)


def _held(facts: Mapping[str, Any]) -> Markup:
    held = facts["held_out"]
    pairs = [f"{style} {name}" for name, style in held["pairs"]]
    scenes = [f"{style} {name} {place}" for name, style, place in held["compositions"]]
    return join(
        _title("held", "Held out", "Asked for when the models are measured, and never trained on."),
        _folded(f"{len(pairs)} things in a style", pairs),
        _folded(f"{len(scenes)} compositions", scenes),
    )


def _folded(title: str, lines: Sequence[str]) -> Markup:
    return tag("details", tag("summary", title), tag("ul", [tag("li", line) for line in lines]))


def _sources(facts: Mapping[str, Any]) -> Markup:
    rows = [
        tag("li", tag("b", f"{one['name']} {one['version']}"), f": {one['use']}, {one['licence']}, by {one['author']}")
        for one in facts["packages"]
    ]
    rows += [tag("li", tag("b", name), f": {count} photos") for name, count in facts["photos"].items()]
    return join(_title("sources", "Licences", "Sprites are cropped, resized and composed."), tag("ul", rows))


def _title(name: str, title: str, text: str) -> Markup:
    return join(tag("h2", title, id=name), tag("p", text, class_="soft"))


def _embedded(picture: Image.Image, alt: str) -> Markup:
    """An <img> that carries its own data as WebP, transparency included."""
    buffer = BytesIO()
    picture.save(buffer, "WEBP", quality=84, method=4)
    source = "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode()
    return tag("img", src=source, alt=alt, width=picture.width, height=picture.height, loading="lazy")
