"""Pictures in and out: files to upright sRGB pictures, pictures to tensors and back, PNG with settings, sheets.

Inside the library a picture is a PIL image of mode RGB, and a batch is float32 (B, 3, H, W) in [0, 1].
"""

from importlib import import_module
from typing import TYPE_CHECKING

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

_HOME = {
    **dict.fromkeys(("MAX_PIXELS", "Decoded", "decode", "read"), "decoding"),
    **dict.fromkeys(("cover", "fit"), "frame"),
    **dict.fromkeys(("read_metadata", "write_png"), "png"),
    "sheet": "contact",
    **dict.fromkeys(("to_pil", "to_tensor"), "tensors"),
}


def __getattr__(name: str) -> object:
    """A public name, its module imported when first asked for: checking photos must not wait for torch."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
