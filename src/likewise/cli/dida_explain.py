"""`likewise dida explain`: what changed, and which past links carried a forecast."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from likewise.cli.command import Answer, rows

if TYPE_CHECKING:
    from likewise.dida.explain import Explanation

NAMES = {
    "links": "links a snapshot",
    "new_pairs": "links of pairs never linked before",
    "new_nodes": "nodes never seen before",
    "mix": "distance of the mix of domains from training's",
    "drift": "drift of embeddings from one snapshot to the next",
    "age": "how many snapshots back the attention looks",
    "auc": "AUC",
}
MOST = 12  # domains told


def explain(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run that dida learn wrote.")],
    pair: Annotated[
        tuple[str, str] | None,
        typer.Option(metavar="NODE NODE", help="Say which past links carried this pair's forecast."),
    ] = None,
    after: Annotated[
        str | None, typer.Option(metavar="SNAPSHOT", help="Look at no later snapshot than this; else the last.")
    ] = None,
    top: Annotated[int, typer.Option(min=1, help="How many past links to tell.")] = 10,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Also draw AUC, attention and drift over time, as SVG.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the negatives that AUC compares with.")] = 0,
) -> Answer:
    """Say what changed from training to test, or why a pair is forecast to link."""
    from likewise.dida import DIDA
    from likewise.dida.picturing import draw
    from likewise.errors import UnknownNameError

    model = DIDA.load(run)
    labels = model.graph.labels
    if after is not None and after not in labels:
        raise UnknownNameError("snapshot", after, labels)
    if pair is not None:
        found = model.explain(*pair, t=labels.index(after) if after else -1)
        return Answer(_data(found, top), _reasons(found, top))
    report = model.changes(seed)
    data = {**report, "drawings": [str(path) for path in draw(report, out)] if out else []}
    return Answer(data, _changes(report) + [f"Drawn: {path}" for path in data["drawings"]])


def _data(found: "Explanation", top: int) -> dict[str, Any]:
    from dataclasses import asdict

    data = asdict(found)
    return {**data, "carriers": data["carriers"][:top], "past_links": len(found.carriers)}


def _reasons(found: "Explanation", top: int) -> list[str]:
    head = f"{found.source} - {found.target} after {found.after}: probability {found.probability:.1%}"
    without = f"logit {found.logit:+.2f}; {found.own:+.2f} if the last layer saw no past link"
    table = [("of", "link with", "in", "domain", "invariant", "variant", "effect")]
    table += [
        (
            one.end,
            one.other,
            one.snapshot,
            one.domain,
            f"{one.invariant:.1%}",
            "" if one.variant is None else f"{one.variant:.1%}",
            f"{one.effect:+.3f}",
        )
        for one in found.carriers[:top]
    ]
    more = len(found.carriers) - top
    return [head, without, "", *rows(table), *([f"and {more} weaker ones"] if more > 0 else [])]


def _changes(report: Mapping[str, Any]) -> list[str]:
    periods = {name: row for name, row in report["by_period"].items() if row}
    table = [("", *periods)]
    for key, words in NAMES.items():
        table.append((words, *(_number(key, row[key]) for row in periods.values())))
    head = ("domain", "links", "invariant weight", "variant weight", *(f"AUC {name}" for name in periods))
    domains: list[tuple[str, ...]] = [head]
    ranked = sorted(report["by_domain"].items(), key=lambda one: -one[1]["links_share"])
    for name, one in ranked[:MOST]:
        shares = [one.get(f"{kind}_share", 0.0) for kind in ("links", "invariant", "variant")]
        means = [one["auc_by_period"].get(period) for period in periods]
        domains.append((name, *(f"{share:.0%}" for share in shares), *("" if m is None else f"{m:.3f}" for m in means)))
    more = len(ranked) - MOST
    return [*rows(table), "", *rows(domains), *([f"and {more} more; --json has all"] if more > 0 else [])]


def _number(key: str, value: float) -> str:
    if key in ("links", "age"):
        return f"{value:.1f}"
    return f"{value:.0%}" if key in ("new_pairs", "new_nodes", "mix") else f"{value:.3f}"
