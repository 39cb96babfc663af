"""Ways to change a picture a little: the low-level axes along which people may or may not see a difference.

Each takes a picture, a strength in (0, 1] and a random stream, which decides direction and detail; the size stays. At
0.1 most are hard to see, at 1 none can be missed.
"""

from collections.abc import Callable
from io import BytesIO

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter

from likewise.errors import SettingError, UnknownNameError

Distortion = Callable[[Image.Image, float, np.random.Generator], Image.Image]


def distort(image: Image.Image, family: str, strength: float, rng: np.random.Generator) -> Image.Image:
    """The picture changed by one of FAMILIES, RGB of the same size. Raises UnknownNameError, SettingError."""
    if family not in FAMILIES:
        raise UnknownNameError("distortion", family, FAMILIES)
    if not 0 < strength <= 1:
        raise SettingError("strength", strength, "a share above 0, at most 1, is needed")
    return FAMILIES[family](image.convert("RGB"), strength, rng)


def brightness(image: Image.Image, strength: float, rng: np.random.Generator) -> Image.Image:
    """Lighter or darker."""
    return ImageEnhance.Brightness(image).enhance(_either(0.6 * strength, rng))


def contrast(image: Image.Image, strength: float, rng: np.random.Generator) -> Image.Image:
    """Harder or softer."""
    return ImageEnhance.Contrast(image).enhance(_either(0.75 * strength, rng))


def saturation(image: Image.Image, strength: float, rng: np.random.Generator) -> Image.Image:
    """More colourful or greyer."""
    return ImageEnhance.Color(image).enhance(_either(0.95 * strength, rng))


def hue(image: Image.Image, strength: float, rng: np.random.Generator) -> Image.Image:
    """All colours turned, by up to a half turn."""
    values = np.asarray(image.convert("HSV")).copy()
    turn = round(128 * strength) * (1 if rng.random() < 0.5 else -1)
    values[..., 0] = (values[..., 0].astype(int) + turn) % 256
    return Image.fromarray(values, "HSV").convert("RGB")


def blur(image: Image.Image, strength: float, rng: np.random.Generator) -> Image.Image:
    """Out of focus, by a radius of up to 4 % of the shorter side."""
    return image.filter(ImageFilter.GaussianBlur(0.04 * strength * min(image.size)))


def noise(image: Image.Image, strength: float, rng: np.random.Generator) -> Image.Image:
    """Grain, with a standard deviation of up to 60 of 255."""
    values = np.asarray(image).astype(np.float64)
    return _picture(values + 60 * strength * rng.standard_normal(values.shape))


def jpeg(image: Image.Image, strength: float, rng: np.random.Generator) -> Image.Image:
    """Compressed, from quality 90 down to 3."""
    buffer = BytesIO()
    image.save(buffer, "JPEG", quality=round(90 - 87 * strength))
    with Image.open(buffer, formats=("JPEG",)) as small:
        return small.convert("RGB")


def colours(image: Image.Image, strength: float, rng: np.random.Generator) -> Image.Image:
    """Few colours, from 64 steps a channel down to 3."""
    steps = round(64 * (3 / 64) ** strength)
    values = np.asarray(image).astype(np.float64)
    return _picture(np.round(values / 255 * (steps - 1)) / (steps - 1) * 255)


def shift(image: Image.Image, strength: float, rng: np.random.Generator) -> Image.Image:
    """Moved in any direction, by up to a quarter of its size; the edge goes on where nothing was."""
    turn = rng.uniform(0, 2 * np.pi)
    dx, dy = 0.25 * strength * np.cos(turn) * image.width, 0.25 * strength * np.sin(turn) * image.height
    return _mapped(image, lambda x, y: (x + dx, y + dy))


def turn(image: Image.Image, strength: float, rng: np.random.Generator) -> Image.Image:
    """Turned about its middle, by up to 45 degrees either way."""
    angle = np.radians(45 * strength) * (1 if rng.random() < 0.5 else -1)
    cos, sin, cx, cy = np.cos(angle), np.sin(angle), image.width / 2, image.height / 2
    return _mapped(image, lambda x, y: (cx + cos * (x - cx) - sin * (y - cy), cy + sin * (x - cx) + cos * (y - cy)))


def zoom(image: Image.Image, strength: float, rng: np.random.Generator) -> Image.Image:
    """Nearer or farther, up to twice."""
    scale = 2.0 ** (strength * (1 if rng.random() < 0.5 else -1))
    cx, cy = image.width / 2, image.height / 2
    return _mapped(image, lambda x, y: (cx + (x - cx) / scale, cy + (y - cy) / scale))


def warp(image: Image.Image, strength: float, rng: np.random.Generator) -> Image.Image:
    """Bent in waves, by up to 6 % of its size."""
    phases, far = rng.uniform(0, 2 * np.pi, 2), 0.06 * strength
    wave = 2 * np.pi * rng.uniform(1.5, 2.5, 2)
    return _mapped(
        image,
        lambda x, y: (
            x + far * image.width * np.sin(wave[0] * y / image.height + phases[0]),
            y + far * image.height * np.sin(wave[1] * x / image.width + phases[1]),
        ),
    )


def cover(image: Image.Image, strength: float, rng: np.random.Generator) -> Image.Image:
    """A grey square over up to half of each side."""
    found = image.copy()
    side = [max(1, round(0.5 * strength * length)) for length in image.size]
    left, top = (int(rng.integers(length - part + 1)) for length, part in zip(image.size, side, strict=True))
    ImageDraw.Draw(found).rectangle((left, top, left + side[0] - 1, top + side[1] - 1), fill=(128, 128, 128))
    return found


FAMILIES: dict[str, Distortion] = {
    "brightness": brightness,
    "contrast": contrast,
    "saturation": saturation,
    "hue": hue,
    "blur": blur,
    "noise": noise,
    "jpeg": jpeg,
    "colours": colours,
    "shift": shift,
    "turn": turn,
    "zoom": zoom,
    "warp": warp,
    "cover": cover,
}


def _either(amount: float, rng: np.random.Generator) -> float:
    """A factor above or below 1."""
    return 1 + amount if rng.random() < 0.5 else 1 - amount


def _picture(values: np.ndarray) -> Image.Image:
    return Image.fromarray(values.round().clip(0, 255).astype(np.uint8))


def _mapped(image: Image.Image, source: Callable[[np.ndarray, np.ndarray], tuple]) -> Image.Image:
    """Each pixel from where `source` says (x, y in pixels), between pixels linearly, beyond the edge from the edge."""
    values = np.asarray(image).astype(np.float64)
    height, width = values.shape[:2]
    y, x = np.mgrid[0:height, 0:width] + 0.5
    far_x, far_y = (np.broadcast_to(part, (height, width)) - 0.5 for part in source(x, y))
    far_x, far_y = far_x.clip(0, width - 1), far_y.clip(0, height - 1)
    left, top = far_x.astype(int), far_y.astype(int)
    right, low = (left + 1).clip(max=width - 1), (top + 1).clip(max=height - 1)
    u, v = (far_x - left)[..., None], (far_y - top)[..., None]
    above = values[top, left] * (1 - u) + values[top, right] * u
    below = values[low, left] * (1 - u) + values[low, right] * u
    return _picture(above * (1 - v) + below * v)
