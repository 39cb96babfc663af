"""Lay out a world folder: packages fetched, sprites rendered, held-out lists written down, all of it to be browsed."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from PIL import Image

from likewise import checkpoint, images
from likewise.errors import WorldFolderError, WorldMismatchError, WorldMissingError
from likewise.toybox import packages, page, sprites
from likewise.toybox.concepts import MASCOTS, STYLES, Concept
from likewise.toybox.photos import Photos
from likewise.toybox.recipe import CONCEPTS
from likewise.toybox.scenes import BACKGROUNDS
from likewise.toybox.world import World, open_world

FACTS, SHEET, PAGE, LICENCES = "world.json", "sheet.png", "index.html", "LICENSES.md"
SAMPLES = 48
Progress = Callable[[int, int], None]


def build(
    folder: str | Path,
    *,
    concepts: int | None = CONCEPTS,
    seed: int = 0,
    photos: str | Path | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Fetch, render and describe the world in `folder`, and return what there is. What is there already is kept.

    concepts: how many things, the best known of each category; None for all. photos: a folder of photo sets, shown in
    the samples; `toybox learn` names it anew. progress: told (parts done, in all). world.json is written last.

    Raises WorldFolderError, PackageError, SpriteError, WriteError.
    """
    folder = Path(folder)
    if folder.exists() and not folder.is_dir():
        raise WorldFolderError(folder)
    world = open_world(folder, seed, concepts, Path(photos) if photos else None)
    told = _Parts(progress, [len(packages.PACKAGES), len(world.concepts) + len(MASCOTS), SAMPLES])
    found = packages.fetch(folder / "packages", told.part(0))
    sprites.render(found, (*world.concepts, *MASCOTS), folder / "sprites", told.part(1))
    samples = []
    for index in range(SAMPLES):
        samples.append(world.picture(index))
        told.part(2)(index + 1, SAMPLES)
    return _written(folder, world, samples)


def opened(
    folder: str | Path, *, concepts: int | None = None, seed: int | None = None, photos: str | Path | None = None
) -> World:
    """The world that `build` laid out in a folder, with the number of things and the seed that it was built with.

    Raises WorldMissingError, and WorldMismatchError if `concepts` or `seed` are given and are not the world's.
    """
    folder = Path(folder)
    if not (folder / FACTS).is_file():
        raise WorldMissingError(folder)
    facts = checkpoint.read_json(folder / FACTS)
    own = {"concepts": len(facts["concepts"]), "seed": facts["seed"]}
    asked = {"concepts": concepts, "seed": seed}
    wrong = [(name, own[name], value) for name, value in asked.items() if value is not None and value != own[name]]
    if wrong:
        raise WorldMismatchError(folder, wrong)
    return open_world(folder, own["seed"], own["concepts"], Path(photos) if photos else None)


def facts_of(world: World) -> dict[str, Any]:
    """What world.json holds: all that a world depends on, what training never sees, and where its art is from."""
    return {
        "format": 1,
        "seed": world.seed,
        "styles": list(STYLES),
        "backgrounds": list(BACKGROUNDS),
        "concepts": _listed(world.concepts),
        "mascots": _listed(MASCOTS),
        "held_out": {
            "pairs": [list(pair) for pair in sorted(world.held_pairs)],
            "compositions": [list(parts) for parts in world.held_compositions],
        },
        "photos": _photo_sets(world.photos),
        "packages": [asdict(package) | {"integrity": f"sha512-{package.integrity}"} for package in packages.PACKAGES],
    }


def _written(folder: Path, world: World, samples: list[tuple[Image.Image, str]]) -> dict[str, Any]:
    facts = facts_of(world)
    checkpoint.write_bytes(folder / LICENCES, licences(facts).encode())
    sheet = images.sheet([picture for picture, _ in samples], [caption for _, caption in samples], columns=8)
    images.write_png(folder / SHEET, sheet)
    checkpoint.write_bytes(folder / PAGE, page.render(world, facts, samples).encode())
    checkpoint.write_json(folder / FACTS, facts)
    return {
        "folder": str(folder),
        "seed": world.seed,
        "concepts": len(facts["concepts"]),
        "styles": len(STYLES),
        "backgrounds": len(BACKGROUNDS),
        "mascots": len(MASCOTS),
        "held_pairs": len(facts["held_out"]["pairs"]),
        "held_compositions": len(facts["held_out"]["compositions"]),
        "photos": sum(facts["photos"].values()),
        "page": str(folder / PAGE),
        "sheet": str(folder / SHEET),
        "licences": str(folder / LICENCES),
    }


def licences(facts: Mapping[str, Any]) -> str:
    """LICENSES.md: whose art the sprites are, under which terms, and exactly which files they came from."""
    lines = ["# Where the pictures come from", ""]
    lines += [
        "The sprites are rendered from these packages; they are cropped and resized, and composed into scenes.",
        "",
    ]
    for package in facts["packages"]:
        lines += [
            f"## {package['name']} {package['version']} ({package['use']})",
            "",
            f"- by {package['author']}, {package['home']}",
            f"- licence: {package['licence']}",
            f"- hash of the package: `{package['integrity']}`",
            "",
        ]
    if facts["photos"]:
        lines += ["## Photos", "", "Each set's terms are those of the place that it was taken from.", ""]
        lines += [f"- {name}: {count} photos" for name, count in facts["photos"].items()] + [""]
    return "\n".join(lines)


def _listed(concepts: tuple[Concept, ...]) -> list[dict[str, str]]:
    return [asdict(concept) for concept in concepts]


def _photo_sets(photos: Photos | None) -> dict[str, int]:
    names = [path.relative_to(photos.folder).parts[0] for path, _ in photos.rows] if photos else []
    return {name: names.count(name) for name in sorted(set(names))}


class _Parts:
    """Several jobs of known sizes, told as one."""

    def __init__(self, progress: Progress | None, sizes: list[int]) -> None:
        self.progress, self.sizes = progress, sizes

    def part(self, index: int) -> Progress:
        """Where job `index` tells how far it is."""
        before, total = sum(self.sizes[:index]), sum(self.sizes)
        return lambda done, _: self.progress(before + done, total) if self.progress else None
