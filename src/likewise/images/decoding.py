"""Read one photo safely: an allow-list of formats, a pixel cap, then upright, sRGB, opaque, 8 bits a channel."""

import re
import struct
import warnings
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from likewise.errors import AnimationWarning, ColourProfileWarning, ImageFileError, ImageTooLargeError
from likewise.images.colour import eight_bits, opaque, to_srgb
from likewise.images.signature import describe

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
"""What is opened; a file's first bytes decide, not its name. EPS, PDF and the like run programs and stay out."""

MAX_PIXELS = 80_000_000
"""Decoded this is 240 MB. Below Pillow's own limits, so that ours speaks first."""

UNDECODABLE = (
    OSError,
    EOFError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    RuntimeError,
    struct.error,
)
"""What Pillow's decoders raise on damaged files (found by damaging files); told as 'damaged', in Pillow's words."""

_ANIMATED = ("GIF", "WEBP", "PNG", "AVIF", "TIFF")  # not MPO: a phone's second picture is a depth map or a thumbnail


@dataclass(frozen=True)
class Decoded:
    """A photo and what had to be done to it."""

    image: Image.Image  # RGB, upright, sRGB, opaque
    format: str  # Pillow's name, such as "JPEG"
    mode: str  # the file's own mode, such as "CMYK"
    orientation: int  # EXIF 1..8; 1 is upright, 5..8 lie on their side
    frames: bool  # the file holds more than the frame read
    transparent: bool  # something showed through, and is white now
    profile: str  # "" for sRGB or none, otherwise the name of the profile converted from
    profile_problem: str  # "" or why the profile could not be used


def read(path: str | PathLike, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """One photo as an RGB picture: EXIF rotation applied once, sRGB, alpha on white, 16 bits scaled to 8.

    ImageFileError says what is wrong with a file; AnimationWarning and ColourProfileWarning what was left out.
    """
    found = decode(path, max_pixels)
    if found.frames:
        warnings.warn(AnimationWarning(path), stacklevel=2)
    if found.profile_problem:
        warnings.warn(ColourProfileWarning(path, found.profile_problem), stacklevel=2)
    return found.image


def decode(path: str | PathLike, max_pixels: int = MAX_PIXELS) -> Decoded:
    """As read, without warnings: what was done is in the answer."""
    path = Path(path)
    with _open(path) as file:
        if (pixels := file.width * file.height) > max_pixels:
            raise ImageTooLargeError(path, pixels, max_pixels, file.size)
        try:
            file.load()
            upright = ImageOps.exif_transpose(file)
            orientation = file.getexif().get(ExifTags.Base.Orientation, 1)
            frames = file.format in _ANIMATED and bool(getattr(file, "is_animated", False))
        except UNDECODABLE as error:
            raise _damaged(path, error) from error
        except Image.DecompressionBombError as error:  # a first frame larger than its header said
            raise ImageFileError(path, f"its frames are too large ({error})") from error
        name, mode, icc = str(file.format), file.mode, file.info.get("icc_profile")
    try:
        shallow = eight_bits(upright)
    except ValueError as error:
        raise ImageFileError(path, str(error)) from error
    colours, profile, problem = to_srgb(shallow, icc)
    image, transparent = opaque(colours)
    image.info.clear()  # place and time of the shot, and a profile that no longer holds, must not be written again
    orientation = orientation if orientation in range(1, 9) else 1
    return Decoded(image, name, mode, orientation, frames, transparent, profile, problem)


def _open(path: Path) -> Image.Image:
    """The file with its header read, or the reason why not."""
    try:
        if not path.is_file():  # opening a pipe would wait forever
            raise ImageFileError(path, _absence(path), "Give a picture file in its place")
        return Image.open(path, formats=FORMATS)
    except UnidentifiedImageError as error:
        raise ImageFileError(path, *describe(path)) from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        count = re.search(r"\d+", str(error))
        raise ImageTooLargeError(path, int(count[0]) if count else 0, MAX_PIXELS, _png_size(path)) from error
    except PermissionError as error:
        raise ImageFileError(path, "it may not be read (permission denied)", "Change its permissions") from error
    except UNDECODABLE as error:
        raise _damaged(path, error) from error


def _absence(path: Path) -> str:
    if path.is_dir():
        return "it is a folder"
    if path.is_symlink():
        return "it is a link that leads nowhere, or back to itself"
    return "it is no ordinary file" if path.exists() else "there is no such file"


def _damaged(path: Path, error: BaseException) -> ImageFileError:
    words = str(error) or type(error).__name__
    return ImageFileError(
        path, f"it is cut short or damaged ({words})", "Copy it again from where it came from, or leave it out"
    )


def _png_size(path: Path) -> tuple[int, int] | None:
    """Width and height from a PNG's header, for a picture that Pillow refuses before it tells them."""
    with path.open("rb") as file:
        head = file.read(24)
    return struct.unpack(">II", head[16:24]) if head[:4] == b"\x89PNG" and len(head) == 24 else None
