"""A comparison as one page that stands alone: the models side by side, and how each differs from the best."""

from collections.abc import Mapping, Sequence

from likewise.images.markup import Markup, join, tag
from likewise.metrics.intervals import Interval
from likewise.verdict import report

COLUMNS = (
    ("worth", "Worth"),
    ("likeness", "Likeness"),
    ("prompt", "Prompts"),
    ("plain", "Bare noun's likeness"),
    ("diversity", "Variety"),
)


def render(page: report.Page, sentences: Sequence[str], rivals: Sequence[tuple[str, Mapping[str, Interval]]]) -> str:
    """The whole HTML document; rivals: the best less each other, measure by measure."""
    lead, *reasons = sentences
    title = page.names[page.choice.step]
    head = tag(
        "div",
        tag("p", f"Comparison · {page.noun}", class_="kind"),
        tag("h1", tag("b", title)),
        tag("p", lead, class_="lead"),
    )
    parts = [
        report.top(page, head, reasons),
        report.sides(page),
        report.trade_off(page),
        report.grid(page),
        _differences(title, rivals),
        report.numbers(page),
        report.facts(page),
    ]
    return report.document(f"{title}: a comparison", parts)


def _differences(best: str, rivals: Sequence[tuple[str, Mapping[str, Interval]]]) -> Markup:
    columns = [(name, title) for name, title in COLUMNS if all(name in found for _, found in rivals)]
    head = tag("tr", tag("th", "Less"), [tag("th", title) for _, title in columns])
    body = [tag("tr", tag("th", label), [_cell(found[name]) for name, _ in columns]) for label, found in rivals]
    note = (
        f"{best} less each other, picture by picture from the same noise; bold where the interval leaves out 0. "
        "Prompts and the bare noun's likeness are cosines, like likeness."
    )
    table = tag("table", tag("thead", head), tag("tbody", body), class_="numbers")
    return join(tag("h2", "Differences"), tag("p", note), tag("div", table, class_="scroll"))


def _cell(found: Interval) -> Markup:
    value = f"{found.value:+.3f}"
    shown = value if found.holds(0) else tag("b", value)
    return tag("td", shown, tag("small", f"{found.low:+.3f} to {found.high:+.3f}"))
