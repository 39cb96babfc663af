"""Backgrounds: plain, gradient, patterned and simply drawn places, each a pure function of a random stream."""

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

COLOURS = {
    "red": (224, 82, 78),
    "orange": (240, 152, 72),
    "yellow": (246, 214, 98),
    "green": (124, 190, 110),
    "blue": (98, 156, 222),
    "purple": (160, 122, 204),
    "pink": (244, 168, 194),
    "white": (246, 246, 244),
    "grey": (168, 172, 178),
    "black": (44, 44, 50),
}
_DRAW = 2  # drawn twice as large and reduced, which smooths every edge


def _jitter(rng: np.random.Generator, colour: tuple[int, int, int], amount: int = 10) -> tuple[int, int, int]:
    r, g, b = (int(np.clip(c + d, 0, 255)) for c, d in zip(colour, rng.integers(-amount, amount + 1, 3), strict=True))
    return r, g, b


def _vertical(size: int, top: tuple[int, int, int], bottom: tuple[int, int, int]) -> Image.Image:
    ramp = np.linspace(0, 1, size)[:, None, None]
    rows = np.array(top) * (1 - ramp) + np.array(bottom) * ramp
    return Image.fromarray(np.broadcast_to(rows, (size, size, 3)).round().astype(np.uint8).copy())


def plain(name: str) -> Callable[[np.random.Generator, int], Image.Image]:
    """A single colour, slightly varied."""
    return lambda rng, size: Image.new("RGB", (size, size), _jitter(rng, COLOURS[name]))


def gradient(first: str, second: str) -> Callable[[np.random.Generator, int], Image.Image]:
    """Two colours, one above the other."""
    return lambda rng, size: _vertical(size, _jitter(rng, COLOURS[first]), _jitter(rng, COLOURS[second]))


def stripes(rng: np.random.Generator, size: int) -> Image.Image:
    """Diagonal stripes of a colour and its lighter self."""
    base = np.array(_jitter(rng, COLOURS[str(rng.choice(["pink", "blue", "green", "yellow", "purple"]))]))
    y, x = np.mgrid[0:size, 0:size]
    width = size / int(rng.integers(5, 8))
    band = np.clip((np.sin((x + y) * np.pi / width)) * width / 3 + 0.5, 0, 1)[..., None]
    return Image.fromarray((base * (1 - band) + (base * 0.45 + 255 * 0.55) * band).astype(np.uint8))


def dots(rng: np.random.Generator, size: int) -> Image.Image:
    """White polka dots on a colour."""
    image = Image.new("RGB", (size, size), _jitter(rng, COLOURS[str(rng.choice(["red", "blue", "pink", "green"]))]))
    draw, step = ImageDraw.Draw(image), size // 6
    for row in range(8):
        for column in range(8):
            x, y = column * step + (row % 2) * step / 2 - step / 2, row * step - step / 2
            draw.ellipse((x - step / 5, y - step / 5, x + step / 5, y + step / 5), fill=(250, 248, 244))
    return image


def checks(rng: np.random.Generator, size: int) -> Image.Image:
    """A checked cloth of a colour and white."""
    colour = _jitter(rng, COLOURS[str(rng.choice(["red", "blue", "green", "orange"]))])
    cells = int(rng.integers(6, 9))
    y, x = np.mgrid[0:size, 0:size] * cells // size
    board = np.where(((x + y) % 2)[..., None] == 0, np.array(colour), np.array((248, 246, 242)))
    return Image.fromarray(board.astype(np.uint8))


def beach(rng: np.random.Generator, size: int) -> Image.Image:
    """Sky, sea and sand."""
    image = _vertical(size, _jitter(rng, (132, 200, 244)), (206, 236, 250))
    draw = ImageDraw.Draw(image)
    sea, sand = size * rng.uniform(0.42, 0.5), size * rng.uniform(0.6, 0.68)
    draw.rectangle((0, sea, size, size), fill=_jitter(rng, (54, 150, 204)))
    wave = [(x, sand + size * 0.02 * np.sin(x / size * 9 + rng.uniform(0, 0.1))) for x in range(0, size + 1, 4)]
    draw.polygon([(0, size), *[(x, y - size * 0.025) for x, y in wave], (size, size)], fill=(236, 248, 250))
    draw.polygon([(0, size), *wave, (size, size)], fill=_jitter(rng, (240, 214, 152)))
    return image


def night(rng: np.random.Generator, size: int) -> Image.Image:
    """A dark sky with stars."""
    image = _vertical(size, _jitter(rng, (16, 20, 56), 5), _jitter(rng, (52, 48, 110), 6))
    draw = ImageDraw.Draw(image)
    for _ in range(int(rng.integers(28, 42))):
        x, y, r = rng.uniform(0, size), rng.uniform(0, size), size * rng.choice([0.005, 0.008, 0.012])
        draw.ellipse((x - r, y - r, x + r, y + r), fill=(255, 250, 220))
    return image


def forest(rng: np.random.Generator, size: int) -> Image.Image:
    """Rows of fir trees on dark green ground."""
    image = _vertical(size, _jitter(rng, (196, 226, 214)), (150, 198, 170))
    draw = ImageDraw.Draw(image)
    for row, shade in enumerate([(106, 164, 128), (70, 130, 92), (44, 98, 66)]):
        base = size * (0.62 + 0.09 * row)
        for x in np.arange(-0.1, 1.1, 0.2) * size + rng.uniform(0, 0.2) * size:
            height, half = size * rng.uniform(0.36, 0.5), size * 0.1
            draw.polygon([(x - half, base), (x, base - height), (x + half, base)], fill=shade)
        draw.rectangle((0, base - 1, size, size), fill=shade)
    draw.rectangle((0, size * 0.8, size, size), fill=_jitter(rng, (64, 112, 62)))
    return image


def snow(rng: np.random.Generator, size: int) -> Image.Image:
    """White hills under a pale sky, flakes falling."""
    image = _vertical(size, _jitter(rng, (160, 190, 220)), (214, 226, 238))
    draw = ImageDraw.Draw(image)
    draw.ellipse((-size * 0.5, size * rng.uniform(0.52, 0.6), size * 0.9, size * 1.6), fill=(232, 240, 248))
    draw.ellipse((size * 0.1, size * rng.uniform(0.62, 0.7), size * 1.6, size * 1.8), fill=(248, 251, 254))
    for _ in range(36):
        x, y, r = rng.uniform(0, size), rng.uniform(0, size * 0.75), size * rng.uniform(0.007, 0.014)
        draw.ellipse((x - r, y - r, x + r, y + r), fill=(255, 255, 255))
    return image


def room(rng: np.random.Generator, size: int) -> Image.Image:
    """A wall with a window, and a wooden floor."""
    image = Image.new("RGB", (size, size), _jitter(rng, (240, 216, 188)))
    draw, floor = ImageDraw.Draw(image), size * rng.uniform(0.64, 0.7)
    left = size * rng.choice([0.1, 0.62])
    draw.rectangle((left, size * 0.12, left + size * 0.28, size * 0.42), fill=(250, 250, 248))
    for column in (0.02, 0.15):
        for row in (0.14, 0.285):
            pane = (left + size * column, size * row, left + size * (column + 0.11), size * (row + 0.115))
            draw.rectangle(pane, fill=(164, 212, 242))
    draw.rectangle((0, floor, size, size), fill=_jitter(rng, (172, 118, 78)))
    for y in np.linspace(floor, size, 5)[:-1]:
        draw.line((0, y, size, y), fill=(140, 92, 58), width=max(1, size // 128))
    return image


def road(rng: np.random.Generator, size: int) -> Image.Image:
    """A road that runs to the horizon between fields."""
    image = _vertical(size, _jitter(rng, (140, 198, 240)), (220, 238, 248))
    draw, horizon = ImageDraw.Draw(image), size * rng.uniform(0.42, 0.5)
    draw.rectangle((0, horizon, size, size), fill=_jitter(rng, (132, 188, 96)))
    draw.polygon([(size * 0.46, horizon), (size * 0.54, horizon), (size * 1.0, size), (0, size)], fill=(98, 98, 106))
    for a, b in ((0.0, 0.12), (0.24, 0.42), (0.6, 0.86)):
        top, bottom = horizon + (size - horizon) * a, horizon + (size - horizon) * b
        half_top, half_bottom = size * (0.004 + 0.02 * a), size * (0.004 + 0.02 * b)
        mid = size / 2
        dash = [(mid - half_top, top), (mid + half_top, top), (mid + half_bottom, bottom), (mid - half_bottom, bottom)]
        draw.polygon(dash, fill=(246, 238, 200))
    return image


def meadow(rng: np.random.Generator, size: int) -> Image.Image:
    """Green grass with small flowers under a blue sky."""
    image = _vertical(size, _jitter(rng, (122, 194, 246)), (218, 240, 252))
    draw = ImageDraw.Draw(image)
    draw.ellipse(
        (-size * 0.6, size * rng.uniform(0.48, 0.56), size * 1.4, size * 2.0), fill=_jitter(rng, (118, 194, 92))
    )
    for _ in range(26):
        x, y, r = rng.uniform(0, size), rng.uniform(size * 0.66, size), size * 0.013
        colour = [(255, 255, 255), (250, 214, 82), (244, 140, 170)][int(rng.integers(3))]
        draw.ellipse((x - r, y - r, x + r, y + r), fill=colour)
    return image


def desert(rng: np.random.Generator, size: int) -> Image.Image:
    """Orange dunes under a warm sky with a low sun."""
    image = _vertical(size, _jitter(rng, (250, 190, 120)), (254, 226, 176))
    draw = ImageDraw.Draw(image)
    x, y, r = size * rng.uniform(0.15, 0.85), size * 0.2, size * 0.09
    draw.ellipse((x - r, y - r, x + r, y + r), fill=(255, 244, 206))
    dunes = (((-0.5, 0.5, 0.8, 1.4), (226, 156, 84)), ((0.2, 0.56, 1.7, 1.6), (208, 134, 66)))
    for (x0, y0, x1, y1), shade in dunes:
        lift = rng.uniform(0, 0.06)
        draw.ellipse((x0 * size, (y0 + lift) * size, x1 * size, y1 * size), fill=_jitter(rng, shade))
    draw.rectangle((0, size * 0.86, size, size), fill=_jitter(rng, (216, 144, 74)))
    return image


def city(rng: np.random.Generator, size: int) -> Image.Image:
    """A skyline with lit windows at dusk."""
    image = _vertical(size, _jitter(rng, (110, 112, 172)), (246, 176, 150))
    draw, x = ImageDraw.Draw(image), -size * 0.02
    while x < size:
        width, top = size * rng.uniform(0.12, 0.2), size * rng.uniform(0.28, 0.56)
        draw.rectangle((x, top, x + width, size), fill=_jitter(rng, (66, 68, 104)))
        for wy in np.arange(top + size * 0.03, size * 0.8, size * 0.07):
            for wx in np.arange(x + size * 0.02, x + width - size * 0.03, size * 0.05):
                if rng.random() < 0.7:
                    draw.rectangle((wx, wy, wx + size * 0.022, wy + size * 0.032), fill=(252, 220, 130))
        x += width + size * 0.01
    draw.rectangle((0, size * 0.82, size, size), fill=(58, 58, 78))
    return image


def water(rng: np.random.Generator, size: int) -> Image.Image:
    """Open water with waves."""
    image = _vertical(size, _jitter(rng, (86, 178, 220)), (24, 98, 162))
    draw = ImageDraw.Draw(image)
    for y in np.linspace(0.06, 0.98, 9) * size:
        phase = rng.uniform(0, 6)
        line = [(x, y + size * 0.014 * np.sin(x / size * 16 + phase)) for x in range(0, size + 1, 4)]
        draw.line(line, fill=(150, 214, 238), width=max(1, size // 80))
    return image


def mountains(rng: np.random.Generator, size: int) -> Image.Image:
    """Snow-capped mountains behind a green valley."""
    image = _vertical(size, _jitter(rng, (150, 200, 240)), (230, 240, 248))
    draw = ImageDraw.Draw(image)
    for centre in (0.2, 0.78, 0.5):
        x, peak, half = size * (centre + rng.uniform(-0.06, 0.06)), size * rng.uniform(0.16, 0.3), size * 0.36
        base = size * 0.68
        slope = (base - peak) / half
        draw.polygon([(x - half, base), (x, peak), (x + half, base)], fill=_jitter(rng, (112, 124, 150)))
        cap = (base - peak) * 0.3
        draw.polygon([(x - cap / slope, peak + cap), (x, peak), (x + cap / slope, peak + cap)], fill=(250, 252, 254))
    draw.rectangle((0, size * 0.66, size, size), fill=_jitter(rng, (112, 172, 96)))
    return image


# how captions name a background -> how it is drawn
BACKGROUNDS: dict[str, Callable[[np.random.Generator, int], Image.Image]] = {
    **{f"on a {name} background": plain(name) for name in COLOURS},
    "on a sunset gradient": gradient("purple", "orange"),
    "on a mint gradient": gradient("green", "white"),
    "on a stripe pattern": stripes,
    "on a dot pattern": dots,
    "on a checked cloth": checks,
    "on the beach": beach,
    "in the night sky": night,
    "in the forest": forest,
    "in the snow": snow,
    "in a room": room,
    "on the road": road,
    "on the grass": meadow,
    "in the desert": desert,
    "in the city": city,
    "on the water": water,
    "in the mountains": mountains,
}


def draw(name: str, rng: np.random.Generator, size: int) -> Image.Image:
    """The background `name` as an RGB picture of `size` px, drawn from `rng` alone."""
    large = BACKGROUNDS[name](rng, size * _DRAW)
    return large.resize((size, size), Image.Resampling.BOX)


def shadow(mask: Image.Image, strength: float) -> Image.Image:
    """A soft shadow of a sprite's alpha channel, as an 'L' mask."""
    return mask.filter(ImageFilter.GaussianBlur(mask.width / 24)).point(lambda v: int(v * strength))
