"""`likewise magvlt`: one small model draws drafts, describes pictures, draws parts anew and fills in words."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from likewise import registry
from likewise.cli.command import Answer, Command
from likewise.settings import VARIES, flags

if TYPE_CHECKING:
    from likewise.magvlt import Drafter
    from likewise.magvlt.drafter import Draft

Model = Annotated[str, typer.Option(metavar="NAME|DIR", help="The draft model: toybox, or a folder.")]
Rank = Annotated[str, typer.Option(metavar="ENCODER|none", help="What ranks the candidates; none: the model itself.")]
Candidates = Annotated[int, typer.Option(min=1, help="Tries an answer, of which the best is kept.")]
Count = Annotated[int, typer.Option("-n", "--n", min=1, help="How many answers.")]
Seed = Annotated[int, typer.Option(min=0, help="Seed of the first answer; the next has the next seed.")]
Out = Annotated[Path, typer.Option(metavar="DIR", help="Where the PNG files and the sheet go.")]
Device = Annotated[str | None, typer.Option(metavar="cpu|cuda|mps", help="Where to compute.")]
Precision = Annotated[
    str,
    typer.Option(metavar="float32|bfloat16", help="How the blocks compute; bfloat16 is faster where it is native."),
]
Source = Annotated[Path, typer.Argument(metavar="IMAGE", help="A picture; of one that is not square, its middle.")]


def draft(
    prompt: Annotated[str, typer.Argument(metavar="PROMPT", help="What to draw.")],
    n: Count = 1,
    seed: Seed = 0,
    candidates: Candidates = 4,
    rank: Rank = "toybox",
    out: Out = Path("pictures"),
    model: Model = "toybox",
    device: Device = None,
    precision: Precision = "float32",
    *,
    settings: Mapping[str, Any],
) -> Answer:
    """Draw quick drafts of a prompt."""
    from likewise.magvlt.config import Drawing
    from likewise.settings import build

    build(Drawing, settings, "magvlt draft")  # what is wrong is told before the model is opened
    drafter = _open(model, rank if candidates > 1 else "none", device, precision)
    _warn_spelled(drafter, prompt)
    found = drafter.draft(prompt, n, seed=seed, candidates=candidates, how=drafter.drawing(**settings))
    return _written(found, out, {"model": drafter.hash})


def inpaint(
    image: Source,
    mask: Annotated[
        Path, typer.Option(metavar="PNG", help="A picture of the same size: white is drawn anew, black is kept.")
    ],
    prompt: Annotated[str, typer.Option(help="What the whole picture shall show; empty: what suits the rest.")] = "",
    n: Count = 1,
    seed: Seed = 0,
    candidates: Candidates = 4,
    rank: Rank = "toybox",
    blend: Annotated[
        bool, typer.Option("--blend/--no-blend", help="Keep the kept part's own pixels, not those of its tokens.")
    ] = True,
    out: Out = Path("pictures"),
    model: Model = "toybox",
    device: Device = None,
    precision: Precision = "float32",
    *,
    settings: Mapping[str, Any],
) -> Answer:
    """Draw a part of a picture anew."""
    from likewise import images
    from likewise.magvlt.config import Drawing
    from likewise.settings import build

    build(Drawing, settings, "magvlt inpaint")  # as in draft
    picture, hole = images.read(image), images.read(mask)
    drafter = _open(model, rank if candidates > 1 and prompt.strip() else "none", device, precision)
    _warn_cropped(drafter, picture)
    asked = {"n": n, "seed": seed, "candidates": candidates, "how": drafter.drawing(**settings), "blend": blend}
    found = drafter.inpaint(picture, hole, prompt, **asked)
    return _written(found, out, {"model": drafter.hash, "image": image.name, "mask": mask.name})


def describe(
    pictures: Annotated[list[Path], typer.Argument(metavar="IMAGE|DIR...", help="Pictures, or folders of photos.")],
    write: Annotated[
        bool, typer.Option("--write", help="Write each caption to a .txt file beside its picture, if it has none.")
    ] = False,
    candidates: Candidates = 4,
    seed: Seed = 0,
    rank: Rank = "toybox",
    model: Model = "toybox",
    device: Device = None,
    precision: Precision = "float32",
    *,
    settings: Mapping[str, Any],
) -> Answer:
    """Say what pictures show."""
    from likewise import checkpoint, images, imageset
    from likewise.magvlt.config import Writing
    from likewise.settings import build

    how = build(Writing, settings, "magvlt describe")
    paths = [one.path for path in pictures if path.is_dir() for one in imageset.load(path, captions=False).photos]
    paths = [path for path in pictures if not path.is_dir()] + paths
    loaded = [images.read(path) for path in paths]
    drafter = _open(model, rank if candidates > 1 else "none", device, precision)
    for picture in loaded:
        _warn_cropped(drafter, picture)
    captions = drafter.describe(loaded, seed=seed, candidates=candidates, how=how)
    rows, lines = [], []
    for path, caption in zip(paths, captions, strict=True):
        place = path.with_suffix(".txt")
        new = write and not place.exists() and not path.with_name(f"{path.name}.txt").exists()
        if new:
            checkpoint.write_bytes(place, f"{caption.text}\n".encode())
        row = {"path": str(path), "caption": caption.text, "score": round(caption.score, 4)}
        rows.append(row | ({"written": str(place) if new else None} if write else {}))
        kept = " (kept the caption that is there)" if write and not new else ""
        lines.append(f"{path}: {caption.text}{kept}" if len(paths) > 1 or write else caption.text)
    return Answer({"captions": rows}, lines)


def infill(
    template: Annotated[
        str, typer.Argument(metavar="TEXT", help="A text with ___ for each missing word: 'a ___ dog on the ___'.")
    ],
    image: Annotated[Path | None, typer.Option(metavar="IMAGE", help="A picture that the text is about.")] = None,
    n: Count = 1,
    seed: Seed = 0,
    candidates: Candidates = 4,
    rank: Rank = "toybox",
    model: Model = "toybox",
    device: Device = None,
    precision: Precision = "float32",
    *,
    settings: Mapping[str, Any],
) -> Answer:
    """Fill in missing words, by a picture or by the other words."""
    from likewise import images
    from likewise.magvlt.config import Writing
    from likewise.settings import build

    how, picture = build(Writing, settings, "magvlt infill"), images.read(image) if image else None
    drafter = _open(model, rank if candidates > 1 and image else "none", device, precision)
    if picture is not None:
        _warn_cropped(drafter, picture)
    found = drafter.infill(template, picture, n, seed=seed, candidates=candidates, how=how)
    rows = [{"text": one.text, "score": round(one.score, 4), "seed": seed + i} for i, one in enumerate(found)]
    return Answer({"template": template, "texts": rows}, [one.text for one in found])


def invent(
    n: Count = 4,
    seed: Seed = 0,
    out: Out = Path("pictures"),
    model: Model = "toybox",
    device: Device = None,
    precision: Precision = "float32",
) -> Answer:
    """Invent pictures together with their captions."""
    drafter = _open(model, "none", device, precision)
    return _written(drafter.invent(n, seed=seed), out, {"model": drafter.hash})


def learn(
    photos: Annotated[Path, typer.Argument(metavar="PHOTOS", help="A folder of photos with captions.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="The run folder; must be new, or --resume.")] = Path(
        "runs/magvlt"
    ),
    model: Annotated[
        str, typer.Option(metavar="NAME|DIR", help="The model to begin with; its tokenizers are kept.")
    ] = "toybox",
    fresh: Annotated[bool, typer.Option("--fresh", help="Begin with random weights.")] = False,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the training.")] = 0,
    device: Device = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in --out.")] = False,
    *,
    settings: Mapping[str, Any],
) -> Answer:
    """Train a draft model on captioned photos; it is then in OUT/model."""
    from likewise.devices import choose
    from likewise.magvlt.config import Config
    from likewise.magvlt.teaching import teach
    from likewise.settings import build

    given = {"model": model, "out": out, "seed": seed, **({"device": device} if device else {}), **settings}
    again = shlex.join(["likewise", "magvlt", "learn", str(photos), *flags(given), *["--fresh"] * fresh, "--resume"])
    how = {"start": model, "fresh": fresh, "seed": seed, "resume": resume, "device": choose(device)}
    config = build(Config, settings, "magvlt learn")
    done = teach(photos, out, config, quiet=False, resume_command=again, **how)
    data = {"run": str(out), "model": str(done.model), "pairs": done.pairs, "steps": done.steps, "losses": done.losses}
    lines = [f"{done.pairs} pairs, {done.steps} steps", f'Next: likewise magvlt draft "..." --model {done.model}']
    return Answer(data, lines)


def _open(model: str, rank: str, device: str | None, precision: Any) -> "Drafter":
    from likewise import devices, encoders, magvlt

    kind = devices.choose(device).kind if device else None
    return magvlt.load(model, encoder=None if rank == "none" else encoders.load(rank), device=kind, precision=precision)


def _written(drafts: "list[Draft]", out: Path, more: Mapping[str, Any]) -> Answer:
    from likewise.imagine.output import Output, Picture

    place, pictures = Output(out), []
    for index, one in enumerate(drafts):
        metadata = {"prompt": one.prompt, "seed": one.seed, "score": round(one.score, 4), "method": "magvlt", **more}
        pictures.append(Picture(one.image, metadata, place.write(index, one.image, metadata)))
    if len(pictures) > 1:
        place.sheet(pictures, min(4, len(pictures)))
    rows = [{"path": str(one.path), **one.metadata} for one in pictures]
    return Answer({"folder": str(out), "pictures": rows}, [str(one.path) for one in pictures])


def _warn_cropped(drafter: "Drafter", picture: Any) -> None:
    import warnings

    from likewise.errors import CroppedPictureWarning

    if picture.width != picture.height:
        side = drafter.pictures.pixels
        warnings.warn(CroppedPictureWarning(picture.width, picture.height, side), stacklevel=2)


def _warn_spelled(drafter: "Drafter", prompt: str) -> None:
    import warnings

    from likewise.errors import UnknownWordsWarning
    from likewise.magvlt.words import spelled

    words = spelled(drafter.words, prompt)
    if words:
        warnings.warn(UnknownWordsWarning(words), stacklevel=2)


def _drawing(known: Mapping[str, Any]) -> Any:
    return registry.resolve(registry.MAGVLT_DRAWING)


def _fitting(known: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a model's folder may set otherwise."""
    return {"guidance": VARIES, "warm": VARIES, "cold": VARIES}


def _writing(known: Mapping[str, Any]) -> Any:
    return registry.resolve(registry.MAGVLT_WRITING)


COMMANDS = {
    "draft": Command(draft, _drawing, _fitting, measured=True),
    "describe": Command(describe, _writing, measured=True),
    "inpaint": Command(inpaint, _drawing, _fitting, measured=True),
    "infill": Command(infill, _writing, measured=True),
    "invent": Command(invent, measured=True),
    "learn": Command(learn, lambda known: registry.resolve(registry.MAGVLT), measured=True),
}
