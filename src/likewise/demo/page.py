"""The demo on one page: what it was shown, what it draws, the same prompts before teaching, and the reasons."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from PIL import Image

from likewise.concept import Concept
from likewise.images.markup import Markup, join, picture, tag, trusted
from likewise.imagine import Picture

LABEL = ".tiles small { display: block; margin-top: 6px; font-size: 13px; color: var(--soft); }"
SIDE = 256  # pixels a side in the file at most; pictures smaller than that stay as they are


@dataclass(frozen=True)
class Page:
    """All that the page shows; data is what demo.json holds."""

    concept: Concept
    photos: Sequence[Image.Image]
    kept_back: Sequence[Image.Image]
    before: Sequence[Picture]
    after: Sequence[Picture]
    data: Mapping[str, Any]


def render(page: Page) -> str:
    """The whole HTML document."""
    style = trusted((files("likewise.verdict") / "report.css").read_text(encoding="utf-8"))
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", f"Likewise: {page.concept.placeholder} from five photos"),
        tag("style", style, trusted(LABEL)),
    )
    parts = [_top(page), _shown(page), _scenes(page), _before(page), _verdict(page), _more(page)]
    return "<!doctype html>\n" + tag("html", head, tag("body", tag("main", parts)), lang="en") + "\n"


def _top(page: Page) -> Markup:
    word = page.concept.placeholder
    lead = f"The model had never seen it. Now prompts can say {word}, and it is drawn wherever they ask for it."
    text = tag(
        "div",
        tag("p", "Likewise · demo", class_="kind"),
        tag("h1", f"{len(page.photos)} photos, one word: ", tag("b", word)),
        tag("p", lead, class_="lead"),
    )
    return tag("header", text, picture(page.after[0].image, side=SIDE, alt=_said(page.after[0]), class_="hero"))


def _shown(page: Page) -> Markup:
    tiles = [_tile(photo, f"Photo {index}") for index, photo in enumerate(page.photos, start=1)]
    note = f"To the model it was called {page.concept.identifier!r}, a {page.concept.noun!r}; nothing else was said."
    return join(tag("h2", "What it was shown"), tag("p", note), tag("figure", tag("div", tiles, class_="tiles large")))


def _scenes(page: Page) -> Markup:
    note = "Each prompt once, with the first seed that came: nothing was picked."
    return join(tag("h2", "What it draws now"), tag("p", note), _grid(page.after))


def _before(page: Page) -> Markup:
    note = f"The untaught model, asked for a {page.concept.noun} in the same places, from the same noise."
    return join(tag("h2", "The same prompts before teaching"), tag("p", note), _grid(page.before))


def _grid(pictures: Sequence[Picture]) -> Markup:
    tiles = [_tile(one.image, _said(one), _said(one)) for one in pictures]
    return tag("figure", tag("div", tiles, class_="tiles large"))


def _tile(image: Image.Image, alt: str, label: str = "") -> Markup:
    return tag("span", picture(image, side=SIDE, alt=alt), tag("small", label) if label else "")


def _said(one: Picture) -> str:
    return str(one.metadata["prompt"])


def _verdict(page: Page) -> Markup:
    gain, after, before = (page.data["kept_back"][name] for name in ("gain", "after", "before"))
    check = (
        f"Two photos were kept back. The scenes are {after['value']:.2f} alike to them, the scenes before teaching "
        f"{before['value']:.2f}: a gain of {gain['value']:.2f} ({gain['low']:.2f} to {gain['high']:.2f})."
    )
    kept = [_tile(photo, f"Photo kept back {index}") for index, photo in enumerate(page.kept_back, start=1)]
    listed = [tag("li", one, class_="mind" if one.startswith("Mind") else None) for one in page.data["why"]]
    full = tag("p", tag("a", "Every checkpoint, its pictures and its curves", href="run/report.html"))
    return join(
        tag("h2", f"Why step {page.data['step']} was kept"),
        tag("p", "Judged by its pictures, never by the training loss."),
        tag("ul", listed, class_="why"),
        full,
        tag("h2", "Photos it never saw"),
        tag("p", check),
        tag("figure", tag("div", kept, class_="tiles large")),
    )


def _more(page: Page) -> Markup:
    seconds = page.data["seconds"]
    command = f'likewise imagine "{_said(page.after[0])}" --concept {page.data["run"]}'
    return join(
        tag("h2", "Go on"),
        tag("p", tag("code", command)),
        tag("p", tag("code", "likewise teach YOUR_PHOTOS --noun toy --name NAME")),
        tag("footer", f"Teaching and judging took {seconds['teaching']:.0f} s, drawing {seconds['drawing']:.0f} s. "
            "Made by Likewise. This file holds all pictures it shows."),
    )  # fmt: skip
