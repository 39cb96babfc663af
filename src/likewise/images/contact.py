"""A contact sheet: pictures in a grid on near-white paper, each with its label underneath."""

import unicodedata
from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

from likewise.images.frame import fit

PAPER, INK, SOFT_INK, EDGE = (252, 252, 250), (45, 45, 48), (110, 110, 116), (224, 224, 220)
LINES = 2  # of a label; the rest ends in an ellipsis
_SIMPLER = {"ß": "ss", "æ": "ae", "ø": "o", "ł": "l", "–": "-", "—": "-", "×": "x"}  # noqa: RUF001

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


def sheet(
    images: Sequence[Image.Image],
    labels: Sequence[str] | None = None,
    columns: int = 4,
    pad: int = 6,
    *,
    title: str = "",
    cell: tuple[int, int] | None = None,
) -> Image.Image:
    """The pictures row by row, whole, in cells of `cell` (width, height) pixels: by default the largest picture's.

    labels: one a picture, wrapped to two lines. pad: pixels around each picture. Pillow's own font draws Latin letters
    without accents: others lose theirs, and what it cannot draw at all (Chinese, emoji) becomes '?'.
    """
    assert images, "a sheet needs a picture"
    assert labels is None or len(labels) == len(images), "a label for every picture, or none at all"
    width, height = cell or (max(image.width for image in images), max(image.height for image in images))
    columns = max(1, min(columns, len(images)))
    font, bold = _font(_points(width)), _font(_points(width) + 4)
    texts = [wrap(label, font, width) for label in labels] if labels else []
    depth = _depth(texts, font)
    step_x, step_y = width + 2 * pad, height + 2 * pad + depth
    rows = -(-len(images) // columns)
    head = _line(bold) + 2 * pad if title else 0
    paper = Image.new("RGB", (columns * step_x + 2 * pad, rows * step_y + 2 * pad + head), PAPER)
    draw = ImageDraw.Draw(paper)
    if title:
        draw.text((2 * pad, 2 * pad), wrap(title, bold, paper.width - 4 * pad, lines=1), fill=INK, font=bold)
    for index, image in enumerate(images):
        x, y = 2 * pad + index % columns * step_x, 2 * pad + head + index // columns * step_y
        _mount(paper, draw, image, (x, y, width, height))
        if texts:
            place = (x + width / 2, y + height + pad // 2 + 2)
            draw.multiline_text(place, texts[index], fill=SOFT_INK, font=font, anchor="ma", align="center", spacing=2)
    return paper


def wrap(text: str, font: Font, width: int, lines: int = LINES) -> str:
    """The text in at most `lines` lines of `width` pixels, cut between words where it can be, then with an ellipsis."""
    done: list[str] = []
    words = drawable(text, font).split()
    while words and len(done) < lines:
        line = words.pop(0)
        if len(done) == lines - 1:  # the last line takes all that is left, and is cut
            line, words = " ".join([line, *words]), []
        while words and font.getlength(f"{line} {words[0]}") <= width:
            line = f"{line} {words.pop(0)}"
        done.append(_cut(line, font, width))
    return "\n".join(done)


def drawable(text: str, font: Font) -> str:
    """The text in letters that the font has: accents dropped, then '?' for what is left."""
    missing = _glyph("\uffff", font)

    def known(letter: str) -> bool:
        return letter.isspace() or (letter.isprintable() and _glyph(letter, font) != missing)

    def plain(letter: str) -> str:
        folded = unicodedata.normalize("NFKD", _SIMPLER.get(letter, letter))
        return "".join(one if known(one) else "?" for one in folded if not unicodedata.combining(one))

    return "".join(letter if known(letter) else plain(letter) for letter in text)


def _glyph(letter: str, font: Font) -> bytes:
    """The letter's pixels; those of every letter that the font lacks are the same box."""
    paper = Image.new("L", (32, 32))
    ImageDraw.Draw(paper).text((4, 4), letter, fill=255, font=font)
    return paper.tobytes()


def _cut(line: str, font: Font, width: int) -> str:
    if font.getlength(line) <= width:
        return line
    keep = next((end for end in range(len(line), 0, -1) if font.getlength(line[:end].rstrip() + "…") <= width), 0)
    return line[:keep].rstrip() + "…"


def _mount(paper: Image.Image, draw: ImageDraw.ImageDraw, image: Image.Image, box: tuple[int, int, int, int]) -> None:
    """The picture in its box with a hairline around it, so that white pictures have an end."""
    x, y, width, height = box
    scale = min(width / image.width, height / image.height, 1.0)  # a small picture stays as it is
    inner = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    left, top = x + (width - inner[0]) // 2, y + (height - inner[1]) // 2
    draw.rectangle((left - 1, top - 1, left + inner[0], top + inner[1]), outline=EDGE)
    paper.paste(fit(image, inner), (left, top))


def _points(width: int) -> int:
    return max(10, min(16, width // 11))


def _font(points: int) -> Font:
    return ImageFont.load_default(points)


def _line(font: Font) -> int:
    return round(font.getbbox("Ég")[3]) + 2


def _depth(texts: Sequence[str], font: Font) -> int:
    """Pixels that the longest label takes below a picture."""
    return max((text.count("\n") + 1 for text in texts), default=0) * (_line(font) + 2)
