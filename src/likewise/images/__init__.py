"""Pictures in and out: files to upright sRGB pictures, pictures to tensors and back, PNG with settings, sheets.

Inside the library a picture is a PIL image of mode RGB, and a batch is float32 (B, 3, H, W) in [0, 1].
"""

from typing import TYPE_CHECKING

from likewise import lazy

if TYPE_CHECKING:
    from likewise.images.contact import sheet
    from likewise.images.decoding import MAX_PIXELS, Decoded, decode, read
    from likewise.images.frame import cover, fit
    from likewise.images.png import read_metadata, write_png
    from likewise.images.tensors import to_pil, to_tensor

__all__ = [
    "MAX_PIXELS",
    "Decoded",
    "cover",
    "decode",
    "fit",
    "read",
    "read_metadata",
    "sheet",
    "to_pil",
    "to_tensor",
    "write_png",
]

lazy.public(
    __name__,
    MAX_PIXELS="decoding",
    Decoded="decoding",
    cover="frame",
    decode="decoding",
    fit="frame",
    read="decoding",
    read_metadata="png",
    sheet="contact",
    to_pil="tensors",
    to_tensor="tensors",
    write_png="png",
)
