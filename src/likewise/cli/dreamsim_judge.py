"""`likewise dreamsim judge` and what goes with it: collect judgements, and make the data to be judged."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from likewise import registry
from likewise.cli.command import Answer, Command, rows

if TYPE_CHECKING:
    from likewise.dreamsim.room import Room

Data = Annotated[
    Path, typer.Argument(metavar="DIR", help="A data folder: triplets.jsonl or pairs.jsonl, and its pictures.")
]
Task = Annotated[
    Literal["2afc", "jnd"] | None,
    typer.Option(metavar="2afc|jnd", help="Triplets or pairs; by default what the folder holds, triplets first."),
]


def judge(
    folder: Data,
    task: Task = None,
    host: Annotated[
        str, typer.Option(help="Address to serve on; any but this machine's own needs a token to enter.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to serve on; 0 takes any that is free.")] = 8765,
    open_: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
    *,
    settings: Mapping[str, Any],
) -> Answer:
    """Ask people in a web page which pictures look alike; Ctrl-C ends it, and the same command goes on."""
    from likewise.dreamsim.room import Room
    from likewise.dreamsim.room_pages import Pages
    from likewise.dreamsim.room_server import Server, loopback
    from likewise.dreamsim.room_settings import RoomSettings
    from likewise.settings import build

    with Room(folder, build(RoomSettings, settings), task) as room:
        alone = loopback(host)
        with Server(Pages(room, desk=alone), host, port) as server:
            _told(server.url, alone)
            if open_:
                typer.launch(server.url)
            try:
                server.serve_forever()
            except KeyboardInterrupt:
                typer.echo("", err=True)
        return _summary(room)


def votes(
    folder: Data,
    task: Task = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Also write the votes that count there, and every answer as CSV.")
    ] = None,
    everyone: Annotated[bool, typer.Option("--everyone", help="Count those too whose answers broke a rule.")] = False,
    unanimous: Annotated[
        int | None, typer.Option("--unanimous", min=1, help="Only triplets with so many votes that all agree.")
    ] = None,
) -> Answer:
    """Show who judged how well and how far people agree, and write the votes for `dreamsim learn`."""
    from likewise.dreamsim import room_desk, room_export
    from likewise.dreamsim.room_questions import collected

    found = collected(folder, task)
    data = room_desk.report(found)
    if out is not None:
        room_export.write(found, out, everyone=everyone, unanimous=unanimous)
    written = [f"Written to {out}; next: likewise dreamsim learn {out}"] if out is not None else []
    return Answer({**data, "out": None if out is None else str(out)}, [*_report(data), *written])


def make(
    categories: Annotated[
        list[str] | None, typer.Argument(metavar="CATEGORIES...", help="What to draw, such as apple or 'red car'.")
    ] = None,
    out: Annotated[Path, typer.Option(metavar="DIR", help="The data folder; new, or one to go on with.")] = Path(
        "judgements"
    ),
    photos: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Change photos a little, in place of drawing categories.")
    ] = None,
    task: Annotated[
        Literal["2afc", "jnd"], typer.Option(metavar="2afc|jnd", help="Triplets, or (of photos) pairs.")
    ] = "2afc",
    each: Annotated[int, typer.Option(min=1, help="Triplets or pairs of each category or photo.")] = 1,
    form: Annotated[str, typer.Option(help="The prompt; {} is the category.")] = "An image of a {}",
    family: Annotated[
        list[str] | None, typer.Option("--family", help="A kind of change to photos; by default all there are.")
    ] = None,
    backbone: Annotated[str, typer.Option(help="The model that draws: toybox, a folder or a hub id.")] = "toybox",
    steps: Annotated[int, typer.Option(min=1, help="Denoising steps a picture.")] = 20,
    seed: Annotated[int, typer.Option(min=0, help="Seed of pictures and changes.")] = 0,
) -> Answer:
    """Make triplets or pairs to be judged: three seeds a category as the paper did, or photos changed a little."""
    from likewise.dreamsim import distortions, making
    from likewise.errors import SettingError

    if bool(categories) is bool(photos):
        raise SettingError("categories", categories or [], "either categories or --photos DIR is needed, not both")
    if photos is not None:
        from likewise.imageset import load

        paths = [one.path for one in load(photos, captions=False).photos]
        how = {"task": task, "each": each, "seed": seed, "families": family or list(distortions.FAMILIES)}
        work, count = making.distorted(out, paths, **how), len(paths) * each
    elif task == "jnd":
        raise SettingError("task", task, "pairs are made of photos: give --photos DIR")
    else:
        names = list(dict.fromkeys(categories or []))
        draw, how = making.by(_loaded(backbone), steps=steps), {"model": backbone, "settings": {"steps": steps}}
        work, count = making.drawn(out, names, draw, each=each, seed=seed, form=form, **how), len(names) * each
    for done in work:
        typer.echo(f"\r{done} of {count}", err=True, nl=False)
    typer.echo("", err=True)
    what = "triplets" if task == "2afc" else "pairs"
    return Answer({"out": str(out), what: count}, [f"{count} {what} in {out}", f"Next: likewise dreamsim judge {out}"])


def _loaded(backbone: str) -> Any:
    """The model, once for all categories, where it draws fastest."""
    from likewise import devices
    from likewise.diffusion import load

    return load(backbone).to(devices.choose(None).kind)


def _told(url: str, alone: bool) -> None:
    lines = [f"Judge at   {url}"]
    if alone:
        lines.append(f"Watch at   {url}desk")
    else:
        lines.append("Whoever has this address can judge. Nothing is encrypted on the way: trust the network.")
    typer.echo("\n".join([*lines, "Ctrl-C ends it; nothing is lost."]), err=True)
    sys.stderr.flush()


def _summary(room: "Room") -> Answer:
    from likewise.dreamsim import room_desk

    data = room_desk.report(room)
    next_ = f"Next: likewise dreamsim votes {room.folder} --out VOTES"
    return Answer(data, [*_report(data), next_])


def _report(data: Mapping[str, Any]) -> list[str]:
    """A desk's report as lines."""
    lines = [f"{data['votes']} votes count on {data['questions']} questions; {data['open']} are still to be asked"]
    people = [("person", "answers", "obvious right", "median", "left" if data["task"] == "2afc" else "same", "verdict")]
    for one in data["people"]:
        share = f"{one['left'] / one['answers']:.0%}" if one["answers"] else ""
        verdict = "left out: " + "; ".join(one["reasons"]) if one["flagged"] else "counts"
        sentinels = f"{one['passed']} of {one['sentinels']}"
        people.append((one["name"], one["answers"], sentinels, f"{one['ms'] / 1000:.2f} s", share, verdict))
    lines += ["", *rows(people)] if data["people"] else []
    if found := data["agreement"]:
        names = {
            "percent": "two people agree",
            "kappa": "Fleiss' kappa",
            "alpha": "Krippendorff's alpha",
            "ceiling": "noise ceiling",
        }
        figures = [(text, _span(found[name])) for name, text in names.items() if name in found]
        lines += ["", *rows(figures), f"{found['items']} questions with two votes and more, {found['split']} split"]
    return lines


def _span(one: Mapping[str, float]) -> str:
    return f"{one['value']:.3f} [{one['low']:.3f}, {one['high']:.3f}]"


def _room(known: Mapping[str, Any]) -> Any:
    return registry.resolve(registry.ROOM)


COMMANDS = {
    "make": Command(make, measured=True),
    "judge": Command(judge, _room),
    "votes": Command(votes),
}
