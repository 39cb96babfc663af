"""Make the pictures of a data set to be judged: drawn by a model as the paper did, or photos changed a little.

Fu et al., "DreamSim" (arXiv:2306.09344), section 3: a prompt names a category, and three seeds of it are a reference
and the two pictures to choose from. All is keyed by a seed: stopped and begun again, it comes out the same.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from likewise import checkpoint, images, records, seeds
from likewise.dreamsim import distortions, jnd, triplets
from likewise.dreamsim.jnd import Pair
from likewise.dreamsim.triplets import Triplet
from likewise.errors import FolderExistsError, ResumeMismatchError, SettingError, UnknownNameError

FORM = "An image of a {}"  # the paper's prompt; {} is the category
FACTS = "making.json"
NAMES = ("reference", "left", "right")
WEAK, STRONG = 0.05, 1.0  # strengths of distortions are drawn from this range, evenly in their logarithm

Draw = Callable[[str, Sequence[int]], list[Image.Image]]  # a prompt and the seeds of its pictures


def drawn(
    folder: str | Path,
    categories: Sequence[str],
    draw: Draw,
    *,
    model: str,
    each: int = 1,
    seed: int = 0,
    form: str = FORM,
    settings: Mapping[str, Any] | None = None,
) -> Iterator[int]:
    """Yield the number of triplets there are, one after the other, until each category has `each`.

    draw: pictures of a prompt, one a seed; `by` makes one from any backbone. model: what drew, for the record, and
    settings: how. It goes on where it stopped; ResumeMismatchError for a folder that was begun otherwise.
    """
    wanted = [(category, number) for number in range(each) for category in dict.fromkeys(categories)]
    if not wanted or "{}" not in form:
        raise SettingError("form" if wanted else "categories", form if wanted else [], "a category and a {} for it")
    facts = {"categories": list(categories), "model": model, "each": each, "seed": seed, "form": form}
    _begin(Path(folder), facts | ({"settings": dict(settings)} if settings else {}))
    made = []
    for index, (category, number) in enumerate(wanted):
        names = [f"pictures/{index:05d}-{name}.png" for name in NAMES]
        if not all((Path(folder) / name).is_file() for name in names):
            prompt = _prompt(form, category)
            first = seeds.key(seed, "triplet", category, number) % 2**31
            for name, image in zip(names, draw(prompt, [first, first + 1, first + 2]), strict=True):
                images.write_png(Path(folder) / name, image, {"prompt": prompt, "model": model})
        reference, left, right = names
        made.append(Triplet(reference, left, right, 0, 0, None, category))
        yield len(made)
    triplets.write(folder, made)


def by(backbone: Any, **settings: Any) -> Draw:
    """How a backbone (a name, a folder, or one that is loaded) draws; settings are those of `imagine`."""

    def draw(prompt: str, numbers: Sequence[int]) -> list[Image.Image]:
        from likewise.imagine import imagine

        return [one.image for one in imagine(prompt, backbone=backbone, seeds=numbers, **settings)]

    return draw


def distorted(
    folder: str | Path,
    photos: Sequence[Path],
    *,
    task: str = "2afc",
    each: int = 1,
    seed: int = 0,
    families: Sequence[str] = tuple(distortions.FAMILIES),
    px: int = 384,
) -> Iterator[int]:
    """Yield the number of triplets or pairs made of photos, until each has `each`.

    2afc: the photo, and two distortions of it from two families. jnd: the photo, and one distortion of it. px: pixels
    that the longer side is reduced to. Goes on where it stopped, as `drawn` does.
    """
    least = 2 if task == "2afc" else 1
    if not photos or each < 1 or len(set(families)) < least:
        needed = "two different families" if least == 2 else "one family"
        raise SettingError("families", list(families), f"at least one photo and {needed} are needed")
    for family in families:
        if family not in distortions.FAMILIES:
            raise UnknownNameError("distortion", family, list(distortions.FAMILIES))
    facts = {"photos": [path.name for path in photos], "task": task, "each": each, "seed": seed}
    _begin(Path(folder), {**facts, "families": list(families), "px": px})
    made: list[Any] = []
    for index, path in enumerate(photos):
        original, reference = None, f"pictures/{index:05d}.png"
        for number in range(each):
            rng = seeds.numpy_stream(seed, "distorted", path.name, number)
            chosen = rng.choice(families, size=least, replace=False)
            strengths = [float(np.exp(rng.uniform(np.log(WEAK), np.log(STRONG)))) for _ in chosen]
            names = [f"pictures/{index:05d}-{number}-{side}.png" for side in ("left", "right")[: len(chosen)]]
            if not all((Path(folder) / name).is_file() for name in (reference, *names)):
                original = original or _reduced(images.read(path), px)
                images.write_png(Path(folder) / reference, original)
                for name, family, strength in zip(names, chosen, strengths, strict=True):
                    image, facts = _seen(original, str(family), strength, rng)
                    images.write_png(Path(folder) / name, image, facts)
            if task == "2afc":
                made.append(Triplet(reference, names[0], names[1], 0, 0, None, path.name))
            else:
                made.append(Pair(reference, names[0], 0, 0, None, path.name))
            yield len(made)
    (triplets if task == "2afc" else jnd).write(folder, made)


def _seen(
    original: Image.Image, family: str, strength: float, rng: np.random.Generator
) -> tuple[Image.Image, dict[str, Any]]:
    """The distorted picture and how it came about. What changes no pixel at all is made stronger until it does."""
    while True:
        image = distortions.distort(original, family, strength, rng)
        if strength == 1 or image.tobytes() != original.tobytes():
            return image, {"family": family, "strength": round(strength, 4)}
        strength = min(1.0, 2 * strength)


def _begin(folder: Path, facts: dict[str, Any]) -> None:
    """Note how the folder is made, or see that it was begun in the same way."""
    path = folder / FACTS
    if not path.is_file():
        if folder.exists() and any(folder.iterdir()):
            raise FolderExistsError(folder)
        checkpoint.write_json(path, facts)
        return
    before = checkpoint.read_json(path)
    if "settings" not in before:  # a folder of before they were noted
        facts = {name: value for name, value in facts.items() if name != "settings"}
    differences = records.differences(before, facts)
    if differences:
        raise ResumeMismatchError([f"{name} was {before!r} and is {now!r}" for name, before, now in differences])


def _prompt(form: str, category: str) -> str:
    article = "an" if category[:1].lower() in "aeiou" else "a"
    return form.replace(" a {}", f" {article} {category}").replace("{}", category)


def _reduced(image: Image.Image, px: int) -> Image.Image:
    scale = min(1.0, px / max(image.size))
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image if size == image.size else image.resize(size, Image.Resampling.LANCZOS)
