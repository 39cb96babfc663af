"""Bring a picture to a given size: cover it and cut the edges, or fit it in and pad."""

from PIL import Image

Size = int | tuple[int, int]


def cover(image: Image.Image, size: Size) -> Image.Image:
    """The middle of the picture filling `size` (side, or width and height, in pixels), Lanczos resampled once."""
    width, height = _pair(size)
    scale = min(image.width / width, image.height / height)
    left, top = (image.width - width * scale) / 2, (image.height - height * scale) / 2
    if image.size == (width, height):
        return image.copy()
    box = (left, top, left + width * scale, top + height * scale)
    return image.resize((width, height), Image.Resampling.LANCZOS, box=_inside(box, image.size))


def fit(image: Image.Image, size: Size, fill: str | tuple[int, int, int] = "white") -> Image.Image:
    """The whole picture inside `size` (side, or width and height, in pixels), the rest filled."""
    width, height = _pair(size)
    scale = min(width / image.width, height / image.height)
    inner = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    canvas = Image.new("RGB", (width, height), fill)
    small = image if inner == image.size else image.resize(inner, Image.Resampling.LANCZOS)
    canvas.paste(small, ((width - inner[0]) // 2, (height - inner[1]) // 2))
    return canvas


def _pair(size: Size) -> tuple[int, int]:
    pair = (size, size) if isinstance(size, int) else size
    assert min(pair) > 0, f"a picture's sides are at least 1 pixel, not {pair}"
    return pair


def _inside(box: tuple[float, float, float, float], size: tuple[int, int]) -> tuple[float, float, float, float]:
    """The box without the last bit of rounding that would put an edge outside the picture."""
    return max(0.0, box[0]), max(0.0, box[1]), min(float(size[0]), box[2]), min(float(size[1]), box[3])
