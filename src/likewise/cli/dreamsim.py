"""`likewise dreamsim`: how alike pictures look, a metric learned from votes, and what can be found with it."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from likewise import registry
from likewise.cli import dreamsim_judge, dreamsim_use
from likewise.cli.command import Answer, Command, rows
from likewise.cli.dreamsim_use import Name
from likewise.settings import flags

if TYPE_CHECKING:
    from likewise.dreamsim import Metric

Aspect = Annotated[
    str | None,
    typer.Option(metavar="squash|pad|crop", help="How a picture becomes square, if not as the metric has it."),
]


def distance(
    first: Annotated[Path, typer.Argument(metavar="A", help="A picture.")],
    second: Annotated[Path, typer.Argument(metavar="B", help="Another.")],
    metric: Name = "embedded",
    aspect: Aspect = None,
) -> Answer:
    """Print how different two pictures look: 0 is the same, larger is less alike, 2 the most."""
    model = _metric(metric, aspect)
    value = float(model.distance(first, second, clamp=True))
    data = {"distance": round(value, 6), "metric": model.name, "hash": model.hash}
    lines = [f"{value:.4f}"]
    if model.calibration.same is not None:
        data["same"] = round(float(model.calibration.same(value)), 4)
        lines.append(f"{data['same']:.0%} of people would take one for the other")
    return Answer(data, lines)


def rank(
    reference: Annotated[Path, typer.Argument(metavar="REF", help="The picture that the others are compared with.")],
    images: Annotated[list[Path], typer.Argument(metavar="IMAGES...", help="Pictures, or folders of them.")],
    metric: Name = "embedded",
    top: Annotated[int | None, typer.Option(min=1, help="Print only so many.")] = None,
    aspect: Aspect = None,
) -> Answer:
    """Order pictures by how alike they look to one, the most alike first."""
    from likewise.dreamsim.pictures import found

    model, paths = _metric(metric, aspect), found(images)
    order = model.rank(reference, paths)[:top]
    data = {
        "reference": str(reference),
        "metric": model.name,
        "ranking": [{"image": str(paths[place]), "distance": round(value, 6)} for place, value in order],
    }
    return Answer(data, rows([(f"{value:.4f}", paths[place]) for place, value in order]))


def learn(
    data: Annotated[Path, typer.Argument(metavar="DATA", help="A data folder: triplets.jsonl and its pictures.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="The run folder; must be new, or --resume.")] = Path(
        "runs/dreamsim"
    ),
    metric: Name = "embedded",
    val: Annotated[float, typer.Option(help="Share of the references that chooses the epoch.")] = 0.1,
    test: Annotated[float, typer.Option(help="Share of the references kept to measure the gain.")] = 0.2,
    seed: Annotated[int, typer.Option(min=0, help="Seed of splits, order and first weights.")] = 0,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in --out.")] = False,
    *,
    settings: Mapping[str, Any],
) -> Answer:
    """Tune a metric to people's choices, and measure on triplets kept apart whether it paid."""
    from likewise.dreamsim.tuning import tune

    again = ["likewise", "dreamsim", "learn", str(data), "--out", str(out), "--metric", metric, "--resume"]
    again += flags({"val": val, "test": test, "seed": seed, **settings})
    how = {"metric": metric, "out": out, "val": val, "test": test, "seed": seed, "resume": resume, "quiet": False}
    made = tune(data, **how, resume_command=shlex.join(again), **settings)
    return Answer({"run": str(out), "metric": str(out / "metric"), **made.report}, _told(made.report, out))


def _told(report: Mapping[str, Any], out: Path) -> list[str]:
    from likewise.dreamsim.measuring import said, span

    counts = ", ".join(f"{count} {name}" for name, count in report["triplets"].items())
    lines = [f"Triplets: {counts}"]
    if "after" in report:
        gain = report["gain_by_vote"]
        lines += [
            f"Before: {said(report['before'])}",
            f"After:  {said(report['after'])}",
            f"Gain by vote {span(gain, '+.3f')}, McNemar p = {report['mcnemar']:.2g}",
        ]
    return [*lines, f"Next: likewise dreamsim distance A B --metric {out}"]


def _config(known: Mapping[str, Any]) -> Any:
    return registry.resolve(registry.DREAMSIM)


def _usual(known: Mapping[str, Any]) -> Mapping[str, Any]:
    return registry.resolve(registry.DREAMSIM_USUAL)(known.get("part"))


def _metric(name: str, aspect: str | None = None) -> "Metric":
    from likewise import dreamsim
    from likewise.errors import SettingError

    if aspect not in (None, "squash", "pad", "crop"):
        raise SettingError("aspect", aspect, "squash, pad or crop is needed")
    return dreamsim.load(name, aspect=aspect)  # pyright: ignore[reportArgumentType]


COMMANDS = {
    "distance": Command(distance, measured=True),
    "rank": Command(rank, measured=True),
    "learn": Command(learn, _config, _usual, measured=True),
    **dreamsim_use.COMMANDS,
    **dreamsim_judge.COMMANDS,
}
