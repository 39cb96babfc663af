"""The verdict as one page that stands alone: pictures, curves and numbers in a single HTML file, no script in it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files

from PIL import Image

from likewise.images.markup import Markup, join, picture, tag, trusted
from likewise.metrics.intervals import Interval
from likewise.verdict.chart import Curve, draw
from likewise.verdict.choose import Choice, Judged
from likewise.verdict.explain import percent
from likewise.verdict.gauge import Gauge
from likewise.verdict.scores import Drawn
from likewise.verdict.tradeoff import Point
from likewise.verdict.tradeoff import draw as draw_trade_off

PHOTO, TILE = 360, 256  # pixels a side in the file; pictures smaller than that stay as they are
BESIDE = 12  # pictures beside the photos at most; all are in the grid below


@dataclass(frozen=True)
class Page:
    """All that the report shows."""

    name: str  # the run's
    noun: str
    choice: Choice
    gauge: Gauge
    why: Sequence[str]
    photos: Sequence[Image.Image]
    drawn: Sequence[Drawn]  # in the order of choice.judged
    prompts: Sequence[str]  # as the taught model was asked
    bare: str  # the class prompt
    copies: Mapping[int, Sequence[bool]]  # step -> which subject pictures are copies of a photo
    names: Mapping[int, str] = field(default_factory=dict)  # what to call a model, where that is not by its step
    weight: float = 0.5  # the exponent of likeness in worth
    held_out: Sequence[Image.Image] = ()  # photos that likeness was measured on instead
    settings: Mapping[str, object] = field(default_factory=dict)
    provenance: Mapping[str, object] = field(default_factory=dict)


def render(page: Page) -> str:
    """The whole HTML document."""
    parts = [part(page) for part in (_top, sides, trade_off, grid, _charts, numbers, facts)]
    return document(f"Step {page.choice.step}: the verdict on {page.name}", parts)


def document(title: str, parts: Sequence[Markup]) -> str:
    """A page that loads nothing."""
    style = trusted((files("likewise.verdict") / "report.css").read_text(encoding="utf-8"))
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", title),
        tag("style", style),
    )
    return "<!doctype html>\n" + tag("html", head, tag("body", tag("main", parts)), lang="en") + "\n"


def _chosen(page: Page) -> Drawn:
    return next(one for one in page.drawn if one.step == page.choice.step)


def _top(page: Page) -> Markup:
    lead, *reasons = page.why
    text = tag(
        "div",
        tag("p", f"Verdict on {page.name} · {page.noun}", class_="kind"),
        tag("h1", "Keep ", tag("b", f"step {page.choice.step}")) if page.choice.learned else tag("h1", "Not there yet"),
        tag("p", _sentence(lead.removeprefix(f"Keep step {page.choice.step}: ")), class_="lead"),
    )
    return top(page, text, reasons)


def top(page: Page, text: Markup, reasons: Sequence[str]) -> Markup:
    """The headline beside a picture of the chosen model, and the reasons under it."""
    hero = picture(
        _chosen(page).subject[0], side=TILE, alt=f"The subject: {_named(page, page.choice.step)}", class_="hero"
    )
    listed = [tag("li", one, class_="mind" if one.startswith("Mind") else None) for one in reasons]
    return join(tag("header", text, hero), tag("ul", listed, class_="why"))


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def sides(page: Page) -> Markup:
    """The photos, and what the chosen model draws."""
    photos = [
        tag("span", picture(one, side=PHOTO, alt=f"Photo {index}"), tag("i", str(index)))
        for index, one in enumerate(page.photos, start=1)
    ]
    drawn, each = _chosen(page), len(_chosen(page).subject) // len(page.prompts)
    tiles = [
        picture(one, side=TILE, alt=page.prompts[index // each], title=page.prompts[index // each])
        for index, one in ((index, drawn.subject[index]) for index in _shown(len(page.prompts), each))
    ]
    left = tag(
        "figure",
        tag("figcaption", tag("b", "Your photos")),
        tag("div", photos, class_="tiles large"),
        _held_out(page) if page.held_out else "",
    )
    caption = tag("figcaption", tag("b", f"What {_named(page, drawn.step)} draws"))
    right = tag("figure", caption, tag("div", tiles, class_="tiles"))
    return join(
        tag("h2", "Side by side"),
        tag("p", "Left what it was shown, right what it makes of it in other places."),
        tag("div", left, right, class_="sides"),
    )


def _shown(prompts: int, each: int) -> list[int]:
    """Which pictures stand beside the photos: all, or, where they are many, the first of prompts evenly spread."""
    if prompts * each <= BESIDE:
        return list(range(prompts * each))
    count = min(prompts, BESIDE)
    return [each * (place * prompts // count) for place in range(count)]


def _held_out(page: Page) -> Markup:
    tiles = [picture(one, side=PHOTO, alt="Held out") for one in page.held_out]
    caption = tag("figcaption", tag("b", "Held out"), " · never taught from; likeness is measured on these")
    return join(tag("div", caption, class_="held"), tag("div", tiles, class_="tiles large"))


def trade_off(page: Page) -> Markup:
    """Likeness against prompts, every model a point."""
    known = [one for one in page.choice.judged if one.fidelity is not None]
    if not known:
        return join()
    points = [
        Point(_named(page, one.step), one.fidelity, one.gain, _kind(page, one.step)) for one in known if one.fidelity
    ]
    keys = {"chosen": "the checkpoint to keep", "": "other checkpoints, in their order", "base": "the untaught model"}
    keys |= {"chosen": "the one worth most", "": "the others"} if page.names else {}
    legend = [join(tag("dt", tag("span", class_=f"key {kind}")), tag("dd", text)) for kind, text in keys.items()]
    text = tag(
        "div",
        tag("p", "Up is more like your photos, right is more of what the prompt says. Dotted lines join what is worth "
            "the same, before copies and drift are taken off; crosses are the intervals."),
        tag("p", f"Likeness weighs {percent(page.weight)}, prompts {percent(1 - page.weight)}. To lean the other way: ",
            tag("code", "likewise verdict RUN --prefer likeness|prompt|balance")),
        tag("dl", legend),
    )  # fmt: skip
    plot = tag("figure", draw_trade_off(points, page.weight, path=not page.names))
    return join(tag("h2", "The trade-off"), tag("div", plot, text, class_="trade-off"))


def _named(page: Page, step: int) -> str:
    return page.names.get(step) or ("untaught" if step == 0 else f"step {step}")


def _kind(page: Page, step: int) -> str:
    return "base" if step == 0 else "chosen" if step == page.choice.step else ""


def grid(page: Page) -> Markup:
    """A row of pictures for every model, a column for every prompt."""
    head = tag("tr", tag("th"), [tag("th", prompt) for prompt in [*page.prompts, page.bare]])
    rows = [_row(page, one) for one in page.drawn]
    note = "Each column starts from the same noise, so that only the training differs. Step 0 is the untaught model, "
    note += "asked without the word for your subject. The last column asks for the bare noun: it should not change."
    table = tag("table", tag("thead", head), tag("tbody", rows), class_="grid-table")
    return join(
        tag("h2", f"Every {'model' if page.names else 'checkpoint'}, the same prompts"),
        tag("p", note),
        tag("div", table, class_="scroll"),
    )


def _row(page: Page, one: Drawn) -> Markup:
    each = len(one.subject) // len(page.prompts)
    copies = page.copies.get(one.step, [False] * len(one.subject))
    cells = []
    for start in range(0, len(one.subject), each):
        tiles = zip(one.subject[start : start + each], copies[start : start + each], strict=True)
        cells.append(tag("td", tag("div", [_tile(image, copied) for image, copied in tiles], class_="cell")))
    bare = tag("td", tag("div", [_tile(image, False) for image in one.plain], class_="cell"))
    step = page.names.get(one.step) or _sentence(_named(page, one.step))
    note = tag("small", "chosen") if one.step == page.choice.step else ""
    return tag("tr", tag("th", step, note), cells, bare, class_="chosen" if note else None)


def _tile(image: Image.Image, copied: bool) -> Markup:
    badge = tag("i", "copy") if copied else ""
    return tag("span", picture(image, side=128, alt=""), badge, class_="copy" if copied else None)


def _charts(page: Page) -> Markup:
    gauge = page.gauge
    levels = {
        "likeness": [(gauge.photos, gauge.ceiling), (f"any {page.noun}", gauge.floor)],
        "prompt": [] if gauge.prompt_floor is None else [("prompt ignored", gauge.prompt_floor)],
    }
    shown = [_chart(page, *row, levels.get(row[0], ())) for row in MEASURES if _known(page, row[0])]
    return join(
        tag("h2", "The measures"),
        tag("p", f"Bands are {percent(gauge.ceiling_interval.level)} intervals over pictures; your photos and the "
            "prompts are taken as given. Training loss has no part in any of this."),
        tag("div", shown, class_="charts"),
    )  # fmt: skip


# name of the measure in Judged, its title, what it means, whether it is a share
MEASURES = (
    ("worth", "Worth", "Likeness and prompt fidelity together, less what is copied or drifts. Higher is better.", True),
    ("likeness", "Likeness to your photos", "Mean cosine of its pictures with your photos.", False),
    ("prompt", "Prompts come true", "Mean cosine of its pictures with their prompts, your word left out.", False),
    ("drift", "Drift of the bare noun", "How far the bare noun moved towards your photos. Lower is better.", True),
    ("copied", "Copies", "Pictures nearer to one photo than any two photos are to each other. Lower is better.", True),
    ("diversity", "Variety", "Mean 1 - cosine between pictures of one prompt.", False),
)  # fmt: skip


def _known(page: Page, name: str) -> bool:
    return all(getattr(one, name) is not None for one in page.choice.judged)


def _chart(page: Page, name: str, title: str, meaning: str, share: bool, levels: Sequence) -> Markup:
    steps = [one.step for one in page.choice.judged]
    values = [getattr(one, name) for one in page.choice.judged]
    curve = Curve(steps, values, levels, share, page.choice.step)
    return tag("figure", tag("figcaption", tag("b", title), meaning), draw(curve, f"{title} by step"))


def numbers(page: Page) -> Markup:
    """Every measure of every model, with its interval."""
    rows = [row for row in MEASURES if _known(page, row[0])]
    head = tag("tr", tag("th", "Model" if page.names else "Step"), [tag("th", title) for _, title, _, _ in rows])
    body = [_figures(page, one, [(name, share) for name, _, _, share in rows]) for one in page.choice.judged]
    table = tag("table", tag("thead", head), tag("tbody", body), class_="numbers")
    return join(tag("h2", "All numbers"), tag("p", "Each with its interval."), tag("div", table, class_="scroll"))


def _figures(page: Page, one: Judged, columns: Sequence[tuple[str, bool]]) -> Markup:
    cells = [tag("td", *_figure(getattr(one, name), share)) for name, share in columns]
    return tag(
        "tr",
        tag("th", page.names.get(one.step) or str(one.step)),
        cells,
        class_="chosen" if one.step == page.choice.step else None,
    )


def _figure(value: Interval, share: bool) -> tuple[str, Markup]:
    if share:
        return percent(value.value), tag("small", f"{round(100 * value.low)} to {percent(value.high)}")
    return f"{value.value:.3f}", tag("small", f"{value.low:.3f} to {value.high:.3f}")


def facts(page: Page) -> Markup:
    """How it was weighed, and what from."""
    weighed = (
        "worth = likeness^w x fidelity^(1-w) x (1 - copied) x (1 - drift/2). Likeness runs from the untaught model's "
        f"noun (0, cosine {page.gauge.floor:.3f}) to {page.gauge.photos} (1, {page.gauge.ceiling:.3f}); "
        "fidelity from what your photos would score on the prompts (0) to the untaught model (1)."
    )
    weighed += "" if page.names else " Of checkpoints that differ by less than the noise, the earliest is kept."
    parts = [("How it was weighed", tag("p", weighed), page.settings), ("What it was made from", "", page.provenance)]
    lists = [tag("details", tag("summary", title), text, _listed(facts)) for title, text, facts in parts]
    return join(lists, tag("footer", "Made by Likewise. This file holds everything it shows and loads nothing."))


def _listed(facts: Mapping[str, object]) -> Markup:
    return tag("dl", [join(tag("dt", str(key)), tag("dd", tag("code", str(value)))) for key, value in facts.items()])
