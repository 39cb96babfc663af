"""`likewise dreamsim`: how alike pictures look, a metric learned from votes, and what can be found with it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from likewise.cli import dreamsim_judge
from likewise.cli.command import Answer, Command, rows

if TYPE_CHECKING:
    from likewise.dreamsim import Metric

Name = Annotated[
    str,
    typer.Option(
        "--metric",
        metavar="NAME|DIR",
        help="embedded, a folder with a tuned or a released metric, or networks such as efficientnet-lite0:pooled.",
    ),
]
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
    value = model.distance(first, second, clamp=True)
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


def _metric(name: str, aspect: str | None = None) -> "Metric":
    from likewise import dreamsim
    from likewise.errors import SettingError

    if aspect not in (None, "squash", "pad", "crop"):
        raise SettingError("aspect", aspect, "squash, pad or crop is needed")
    return dreamsim.load(name, aspect=aspect)  # pyright: ignore[reportArgumentType]


COMMANDS = {
    "distance": Command(distance, measured=True),
    "rank": Command(rank, measured=True),
    **dreamsim_judge.COMMANDS,
}
