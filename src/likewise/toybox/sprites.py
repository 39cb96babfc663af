"""Sprites: every concept in every drawn style as an RGBA picture, rendered once from the pinned packages."""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from PIL import Image

from likewise.disk import write_bytes
from likewise.errors import MissingExtraError, SpriteError
from likewise.toybox.concepts import Concept

SIZE = 160  # px; the largest size a scene draws a sprite at is 112 px


@dataclass
class Sprites:
    """A folder of rendered sprites, `<style>/<name>.png`, held in memory as they are used."""

    folder: Path

    def __post_init__(self) -> None:
        self._open: dict[tuple[str, str], Image.Image] = {}

    def get(self, style: str, name: str) -> Image.Image:
        """The RGBA sprite, cropped to its drawing, longest side `SIZE`."""
        if (style, name) not in self._open:
            path = self.folder / style / f"{name}.png"
            if not path.exists():
                raise SpriteError(f"No sprite of '{name}' in style '{style}'. Run: likewise toybox build")
            with Image.open(path, formats=("PNG",)) as image:
                self._open[style, name] = image.convert("RGBA")
        return self._open[style, name]


def render(
    packages: dict[str, Path],
    concepts: Sequence[Concept],
    folder: Path,
    progress: Callable[[int, int], None] | None = None,
) -> Sprites:
    """Render every concept in the four styles under `folder`, but for the sprites that are there already.

    packages: as `packages.fetch` gives them. progress: told (concepts done, in all). Raises SpriteError, naming a
    concept that the packages cannot draw.
    """
    noto = packages["@iconify-json/noto"]
    icons = json.loads((noto / "icons.json").read_text())
    names = json.loads((noto / "chars.json").read_text())
    labels = {
        row["hexcode"].lower().replace("-fe0f", ""): row["label"]
        for row in json.loads((packages["emojibase-data"] / "en" / "data.json").read_text())
    }
    for done, concept in enumerate(concepts, start=1):
        code = concept.hexcode
        word = names.get(code) or names.get(f"{code}-fe0f") or ""
        flat = packages["fluentui-emoji"] / "icons" / "flat"
        art = {
            "3d": _first(packages["@lobehub/fluent-emoji-3d"] / "assets", (f"{code}.webp", f"{code}-fe0f.webp")),
            "flat": _first(flat, (f"{word}.svg", f"{labels[code].replace(' ', '-').lower()}.svg")),
            "sticker": _first(packages["@twemoji/svg"], (f"{code}.svg", f"{code}-fe0f.svg")),
            "cartoon": _icon(icons, word),
        }
        for style, source in art.items():
            target = folder / style / f"{concept.name}.png"
            if source is None:
                raise SpriteError(f"The packages hold no '{style}' picture of {concept.emoji} {concept.name}.")
            if not target.exists():
                write_bytes(target, _png(_trim(_picture(source))))
        if progress:
            progress(done, len(concepts))
    return Sprites(folder)


def _first(folder: Path, names: Iterable[str]) -> Path | None:
    return next((folder / name for name in names if (folder / name).exists()), None)


def _icon(icons: dict, name: str) -> str | None:
    entry = icons["icons"].get(name)
    width, height = icons.get("width", 16), icons.get("height", 16)
    spaces = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
    return None if entry is None else f'<svg {spaces} viewBox="0 0 {width} {height}">{entry["body"]}</svg>'


def _picture(source: Path | str) -> Image.Image:
    if isinstance(source, Path) and source.suffix == ".webp":
        with Image.open(source, formats=("WEBP",)) as image:
            return image.convert("RGBA")
    try:
        import resvg_py
    except ImportError as missing:
        raise MissingExtraError("resvg-py", "toybox") from missing
    text = source.read_text() if isinstance(source, Path) else source
    png = resvg_py.svg_to_bytes(svg_string=text, width=256, height=256, dpi=96.0)
    return Image.open(BytesIO(bytes(png)), formats=("PNG",)).convert("RGBA")


def _trim(image: Image.Image) -> Image.Image:
    """Crop to the drawing, so that a subject's size means the same in every style, and scale to SIZE."""
    image = image.crop(image.getchannel("A").getbbox())
    scale = SIZE / max(image.size)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image.resize(size, Image.Resampling.LANCZOS)


def _png(image: Image.Image) -> bytes:
    buffer = BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()
